"""How far the outputs of a network are from the labels, or from numbers."""

import torch.nn.functional as F
from torch import Tensor

from core.losses import LOSSES


@LOSSES.register()
def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Surprise at the labels, in nats: -log softmax(logits)[label]."""
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)


@LOSSES.register(numbers=True)
def squared(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean squared error; of classes, half the distance to 1 for it and 0 for the others."""
    if labels.is_floating_point():
        return F.mse_loss(logits[:, 0], labels)
    # The notes' loss of linear regression, one for each class: of the outputs as they are, not of
    # probabilities, for softmax would leave a wrong class that is sure of itself no gradient. Its
    # gradient is (outputs - target) / B, as that of cross-entropy is (softmax - target) / B.
    count, classes = logits.shape
    target = F.one_hot(labels, classes).to(logits.dtype)
    target = target * (1 - label_smoothing) + label_smoothing / classes
    return F.mse_loss(logits, target, reduction="sum") / (2 * count)
