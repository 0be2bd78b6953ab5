"""DenseNet: in each block, every convolution reads the feature maps of all before it.

Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks",
arXiv:1608.06993. Like note 003, and unlike the paper: four blocks of four convolutions without 1x1
bottlenecks, and biases although batch normalisation follows most of them.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from core.errors import ConfigError
from core.models import MODELS
from core.models._windows import side_after

LAYERS = (4, 4, 4, 4)  # in each block


class DenseLayer(nn.Sequential):
    """(B, C, H, W) -> (B, C + growth, H, W): appends `growth` new feature maps to its input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__(
            OrderedDict(
                bn=nn.BatchNorm2d(channels),
                relu=nn.ReLU(),
                conv=nn.Conv2d(channels, growth, 3, padding=1),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], dim=1)


@MODELS.register(
    input_size=96,
    source="note 003",
    recipe={"optimizer": "adam", "lr": 0.001},
)
def densenet(
    in_channels: int, num_classes: int, *, input_size: int = 96, growth: int = 32
) -> nn.Module:
    """Four dense blocks of four convolutions each.

    `growth`: the feature maps that each convolution adds to those before it.
    """
    if growth < 1:
        raise ConfigError(
            f"densenet cannot grow by {growth} feature maps.", "Choose a growth of at least 1."
        )
    halvings = ((2, 2, 0),) * (len(LAYERS) - 1)
    side_after("densenet", input_size, ((7, 2, 3), (3, 2, 1), *halvings))
    net = nn.Sequential()  # shapes at 96x96, the size that the note trains it with
    net.add_module("conv", nn.Conv2d(in_channels, 64, 7, stride=2, padding=3))  # (B, 64, 48, 48)
    net.add_module("bn1", nn.BatchNorm2d(64))
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 64, 24, 24)
    channels = 64  # -> 192 -> 96 -> 224 -> 112 -> 240 -> 120 -> 248
    for i, layers in enumerate(LAYERS, 1):
        net.add_module(f"dense{i}", _block(layers, channels, growth))
        channels += layers * growth
        if i < len(LAYERS):
            net.add_module(f"transition{i}", _transition(channels, channels // 2))
            channels //= 2
    net.add_module("bn2", nn.BatchNorm2d(channels))  # (B, 248, 3, 3)
    net.add_module("relu2", nn.ReLU())
    net.add_module("global_pool", nn.AdaptiveAvgPool2d(1))  # -> (B, 248, 1, 1)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(channels, num_classes))
    return net


def _block(layers: int, channels: int, growth: int) -> nn.Module:
    """(B, C, H, W) -> (B, C + layers * growth, H, W)."""
    return nn.Sequential(
        OrderedDict(
            (f"layer{i + 1}", DenseLayer(channels + i * growth, growth)) for i in range(layers)
        )
    )


def _transition(in_channels: int, out_channels: int) -> nn.Module:
    """(B, I, H, W) -> (B, O, H/2, W/2): keeps channels and sides from growing."""
    return nn.Sequential(
        OrderedDict(
            bn=nn.BatchNorm2d(in_channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(in_channels, out_channels, 1),
            pool=nn.AvgPool2d(2),
        )
    )
