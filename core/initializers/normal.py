"""Initial weights that do not look at the layer's size."""

from torch import Tensor, nn

from core.initializers import INITIALIZERS


@INITIALIZERS.register()
def default(weight: Tensor) -> None:
    """Whatever the layer itself does: in torch.nn, uniform within 1/sqrt(inputs)."""


@INITIALIZERS.register()
def normal(weight: Tensor) -> None:
    """Normal with standard deviation 0.01, as the notes start their perceptrons."""
    nn.init.normal_(weight, std=0.01)
