"""VGG: five blocks of 3x3 convolutions, each of which halves the sides, and three linear layers.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
arXiv:1409.1556, table 1: configurations A, B, D and E. Note 000 builds A, VGG-11.
"""

from collections import OrderedDict

from torch import nn

from core.errors import ConfigError
from core.models import MODELS
from core.models._windows import side_after

CHANNELS = (64, 128, 256, 512, 512)  # of each block
CONVOLUTIONS = {  # in each block
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


@MODELS.register(
    input_size=224,
    source="note 000, 6.2",
    # The notes' book takes SGD at 0.05 and Xavier's start: after an epoch of the built-in images
    # the thin VGG-11 is right in 10 % with that, in 75 % with this.
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def vgg11(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    hidden: int = 4096,
) -> nn.Module:
    """Eight 3x3 convolutions and three linear layers.

    `width` is the share of the paper's channels that the convolutions have: 0.25 makes the thin
    VGG-11 that the notes' book trains on Fashion-MNIST. `hidden` units are in each of the two
    linear layers before the last, whatever the width. The deeper ones below take the same options.
    """
    return _vgg("vgg11", in_channels, num_classes, input_size, width, hidden)


@MODELS.register(
    input_size=224,
    source="note 000, 6.2",
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def vgg13(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    hidden: int = 4096,
) -> nn.Module:
    """Ten 3x3 convolutions and three linear layers."""
    return _vgg("vgg13", in_channels, num_classes, input_size, width, hidden)


@MODELS.register(
    input_size=224,
    source="note 000, 6.2",
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def vgg16(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    hidden: int = 4096,
) -> nn.Module:
    """Thirteen 3x3 convolutions and three linear layers."""
    return _vgg("vgg16", in_channels, num_classes, input_size, width, hidden)


@MODELS.register(
    input_size=224,
    source="note 000, 6.2",
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def vgg19(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 224,
    width: float = 1.0,
    hidden: int = 4096,
) -> nn.Module:
    """Sixteen 3x3 convolutions and three linear layers."""
    return _vgg("vgg19", in_channels, num_classes, input_size, width, hidden)


def _vgg(
    name: str, in_channels: int, num_classes: int, input_size: int, width: float, hidden: int
) -> nn.Module:
    if not 0 < width <= 4:
        raise ConfigError(
            f"{name} cannot be {width} times as wide.", "Choose a width above 0, at most 4."
        )
    side = side_after(name, input_size, ((2, 2, 0),) * 5)  # the convolutions keep the sides
    net = nn.Sequential()
    channels = in_channels
    for i, (convolutions, full) in enumerate(zip(CONVOLUTIONS[name], CHANNELS, strict=True), 1):
        out_channels = max(1, round(full * width))
        # 224x224 -> 112, 56, 28, 14, 7
        net.add_module(f"block{i}", _block(convolutions, channels, out_channels))
        channels = out_channels
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc1", nn.Linear(channels * side**2, hidden))
    net.add_module("relu1", nn.ReLU())
    net.add_module("dropout1", nn.Dropout(0.5))
    net.add_module("fc2", nn.Linear(hidden, hidden))
    net.add_module("relu2", nn.ReLU())
    net.add_module("dropout2", nn.Dropout(0.5))
    net.add_module("fc3", nn.Linear(hidden, num_classes))
    return net


def _block(convolutions: int, in_channels: int, out_channels: int) -> nn.Module:
    """(B, I, H, W) -> (B, O, H/2, W/2)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(1, convolutions + 1):
        layers[f"conv{i}"] = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        layers[f"relu{i}"] = nn.ReLU()
        in_channels = out_channels
    layers["pool"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)
