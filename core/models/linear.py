"""Linear regression: features to one number, note 000, sections 2.1 and 2.2.

Not among the registered networks: those take images and give a logit per class.
"""

from torch import nn

from core.layers.linear import Linear


def linear(in_features: int) -> nn.Module:
    """One linear unit of torch.nn: (B, I) -> (B, 1)."""
    net = nn.Sequential()
    net.add_module("output", nn.Linear(in_features, 1))
    return net


def linear_scratch(in_features: int) -> nn.Module:
    """One linear unit from scratch: (B, I) -> (B, 1)."""
    net = nn.Sequential()
    net.add_module("output", Linear(in_features, 1))
    return net
