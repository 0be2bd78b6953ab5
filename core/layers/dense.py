"""Dense block and transition, built of the layers of this folder: note 003, DenseNet; Huang et al.,
arXiv:1608.06993, section 3.
"""

import torch
from torch import Tensor, nn

from core.layers.activation import ReLU
from core.layers.conv import Conv2d
from core.layers.norm import BatchNorm
from core.layers.pool import AvgPool2d


class DenseBlock(nn.Module):
    """Layers that each see all feature maps before them: (B, I, H, W) -> (B, I + L * growth, H, W).

    Each of the L layers adds `growth` maps of its own, behind those that it was given.
    """

    def __init__(self, layers: int, in_channels: int, growth: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"layer{i + 1}", _layer(in_channels + i * growth, growth))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], 1)  # (B, I + i growth, H, W)
        return x


def transition(in_channels: int, out_channels: int) -> nn.Module:
    """Fewer and smaller maps between two dense blocks: (B, I, H, W) -> (B, O, H/2, W/2)."""
    net = nn.Sequential()
    net.add_module("bn", BatchNorm(in_channels))
    net.add_module("relu", ReLU())
    net.add_module("conv", Conv2d(in_channels, out_channels, 1))
    net.add_module("pool", AvgPool2d(2))
    return net


def _layer(in_channels: int, growth: int) -> nn.Module:
    """Normalise, rectify, convolve, in this order: (B, I, H, W) -> (B, growth, H, W)."""
    net = nn.Sequential()
    net.add_module("bn", BatchNorm(in_channels))
    net.add_module("relu", ReLU())
    net.add_module("conv", Conv2d(in_channels, growth, 3, padding=1))
    return net
