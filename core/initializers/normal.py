"""Initial weights that do not look at the layer's size."""

import torch
from torch import Tensor, nn

from core.initializers import INITIALIZERS


@INITIALIZERS.register()
def default(weight: Tensor) -> None:
    """Whatever the layer itself does: in torch.nn, uniform within 1/sqrt(inputs)."""


@INITIALIZERS.register()
def normal(weight: Tensor, *, std: float = 0.01) -> None:
    """Normal, with the standard deviation 0.01 of the notes' perceptrons if std is not set."""
    nn.init.normal_(weight, std=std)


@INITIALIZERS.register()
@torch.no_grad()
def thresholded_uniform(weight: Tensor, *, bound: float = 10.0, threshold: float = 5.0) -> None:
    """Uniform within 10, but 0 where nearer to 0 than 5: note 000, section 4.2.2."""
    weight.uniform_(-bound, bound)
    weight *= weight.abs() >= threshold


@INITIALIZERS.register()
def constant(weight: Tensor, *, value: float = 0.01) -> None:
    """All weights the same: the units of a layer then stay the same for ever."""
    nn.init.constant_(weight, value)


@INITIALIZERS.register()
def zeros(weight: Tensor) -> None:
    """All weights 0: what lies below a layer of zeros gets no gradient."""
    nn.init.zeros_(weight)
