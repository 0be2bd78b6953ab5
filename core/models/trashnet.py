"""TrashNet, the small residual network that note 001 trains on CIFAR-10.

One convolution and two residual units, the first of which halves the sides.
"""

from torch import nn

from core.models import MODELS
from core.models.resnet import Residual


@MODELS.register(
    input_size=32, in_channels=3, source="note 001", recipe={"optimizer": "adam", "lr": 0.001}
)
def trashnet(in_channels: int, num_classes: int) -> nn.Module:
    """One convolution and two residual units."""
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(in_channels, 32, 3, padding=1))  # -> (B, 32, 32, 32)
    net.add_module("bn", nn.BatchNorm2d(32))
    net.add_module("relu", nn.ReLU())
    net.add_module("pool", nn.MaxPool2d(3, stride=1, padding=1))  # -> (B, 32, 32, 32)
    net.add_module("residual1", Residual(32, 64, stride=2))  # -> (B, 64, 16, 16)
    net.add_module("residual2", Residual(64, 64))  # -> (B, 64, 16, 16)
    net.add_module("global_pool", nn.AdaptiveAvgPool2d(1))  # -> (B, 64, 1, 1)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(64, num_classes))
    return net
