"""Linear regression: a weight for each feature and a bias, note 000, sections 2.1 and 2.2."""

from torch import nn

from core.layers.flatten import Flatten
from core.layers.linear import Linear
from core.models import MODELS


@MODELS.register(
    input_size=1,
    in_channels=2,  # the features of the notes' synthetic data
    rows=True,
    numbers=True,
    source="note 000, 2.2",
    recipe={"optimizer": "sgd", "lr": 0.01, "batch_size": 10},
)
def linear(in_channels: int, num_classes: int = 1, *, input_size: int = 1) -> nn.Module:
    """Linear regression, for tables with a numeric target."""
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("output", nn.Linear(in_channels * input_size**2, num_classes))
    return net


@MODELS.register(
    input_size=1,
    in_channels=2,
    rows=True,
    numbers=True,
    source="note 000, 2.1",
    recipe={"optimizer": "sgd", "lr": 0.01, "batch_size": 10},
)
def linear_scratch(in_channels: int, num_classes: int = 1, *, input_size: int = 1) -> nn.Module:
    """Linear regression for numeric targets, from scratch."""
    net = nn.Sequential()
    net.add_module("flatten", Flatten())
    net.add_module("output", Linear(in_channels * input_size**2, num_classes))
    return net
