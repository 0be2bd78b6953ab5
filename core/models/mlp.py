"""The multilayer perceptron of the notes: one hidden layer of 256 rectified units.

Note 000, "multilayer perceptron, concise".
"""

from torch import nn

from core.models import MODELS


@MODELS.register(
    input_size=28, source="note 000, section 3.3", recipe={"optimizer": "adam", "lr": 0.001}
)
def mlp(
    in_channels: int, num_classes: int, *, input_size: int = 28, hidden: int = 256
) -> nn.Module:
    """One hidden layer of 256 rectified units."""
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("hidden", nn.Linear(in_channels * input_size**2, hidden))
    net.add_module("relu", nn.ReLU())
    net.add_module("output", nn.Linear(hidden, num_classes))
    return net
