"""NiN, network in network: after each convolution two 1x1 convolutions, which are a small
perceptron at every pixel; at the end one feature map for each class, averaged.

Lin, Chen and Yan, "Network in network", arXiv:1312.4400. Like note 000: the windows and channels of
AlexNet, where the paper's networks for CIFAR are smaller, and one dropout before the last block.
"""

from collections import OrderedDict

from torch import nn

from core.models import MODELS
from core.models._windows import side_after


@MODELS.register(
    input_size=224,
    source="note 000, 6.3",
    # The notes' book takes SGD at 0.1 and Xavier's start: after two epochs of the built-in images
    # it is right in 10 % with that, after one epoch in 50 % with this (67x67).
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def nin(in_channels: int, num_classes: int, *, input_size: int = 224) -> nn.Module:
    """Four blocks of a convolution and two 1x1, no linear layer."""
    side_after("nin", input_size, ((11, 4, 0), (3, 2, 0), (3, 2, 0), (3, 2, 0)))
    net = nn.Sequential()
    net.add_module("block1", _block(in_channels, 96, 11, stride=4))  # -> (B, 96, 54, 54)
    net.add_module("pool1", nn.MaxPool2d(3, stride=2))  # -> (B, 96, 26, 26)
    net.add_module("block2", _block(96, 256, 5, padding=2))  # -> (B, 256, 26, 26)
    net.add_module("pool2", nn.MaxPool2d(3, stride=2))  # -> (B, 256, 12, 12)
    net.add_module("block3", _block(256, 384, 3, padding=1))  # -> (B, 384, 12, 12)
    net.add_module("pool3", nn.MaxPool2d(3, stride=2))  # -> (B, 384, 5, 5)
    net.add_module("dropout", nn.Dropout(0.5))
    # Its last layer is rectified like all others: no logit is negative.
    net.add_module("block4", _block(384, num_classes, 3, padding=1))  # -> (B, classes, 5, 5)
    net.add_module("global_pool", nn.AdaptiveAvgPool2d(1))  # -> (B, classes, 1, 1)
    net.add_module("flatten", nn.Flatten())
    return net


def _block(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(out_channels, out_channels, 1),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(out_channels, out_channels, 1),
            relu3=nn.ReLU(),
        )
    )
