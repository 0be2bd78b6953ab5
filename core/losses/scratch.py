"""The losses from their formulas (core/layers), each equal to its twin in classification.py."""

import torch
from torch import Tensor

from core.layers.loss import cross_entropy, squared_loss
from core.layers.softmax import log_softmax
from core.losses import LOSSES


@LOSSES.register()
def cross_entropy_scratch(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy from scratch."""
    # Spreading a share of the target evenly is adding the mean surprise at all classes.
    loss = (1 - label_smoothing) * cross_entropy(logits, labels)
    return loss - label_smoothing * log_softmax(logits).mean() if label_smoothing else loss


@LOSSES.register(numbers=True)
def squared_scratch(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Squared error from scratch; of classes, half the distance to 1 for it and 0 for others."""
    if labels.is_floating_point():
        return 2 * squared_loss(logits[:, 0], labels)
    classes = logits.shape[1]
    one_hot = (labels[:, None] == torch.arange(classes, device=labels.device)).to(logits.dtype)
    target = one_hot * (1 - label_smoothing) + label_smoothing / classes  # (B, K)
    # squared_loss is the mean over B times K differences; here each image counts as one.
    return classes * squared_loss(logits, target)
