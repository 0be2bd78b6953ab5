"""How the weights of linear and convolutional layers begin; biases keep their layer's own start.

Each entry fills one weight tensor in place. A new file in this folder is found by itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

INITIALIZERS: Registry[Callable[..., Any]] = Registry("initializer", __name__)


def initialize(model: "nn.Module", name: str) -> None:
    """Fill the weights of every linear and convolutional layer of `model` in place."""
    from torch import nn

    fill = INITIALIZERS[name]
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            fill(layer.weight)
