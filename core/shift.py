"""Distribution shift, and how it is corrected: note 000, sections 3.6.3 and 3.6.4.

A classifier is trained on a source and used on a target whose images come from another
distribution; the target's labels are used for nothing but the score. Both sources and targets are
drawn from one data set, shifted on purpose.

Covariate shift: p(x) changes, p(y|x) does not. A discriminator between source (0) and target (1)
has the logit h(x) = log p(x)/q(x) + constant, so training images are weighted by
beta = exp(h(x)), where p is the target and q the source. The note ends at exp(-h(x)): but
sigmoid(h) / (1 - sigmoid(h)) = exp(h). With its sign, weights do harm; `CovariateResult.inverted`
shows it.

Label shift: p(y) changes, p(x|y) does not. The target's p(y) solves C p = mu, where column j of C
says what the classifier takes images of class j for (measured on source images kept apart), and mu
how often it predicts each class on the target; beta = p(y)/q(y).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.datasets import Dataset, Images
from core.errors import DataError
from core.metrics import confusion_matrix

MOST_WEIGHT = 20.0  # of one image: a few that the source almost never has must not decide it all
FEWEST = 50  # images, of a source or of a target: fewer tell nothing
APART = 0.25  # share of the source kept apart for the confusion matrix

# Weights by p(x)/q(x) help a classifier that cannot be right everywhere, and tell it where to be;
# one that can needs none, and loses by their noise. So this one sees 4x4 patches of an image.
COARSE, FINE = 4, 7  # patches along each side


@dataclass(frozen=True)
class CovariateResult:
    """Accuracies on the target, as fractions."""

    plain: float  # trained on the source as it is
    weighted: float  # trained with the discriminator's weights
    inverted: float  # trained with the note's exp(-h)
    discriminator: float  # accuracy of telling source from target; 0.5 would be no shift
    effective_share: float  # of the source's images that the weights leave: (sum b)^2 / n sum b^2
    source_images: int
    target_images: int


@dataclass(frozen=True)
class LabelResult:
    """Accuracies on the target as fractions, and the shares of the classes."""

    plain: float  # trained on the source as it is
    weighted: float  # trained with p(y)/q(y) as estimated
    informed: float  # trained with the target's true shares, which nobody knows: the most to hope
    source_shares: tuple[float, ...]  # q(y)
    true_shares: tuple[float, ...]  # p(y)
    estimated_shares: tuple[float, ...]
    source_images: int
    target_images: int


class Softmax:
    """A trained softmax regression: features (N, D) -> logits (N, K)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight = weight  # (D, K)
        self.bias = bias  # (K,)

    def __call__(self, features: Tensor) -> Tensor:
        return features @ self.weight + self.bias


