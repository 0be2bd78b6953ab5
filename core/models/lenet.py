"""LeNet: two convolutions and three linear layers with sigmoids, as the notes draw it, and the
notes' variant with batch normalisation.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86(11), 1998. Like the notes, and unlike the paper: sigmoid for scaled tanh,
plain averaging for trainable subsampling, every feature map joined to every other, and a linear
layer of logits in place of radial basis functions.
"""

from torch import nn

from core.models import MODELS
from core.models._activations import make_activation
from core.models._windows import side_after


@MODELS.register(
    input_size=28,
    source="notes 000, 001",
    recipe={"optimizer": "adam", "lr": 0.003, "initializer": "xavier_uniform"},
)
def lenet(
    in_channels: int, num_classes: int, *, input_size: int = 28, activation: str = "sigmoid"
) -> nn.Module:
    """Two convolutions and three linear layers, with sigmoids.

    `activation` is another in their place, such as tanh, to which the paper's is closer.
    """
    side = side_after("lenet", input_size, ((5, 1, 2), (2, 2, 0), (5, 1, 0), (2, 2, 0)))
    net = nn.Sequential()
    # Padding 2 makes the paper's 32x32 field out of MNIST's 28x28.
    net.add_module("conv1", nn.Conv2d(in_channels, 6, 5, padding=2))  # -> (B, 6, 28, 28)
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("pool1", nn.AvgPool2d(2))  # -> (B, 6, 14, 14)
    net.add_module("conv2", nn.Conv2d(6, 16, 5))  # -> (B, 16, 10, 10)
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("pool2", nn.AvgPool2d(2))  # -> (B, 16, 5, 5)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc1", nn.Linear(16 * side**2, 120))
    net.add_module(f"{activation}3", make_activation(activation))
    net.add_module("fc2", nn.Linear(120, 84))
    net.add_module(f"{activation}4", make_activation(activation))
    net.add_module("fc3", nn.Linear(84, num_classes))
    return net


@MODELS.register(input_size=28, source="note 003", recipe={"optimizer": "adam", "lr": 0.001})
def lenet_bn(
    in_channels: int, num_classes: int, *, input_size: int = 28, activation: str = "sigmoid"
) -> nn.Module:
    """LeNet with batch normalisation and max pooling."""
    side = side_after("lenet_bn", input_size, ((5, 1, 0), (2, 2, 0), (5, 1, 0), (2, 2, 0)))
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(in_channels, 6, 5))  # -> (B, 6, 24, 24)
    net.add_module("bn1", nn.BatchNorm2d(6))
    net.add_module(f"{activation}1", make_activation(activation))
    net.add_module("pool1", nn.MaxPool2d(2))  # -> (B, 6, 12, 12)
    net.add_module("conv2", nn.Conv2d(6, 16, 5))  # -> (B, 16, 8, 8)
    net.add_module("bn2", nn.BatchNorm2d(16))
    net.add_module(f"{activation}2", make_activation(activation))
    net.add_module("pool2", nn.MaxPool2d(2))  # -> (B, 16, 4, 4)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc1", nn.Linear(16 * side**2, 120))
    net.add_module("bn3", nn.BatchNorm1d(120))
    net.add_module(f"{activation}3", make_activation(activation))
    net.add_module("fc2", nn.Linear(120, 84))
    net.add_module("bn4", nn.BatchNorm1d(84))
    net.add_module(f"{activation}4", make_activation(activation))
    net.add_module("fc3", nn.Linear(84, num_classes))
    return net
