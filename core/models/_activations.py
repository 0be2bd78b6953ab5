"""The activations that a network's option `activation` can name, as modules of torch.nn."""

from torch import nn

from core.layers import ACTIVATIONS

MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def make_activation(name: str) -> nn.Module:
    """A new module for the activation called `name`. Raises UnknownName."""
    return MODULES[ACTIVATIONS.check(str(name))]()
