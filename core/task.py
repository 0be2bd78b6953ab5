"""What a network is trained for: to tell classes apart, or to predict a number.

All that differs between the two stands here; others ask. Imports no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from core.losses import LOSSES
from core.models import MODELS

if TYPE_CHECKING:
    from torch import Tensor

# Outputs (B, K) and targets (B,) -> the score of each sample (B,). Their mean over a whole part is
# the score of the part.
Score = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True)
class Task:
    """One of the two below."""

    name: str
    metric: str  # what a score is called
    short_metric: str  # the same in a column's title
    loss: str  # what training minimises, unless the user chooses another

    def score(self, targets: "Tensor") -> Score:
        """How the samples of the part that has these targets are scored."""
        if self is CLASSIFICATION:
            return hits
        return partial(explained, variance=targets.double().var(unbiased=False).item())


CLASSIFICATION = Task("classification", "accuracy", "acc", "cross_entropy")
REGRESSION = Task("regression", "R²", "R²", "squared")


def hits(outputs: "Tensor", labels: "Tensor") -> "Tensor":
    """Which of them have the highest output at their label: bool."""
    return outputs.max(1).indices == labels  # two thirds of the time of argmax


def explained(outputs: "Tensor", targets: "Tensor", variance: float) -> "Tensor":
    """1 - (y - t)^2 / variance of each.

    With the variance of a part's targets, the mean over the part is its R² = 1 - SSE / SST.
    """
    return 1 - (outputs[:, 0] - targets) ** 2 / variance


def predicts_numbers(model: str) -> bool:
    """Whether the network called `model` is for regression alone."""
    declared = MODELS.declared.get(model)
    return bool(declared and declared.facts.get("numbers"))


def wanted_task(model: str, loss: str | None) -> Task | None:
    """The task that a network or a loss stands for, where the targets could be either's."""
    if predicts_numbers(model):
        return REGRESSION
    if loss is None:
        return None
    return REGRESSION if LOSSES.declared[loss].facts.get("numbers") else CLASSIFICATION
