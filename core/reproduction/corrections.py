"""Where the notes are wrong, and what we do instead. Lines count from 1 in the note's text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """One mistake of a note."""

    note: str
    line: int
    says: str
    ours: str


CORRECTIONS = (
    Correction(
        "000",
        474,
        "`resize=64a`: no Python, and 64x64 images for a network of 784 inputs",
        "28x28",
    ),
    Correction(
        "000",
        486,
        "softmax as exp(o) / sum(exp(o)): inf / inf for a logit above 88",
        "the largest logit is subtracted first (`core/layers/softmax.py`)",
    ),
    Correction(
        "000",
        494,
        "cross-entropy as -log of that softmax: infinite where it underflows to 0",
        "from logits, by log-sum-exp (`core/layers/loss.py`)",
    ),
    Correction("000", 505, "the test accuracy is printed as `loss`", "it is called accuracy"),
    Correction(
        "000",
        700,
        "layers begin uniform in [0, 1] by default",
        "torch.nn's begin uniform within 1 / sqrt(inputs) (`nnlab plot init default`)",
    ),
    Correction(
        "000",
        750,
        "covariate-shift weights exp(-h); from its own quotient follows exp(h)",
        "exp(h); `nnlab shift covariate` shows both, and that the note's sign does harm",
    ),
    Correction(
        "000",
        860,
        "`X - X.mean(axis=1)`: without keepdim right for a single example alone",
        "keepdim (`docs/examples/custom_layer.py`)",
    ),
    Correction(
        "000",
        1182,
        "batch normalisation divides by the variance (its program by the deviation)",
        "by the deviation (`core/layers/norm.py`)",
    ),
    Correction(
        "000",
        1190,
        "batch normalisation learns from evaluation too, unless gradients are off",
        "it learns in training mode alone",
    ),
    Correction(
        "001",
        237,
        "training images are scaled to [-1, 1], test images to [0, 1]",
        "the same scale; [trashnet-cifar10](#trashnet-cifar10) shows both",
    ),
    Correction(
        "001",
        397,
        "training accuracy on each batch after the step on that batch",
        "from the logits that the step was computed from",
    ),
    Correction("001", 439, "fractions with a percent sign behind them", "fractions, or percent"),
    Correction(
        "003",
        117,
        "the running variance begins at 0: too small until some fifty batches have passed",
        "at 1, as in torch.nn",
    ),
    Correction(
        "004",
        589,
        "Dropout2d, which is for feature maps, between linear layers",
        "Dropout, which drops the same units without a warning",
    ),
    Correction(
        "004",
        672,
        "mean 0.1302 and deviation 0.3069 are of pixels / 256; its loader divides by 255",
        "those of the images as they are loaded: 0.1307 and 0.3081",
    ),
)
