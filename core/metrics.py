"""How well labels were predicted: pure functions of tensors."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Confusion:
    """Images of one class that were taken for another."""

    true: int
    predicted: int
    count: int


def confusion_matrix(labels: Tensor, predictions: Tensor, classes: int) -> Tensor:
    """(K, K), int64: how many images of class `row` were taken for class `column`.

    `labels` and `predictions` are (N,), int64, each from 0 to `classes` - 1.
    """
    pairs = labels * classes + predictions
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def accuracy(matrix: Tensor) -> float:
    """The fraction of all images that were recognised, from a confusion matrix of at least one."""
    return matrix.trace().item() / matrix.sum().item()


def per_class_accuracy(matrix: Tensor) -> list[float | None]:
    """Of each class, the fraction of its images that were recognised (recall).

    None where there is no image of the class.
    """
    return _fractions(matrix.diag(), matrix.sum(1))


def per_class_precision(matrix: Tensor) -> list[float | None]:
    """Of the images that were taken for each class, the fraction that is of it.

    None where no image was.
    """
    return _fractions(matrix.diag(), matrix.sum(0))


def confusions(matrix: Tensor) -> list[Confusion]:
    """Which classes were taken for which others, most often first."""
    wrong = matrix.clone().fill_diagonal_(0)
    found = [Confusion(t, p, int(wrong[t, p])) for t, p in wrong.nonzero().tolist()]
    return sorted(found, key=lambda c: -c.count)


def worst_mistakes(logits: Tensor, labels: Tensor) -> list[int]:
    """Positions of the images that were not recognised, the highest loss first.

    `logits` are (N, K), `labels` (N,). The highest loss is where the true class got the lowest
    probability.
    """
    losses = F.cross_entropy(logits, labels, reduction="none")
    wrong = (logits.argmax(1) != labels).nonzero()[:, 0]
    return wrong[losses[wrong].argsort(descending=True, stable=True)].tolist()


def _fractions(parts: Tensor, wholes: Tensor) -> list[float | None]:
    return [
        part / whole if whole else None
        for part, whole in zip(parts.tolist(), wholes.tolist(), strict=True)
    ]
