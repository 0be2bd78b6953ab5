"""GoogLeNet: nine Inception blocks, which look at their input through windows of several sizes at
once and stack what they see.

Szegedy and others, "Going deeper with convolutions", arXiv:1409.4842, table 1. Like note 000, and
unlike the paper: no local response normalisation, no dropout before the linear layer, and none of
the two auxiliary classifiers.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from core.models import MODELS

Pair = tuple[int, int]


class Inception(nn.Module):
    """(B, I, H, W) -> (B, O, H, W), O the sum of what the four paths give.

    `path1`: channels of a 1x1 convolution. `path2`, `path3`: of a 1x1 convolution that reduces, and
    of the 3x3 or 5x5 after it. `path4`: of the 1x1 convolution after 3x3 pooling.
    """

    def __init__(self, in_channels: int, path1: int, path2: Pair, path3: Pair, path4: int) -> None:
        super().__init__()
        self.path1 = nn.Sequential(
            OrderedDict(conv=nn.Conv2d(in_channels, path1, 1), relu=nn.ReLU())
        )
        self.path2 = _reduced(in_channels, path2, kernel=3)
        self.path3 = _reduced(in_channels, path3, kernel=5)
        self.path4 = nn.Sequential(
            OrderedDict(
                pool=nn.MaxPool2d(3, stride=1, padding=1),
                conv=nn.Conv2d(in_channels, path4, 1),
                relu=nn.ReLU(),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.path1(x), self.path2(x), self.path3(x), self.path4(x)], dim=1)


@MODELS.register(
    input_size=96,
    source="note 000, 6.4",
    # The notes' book takes SGD at 0.1 and Xavier's start: after two epochs of the built-in images
    # it is right in 16 % with that, after one epoch in 72 % with this (96x96 and 48x48).
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def googlenet(in_channels: int, num_classes: int) -> nn.Module:
    """Nine Inception blocks, on images of any size."""
    net = nn.Sequential()  # shapes at 96x96, the size that the notes' book trains it with
    net.add_module("conv1", nn.Conv2d(in_channels, 64, 7, stride=2, padding=3))  # (B, 64, 48, 48)
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool1", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 64, 24, 24)
    net.add_module("conv2", nn.Conv2d(64, 64, 1))
    net.add_module("relu2", nn.ReLU())
    net.add_module("conv3", nn.Conv2d(64, 192, 3, padding=1))
    net.add_module("relu3", nn.ReLU())
    net.add_module("pool2", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 192, 12, 12)
    net.add_module("inception3a", Inception(192, 64, (96, 128), (16, 32), 32))
    net.add_module("inception3b", Inception(256, 128, (128, 192), (32, 96), 64))
    net.add_module("pool3", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 480, 6, 6)
    net.add_module("inception4a", Inception(480, 192, (96, 208), (16, 48), 64))
    net.add_module("inception4b", Inception(512, 160, (112, 224), (24, 64), 64))
    net.add_module("inception4c", Inception(512, 128, (128, 256), (24, 64), 64))
    net.add_module("inception4d", Inception(512, 112, (144, 288), (32, 64), 64))
    net.add_module("inception4e", Inception(528, 256, (160, 320), (32, 128), 128))
    net.add_module("pool4", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 832, 3, 3)
    net.add_module("inception5a", Inception(832, 256, (160, 320), (32, 128), 128))
    net.add_module("inception5b", Inception(832, 384, (192, 384), (48, 128), 128))
    net.add_module("global_pool", nn.AdaptiveAvgPool2d(1))  # -> (B, 1024, 1, 1)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(1024, num_classes))
    return net


def _reduced(in_channels: int, channels: Pair, kernel: int) -> nn.Module:
    reduced, out_channels = channels
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, reduced, 1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(reduced, out_channels, kernel, padding=kernel // 2),
            relu2=nn.ReLU(),
        )
    )
