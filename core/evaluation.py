"""A trained network on labelled images: figures by class, and the mistakes."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

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
    loss: float  # cross-entropy, nats per image
    matrix: Tensor  # (K, K): rows are true classes, columns predicted ones
    accuracies: list[float | None]  # by class; None without an image
    precisions: list[float | None]  # by class; None where nothing was taken for it
    mistakes: list[Mistake]  # worst first
    mistakes_in_all: int


def evaluate_classes(logits: Tensor, labels: Tensor, mistakes: int) -> Evaluation:
    """Figures from logits (N, K) and labels (N,), with the worst `mistakes` mistakes."""
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
        loss=F.cross_entropy(logits, labels).item(),
        matrix=matrix,
        accuracies=per_class_accuracy(matrix),
        precisions=per_class_precision(matrix),
        mistakes=[mistake(i) for i in wrong[:mistakes]],
        mistakes_in_all=len(wrong),
    )
