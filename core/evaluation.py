"""A trained network on the test part: figures by class and the mistakes, or errors of numbers."""

from dataclasses import dataclass

from torch import Tensor

from core.losses import Loss
from core.metrics import (
    accuracy,
    confusion_matrix,
    per_class_accuracy,
    per_class_precision,
    worst_mistakes,
)


@dataclass(frozen=True)
class Mistake:
    """An image that was taken for something else."""

    index: int  # of the image, from 0
    true: int
    predicted: int
    probability: float  # of the predicted class
    probability_of_true: float


@dataclass(frozen=True)
class Evaluation:
    """How well a network did on some images."""

    images: int
    accuracy: float
    loss: float  # mean per image
    matrix: Tensor  # (K, K): rows are true classes, columns predicted ones
    accuracies: list[float | None]  # by class; None without an image
    precisions: list[float | None]  # by class; None where nothing was taken for it
    mistakes: list[Mistake]  # worst first
    mistakes_in_all: int


@dataclass(frozen=True)
class WrongNumber:
    """A number that was predicted, beside the true one."""

    index: int  # of the row, from 0
    true: float
    predicted: float


@dataclass(frozen=True)
class NumberEvaluation:
    """How well a network predicted numbers, in the target's own units."""

    rows: int
    r2: float
    mse: float
    mae: float
    worst: list[WrongNumber]  # farthest off first


def evaluate_numbers(predicted: Tensor, true: Tensor, worst: int) -> NumberEvaluation:
    """Figures from predictions (N,) and targets (N,), with the `worst` rows. Not all targets are
    the same."""
    predicted, true = predicted.double(), true.double()
    errors = predicted - true
    mse = errors.square().mean().item()
    order = errors.abs().argsort(descending=True, stable=True)[:worst].tolist()
    return NumberEvaluation(
        rows=len(true),
        r2=1 - mse / true.var(unbiased=False).item(),
        mse=mse,
        mae=errors.abs().mean().item(),
        worst=[WrongNumber(i, true[i].item(), predicted[i].item()) for i in order],
    )


def evaluate_classes(logits: Tensor, labels: Tensor, mistakes: int, *, loss: Loss) -> Evaluation:
    """Figures from logits (N, K) and labels (N,), with the worst `mistakes` mistakes.

    `loss` is the one that the network was trained with; it is taken without label smoothing.
    """
    labels = labels.cpu()
    probabilities = logits.softmax(1)
    predictions = logits.argmax(1)
    matrix = confusion_matrix(labels, predictions, logits.shape[1])
    wrong = worst_mistakes(logits, labels)

    def mistake(i: int) -> Mistake:
        true, predicted = int(labels[i]), int(predictions[i])
        at = probabilities[i]
        return Mistake(i, true, predicted, at[predicted].item(), at[true].item())

    return Evaluation(
        images=len(labels),
        accuracy=accuracy(matrix),
        loss=loss(logits, labels).item(),
        matrix=matrix,
        accuracies=per_class_accuracy(matrix),
        precisions=per_class_precision(matrix),
        mistakes=[mistake(i) for i in wrong[:mistakes]],
        mistakes_in_all=len(wrong),
    )
