"""ResNet-18 as note 003 builds it: a stem, four blocks of two residual units, global pooling; and
ResNet-34, which is the same with more units.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", arXiv:1512.03385, table 1,
columns "18-layer" and "34-layer". Like the note, and unlike the paper and torchvision: every
convolution has a bias although batch normalisation follows (4,800 of ResNet-18's parameters), and
the 1x1 convolutions on the shortcuts have no batch normalisation of their own.
"""

from collections import OrderedDict

from torch import Tensor, nn

from core.errors import ConfigError
from core.models import MODELS


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to the input: (B, I, H, W) -> (B, O, H/s, W/s).

    A 1x1 convolution fits the input to the sum where `stride` is not 1 or the channels change.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        # The note's order, which is also the order of its saved weights; forward() has its own.
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut: nn.Module = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else nn.Conv2d(in_channels, out_channels, 1, stride=stride)
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu2(y + self.shortcut(x))


@MODELS.register(
    input_size=224,
    source="note 003",
    # The note trains it on Fashion-MNIST as it is, 28x28: 224x224 is 50 times the work.
    recipe={"optimizer": "adam", "lr": 0.001, "input_size": 28},
)
def resnet18(in_channels: int, num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """Eight residual units, on images of any size.

    `stem`: "imagenet" makes 56x56 of 224x224 before the first block; "cifar", for small images,
    keeps their size, as the paper does in section 4.2.
    """
    return _resnet("resnet18", (2, 2, 2, 2), in_channels, num_classes, stem)


@MODELS.register(
    input_size=224,
    source="note 003",
    recipe={"optimizer": "adam", "lr": 0.001, "input_size": 28},
)
def resnet34(in_channels: int, num_classes: int, *, stem: str = "imagenet") -> nn.Module:
    """Sixteen residual units, on images of any size.

    `stem` as in resnet18.
    """
    return _resnet("resnet34", (3, 4, 6, 3), in_channels, num_classes, stem)


def _resnet(
    name: str, units: tuple[int, int, int, int], in_channels: int, num_classes: int, stem: str
) -> nn.Module:
    if stem not in ("imagenet", "cifar"):
        raise ConfigError(f"{name} has no stem called {stem!r}.", "Choose imagenet or cifar.")
    net = nn.Sequential()  # shapes at 224x224, with the stem for ImageNet
    if stem == "imagenet":
        net.add_module("conv", nn.Conv2d(in_channels, 64, 7, stride=2, padding=3))
    else:
        net.add_module("conv", nn.Conv2d(in_channels, 64, 3, padding=1))
    net.add_module("bn", nn.BatchNorm2d(64))  # (B, 64, 112, 112)
    net.add_module("relu", nn.ReLU())
    if stem == "imagenet":
        net.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))  # -> (B, 64, 56, 56)
    net.add_module("block1", _block(64, 64, units[0], stride=1))  # -> (B, 64, 56, 56)
    net.add_module("block2", _block(64, 128, units[1], stride=2))  # -> (B, 128, 28, 28)
    net.add_module("block3", _block(128, 256, units[2], stride=2))  # -> (B, 256, 14, 14)
    net.add_module("block4", _block(256, 512, units[3], stride=2))  # -> (B, 512, 7, 7)
    net.add_module("global_pool", nn.AdaptiveAvgPool2d(1))  # -> (B, 512, 1, 1)
    net.add_module(
        "fc", nn.Sequential(OrderedDict(flatten=nn.Flatten(), linear=nn.Linear(512, num_classes)))
    )
    return net


def _block(in_channels: int, out_channels: int, units: int, stride: int) -> nn.Module:
    """(B, I, H, W) -> (B, O, H/s, W/s)."""
    residuals = [Residual(in_channels, out_channels, stride)]
    residuals += [Residual(out_channels, out_channels) for _ in range(units - 1)]
    return nn.Sequential(OrderedDict((f"residual{i}", r) for i, r in enumerate(residuals, 1)))