def fit(
    features: Tensor,
    labels: Tensor,
    classes: int,
    weights: Tensor | None = None,
    decay: float = 1e-4,
) -> Softmax:
    """Softmax regression on (N, D) and (N,), each example counted `weights` (N,) times.

    The whole set at once with L-BFGS, which needs no learning rate and draws nothing at random.
    `decay` times the sum of all squared weights is added to the mean loss.
    """
    scale = torch.ones(len(labels)) if weights is None else weights / weights.mean()
    weight = torch.zeros(features.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        each = F.cross_entropy(features @ weight + bias, labels, reduction="none")
        total = (scale * each).mean() + decay * weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return Softmax(weight.detach(), bias.detach())


def patches(pixels: Tensor, side: int) -> Tensor:
    """Mean brightness of side x side patches: uint8 (N, C, H, W) -> (N, C * side^2), 0 to 1."""
    return F.adaptive_avg_pool2d(pixels.float() / 255, side).flatten(1)


def density_ratio(source: Tensor, target: Tensor) -> tuple[Tensor, float]:
    """log p(x)/q(x) of each source example (N, D), and how well the two were told apart.

    Source and target count the same, however many each has, so that the constant is 0.
    """
    features = torch.cat([source, target])
    is_target = torch.cat([torch.zeros(len(source)), torch.ones(len(target))]).long()
    sizes = torch.tensor([len(source), len(target)]).float()
    weights = (1 / sizes)[is_target]
    logits = fit(features, is_target, 2, weights, decay=1e-3)(features)
    hits = (logits.argmax(1) == is_target).float()
    accuracy = (hits * weights).sum() / weights.sum()
    return (logits[:, 1] - logits[:, 0])[: len(source)], accuracy.item()


def solve_shares(confusion: Tensor, predicted: Tensor) -> Tensor:
    """The classes' shares p (K,), from C p = mu.

    `confusion` (K, K) counts images: rows are true classes, columns predicted ones. `predicted`
    (K,) are the shares of the predictions on the target. Least squares, because a class that is
    never predicted makes C singular; what comes out negative is 0.
    """
    columns = (confusion / confusion.sum(1, keepdim=True).clamp(min=1)).T.double()
    # The driver that also works for a matrix without full rank.
    found = torch.linalg.lstsq(columns, predicted.double()[:, None], driver="gelsd").solution
    shares = found[:, 0].clamp(min=0)
    return (shares / shares.sum()).float()


def covariate_shift(dataset: Dataset, strength: float, seed: int) -> CovariateResult:
    """Train on images that are mostly dark, test on images that are mostly bright.

    A training image stays with probability sigmoid(-strength * z), a test image with
    sigmoid(strength * z), where z is its standardised brightness. One half of the target is for the
    discriminator, without its labels, and the other for the score. Raises DataError if too little
    is left.
    """
    generator = torch.Generator().manual_seed(seed)
    light = dataset.train.pixels.float().mean((1, 2, 3))
    mean, deviation = light.mean(), light.std()

    def draw(images: Images, sign: int) -> tuple[Tensor, Tensor]:
        z = (images.pixels.float().mean((1, 2, 3)) - mean) / deviation
        kept = torch.rand(len(z), generator=generator) < torch.sigmoid(sign * strength * z)
        return patches(images.pixels[kept], COARSE), images.labels[kept]

    source, labels = draw(dataset.train, -1)
    target, target_labels = draw(dataset.test, +1)
    unlabelled = len(target) // 2
    _check(dataset.name, len(source), unlabelled)
    logs, discriminator = density_ratio(source, target[:unlabelled])
    beta = logs.exp().clamp(max=MOST_WEIGHT)
    classes = len(dataset.classes)

    def score(weights: Tensor | None) -> float:
        model = fit(source, labels, classes, weights)
        return _accuracy(model(target[unlabelled:]), target_labels[unlabelled:])

    return CovariateResult(
        plain=score(None),
        weighted=score(beta),
        inverted=score((-logs).exp().clamp(max=MOST_WEIGHT)),
        discriminator=discriminator,
        effective_share=(beta.sum().square() / beta.square().sum() / len(beta)).item(),
        source_images=len(source),
        target_images=len(target) - unlabelled,
    )


def label_shift(dataset: Dataset, strength: float, seed: int) -> LabelResult:
    """Train on the classes as they are, test where some are rare.

    In an order drawn by `seed`, each class is exp(-strength / 3) times as frequent as the one
    before it. Raises DataError if too little is left.
    """
    generator = torch.Generator().manual_seed(seed)
    classes = len(dataset.classes)
    rank = torch.randperm(classes, generator=generator)
    keep = torch.exp(-strength / 3 * rank)
    kept = torch.rand(len(dataset.test), generator=generator) < keep[dataset.test.labels]
    target, target_labels = patches(dataset.test.pixels[kept], FINE), dataset.test.labels[kept]

    order = torch.randperm(len(dataset.train), generator=generator)
    apart = order[: int(APART * len(order))]
    rest = order[len(apart) :]
    _check(dataset.name, len(apart), len(target))
    features = patches(dataset.train.pixels, FINE)
    source, labels = features[rest], dataset.train.labels[rest]

    plain = fit(source, labels, classes)
    confusion = confusion_matrix(
        dataset.train.labels[apart], plain(features[apart]).argmax(1), classes
    )
    estimated = solve_shares(confusion, _shares(plain(target).argmax(1), classes))
    true, source_shares = _shares(target_labels, classes), _shares(labels, classes)

    def score(shares: Tensor) -> float:
        beta = shares / source_shares.clamp(min=1 / len(labels))
        return _accuracy(fit(source, labels, classes, beta[labels])(target), target_labels)

    return LabelResult(
        plain=_accuracy(plain(target), target_labels),
        weighted=score(estimated),
        informed=score(true),
        source_shares=tuple(source_shares.tolist()),
        true_shares=tuple(true.tolist()),
        estimated_shares=tuple(estimated.tolist()),
        source_images=len(source),
        target_images=len(target),
    )


def _shares(labels: Tensor, classes: int) -> Tensor:
    return torch.bincount(labels, minlength=classes) / len(labels)


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).float().mean().item()


def _check(name: str, source: int, target: int) -> None:
    if min(source, target) < FEWEST:
        raise DataError(
            f"{name} leaves {source} images of the source and {target} of the target.",
            "Choose a smaller --strength, or a larger data set.",
        )
