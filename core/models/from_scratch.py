"""The notes' first networks of layers from scratch (core/layers) in place of torch.nn's.

Each is drawn like its twin, with the same names, so that weights fit both ways, and the same random
numbers to begin with: with the same seed the two give the same curves, up to rounding. Of torch.nn
only the container is used.

With lenet_bn and Adam rounding grows. The mean takes a bias before a batch normalisation out again,
so its gradient is really 0, and what is computed is rounding; Adam divides it by its own size, and
so makes whole steps of it: these biases wander, each twin's its own way. In training nothing comes
of that; tests, which use running means, feel it more. Measured on Fashion-MNIST (batches of 16,
seed 0), training losses differ by less than 0.001 in all of five epochs, test losses by 0.0001
after the first, 0.003 after the fourth and 0.02 after the fifth.
"""

from torch import nn

from core.layers.activation import make_activation
from core.layers.conv import Conv2d
from core.layers.dropout import Dropout
from core.layers.flatten import Flatten
from core.layers.linear import Linear
from core.layers.norm import BatchNorm
from core.layers.pool import AvgPool2d, MaxPool2d
from core.models import MODELS
from core.models._windows import side_after


@MODELS.register(
    input_size=28, rows=True, source="note 000, 2.4", recipe={"optimizer": "sgd", "lr": 0.1}
)
def softmax_scratch(in_channels: int, num_classes: int, *, input_size: int = 28) -> nn.Module:
    """One linear layer from pixels to logits, from scratch."""
    net = nn.Sequential()
    net.add_module("flatten", Flatten())
    net.add_module("output", Linear(in_channels * input_size**2, num_classes))
    return net


@MODELS.register(
    input_size=28,
    rows=True,
    source="note 000, 3.2",
    recipe={"optimizer": "adam", "lr": 0.001},
)
def mlp_scratch(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 28,
    hidden: int = 256,
    activation: str = "relu",
) -> nn.Module:
    """One hidden layer of 256 rectified units, from scratch."""
    net = nn.Sequential()
    net.add_module("flatten", Flatten())
    net.add_module("hidden", Linear(in_channels * input_size**2, hidden))
    net.add_module(activation, make_activation(activation))
    net.add_module("output", Linear(hidden, num_classes))
    return net


@MODELS.register(
    input_size=28,
    rows=True,
    source="note 000, 3.4.2",
    recipe={"optimizer": "adam", "lr": 0.001},
)
def mlp_dropout_scratch(
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
    """Two rectified hidden layers with dropout, from scratch.

    The two drop the same units on the CPU, others on a GPU.
    """
    net = nn.Sequential()
    net.add_module("flatten", Flatten())
    net.add_module("hidden1", Linear(in_channels * input_size**2, hidden1))
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("dropout1", Dropout(dropout1))
    net.add_module("hidden2", Linear(hidden1, hidden2))
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("dropout2", Dropout(dropout2))
    net.add_module("output", Linear(hidden2, num_classes))
    return net


@MODELS.register(
    input_size=28,
    source="notes 000, 001",
    recipe={"optimizer": "adam", "lr": 0.003, "initializer": "xavier_uniform"},
)
def lenet_scratch(
    in_channels: int, num_classes: int, *, input_size: int = 28, activation: str = "sigmoid"
) -> nn.Module:
    """LeNet with sigmoid and average pooling, from scratch."""
    side = side_after("lenet_scratch", input_size, ((5, 1, 2), (2, 2, 0), (5, 1, 0), (2, 2, 0)))
    net = nn.Sequential()
    net.add_module("conv1", Conv2d(in_channels, 6, 5, padding=2))  # -> (B, 6, 28, 28)
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("pool1", AvgPool2d(2))  # -> (B, 6, 14, 14)
    net.add_module("conv2", Conv2d(6, 16, 5))  # -> (B, 16, 10, 10)
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("pool2", AvgPool2d(2))  # -> (B, 16, 5, 5)
    net.add_module("flatten", Flatten())
    net.add_module("fc1", Linear(16 * side**2, 120))
    net.add_module(f"{activation}3", make_activation(activation))
    net.add_module("fc2", Linear(120, 84))
    net.add_module(f"{activation}4", make_activation(activation))
    net.add_module("fc3", Linear(84, num_classes))
    return net


@MODELS.register(input_size=28, source="note 003", recipe={"optimizer": "adam", "lr": 0.001})
def lenet_bn_scratch(
    in_channels: int, num_classes: int, *, input_size: int = 28, activation: str = "sigmoid"
) -> nn.Module:
    """LeNet with batch normalisation, from scratch."""
    side = side_after("lenet_bn_scratch", input_size, ((5, 1, 0), (2, 2, 0), (5, 1, 0), (2, 2, 0)))
    net = nn.Sequential()
    net.add_module("conv1", Conv2d(in_channels, 6, 5))  # -> (B, 6, 24, 24)
    net.add_module("bn1", BatchNorm(6))
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("pool1", MaxPool2d(2))  # -> (B, 6, 12, 12)
    net.add_module("conv2", Conv2d(6, 16, 5))  # -> (B, 16, 8, 8)
    net.add_module("bn2", BatchNorm(16))
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("pool2", MaxPool2d(2))  # -> (B, 16, 4, 4)
    net.add_module("flatten", Flatten())
    net.add_module("fc1", Linear(16 * side**2, 120))
    net.add_module("bn3", BatchNorm(120))
    net.add_module(f"{activation}3", make_activation(activation))
    net.add_module("fc2", Linear(120, 84))
    net.add_module("bn4", BatchNorm(84))
    net.add_module(f"{activation}4", make_activation(activation))
    net.add_module("fc3", Linear(84, num_classes))
    return net
