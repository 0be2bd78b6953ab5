"""The multilayer perceptrons of the notes: one hidden layer of 256 rectified units, and two of them
with dropout.

Note 000, section 3.3, "multilayer perceptron, concise", and section 3.4.2, "dropout". Srivastava,
Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural networks
from overfitting", JMLR 15, 2014.
"""

from torch import nn

from core.models import MODELS
from core.models._activations import make_activation


@MODELS.register(
    input_size=28,
    rows=True,
    source="note 000, 3.3",
    recipe={"optimizer": "adam", "lr": 0.001},
)
def mlp(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 28,
    hidden: int = 256,
    activation: str = "relu",
) -> nn.Module:
    """One hidden layer of 256 rectified units."""
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("hidden", nn.Linear(in_channels * input_size**2, hidden))
    net.add_module(activation, make_activation(activation))
    net.add_module("output", nn.Linear(hidden, num_classes))
    return net


@MODELS.register(
    input_size=28,
    rows=True,
    source="note 000, 3.4.2",
    recipe={"optimizer": "adam", "lr": 0.001},
)
def mlp_dropout(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 28,
    hidden1: int = 256,
    hidden2: int = 256,
    dropout1: float = 0.2,
    dropout2: float = 0.5,
    activation: str = "relu",
) -> nn.Module:
    """Two hidden layers of 256 rectified units, with dropout.

    `dropout1` and `dropout2` are the shares of units that a training step leaves out after each.
    """
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("hidden1", nn.Linear(in_channels * input_size**2, hidden1))
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("dropout1", nn.Dropout(dropout1))
    net.add_module("hidden2", nn.Linear(hidden1, hidden2))
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("dropout2", nn.Dropout(dropout2))
    net.add_module("output", nn.Linear(hidden2, num_classes))
    return net
