"""Activations, element by element: note 000, section 3.1.2. Any shape goes in and comes out.

Each is a function, for plots, and a module, for networks.
"""

import torch
from torch import Tensor, nn

from core.layers import ACTIVATIONS


@ACTIVATIONS.register()
def relu(x: Tensor) -> Tensor:
    """max(0, x), with gradient 0 at 0."""
    # torch.maximum(x, 0), as in the note, has gradient 1/2 at 0. Asked this way round, a NaN stays.
    return torch.where(x <= 0, 0, x)


@ACTIVATIONS.register()
def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """x if it is positive, slope * x otherwise (Maas, Hannun and Ng 2013)."""
    return torch.where(x > 0, x, slope * x)


@ACTIVATIONS.register()
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    # exp(-x) overflows for x < -88, and its gradient becomes NaN. Both parts of the fraction are
    # multiplied by exp(shift), which changes nothing, whatever the shift: so it needs no gradient.
    shift = x.detach().clamp(max=0)
    top = shift.exp()
    return top / (top + (shift - x).exp())


@ACTIVATIONS.register()
def tanh(x: Tensor) -> Tensor:
    """(1 - exp(-2x)) / (1 + exp(-2x))."""
    # tanh(-x) = -tanh(x): so computed for |x|, where the exponential cannot overflow. The sign is
    # a constant to autograd. expm1 keeps the digits of 1 - exp(-2x) when x is small.
    sign = torch.where(x.detach() < 0, -1, 1).to(x.dtype)
    minus = torch.expm1(-2 * sign * x)  # exp(-2|x|) - 1
    return sign * -minus / (2 + minus)


class ReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class LeakyReLU(nn.Module):
    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return leaky_relu(x, self.negative_slope)


class Sigmoid(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x)


class Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


MODULES: dict[str, type[nn.Module]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}


def make_activation(name: str) -> nn.Module:
    """A new module for the activation called `name`. Raises UnknownName."""
    return MODULES[ACTIVATIONS.check(str(name))]()
