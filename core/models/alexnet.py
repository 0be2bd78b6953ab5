"""AlexNet: five convolutions and three linear layers, the network that won ImageNet in 2012.

Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks",
NeurIPS 2012. Like note 000, and unlike the paper: no split over two GPUs, so that every convolution
sees all channels; no local response normalisation; padding 1 in the first convolution, which makes
54x54 of 224x224 where the paper has 55x55.
"""

from torch import nn

from core.models import MODELS
from core.models._windows import side_after


@MODELS.register(
    input_size=224,
    source="note 000, 6.1",
    recipe={"optimizer": "adam", "lr": 0.0003, "initializer": "kaiming_uniform"},
)
def alexnet(
    in_channels: int, num_classes: int, *, input_size: int = 224, hidden: int = 4096
) -> nn.Module:
    """Five convolutions and three linear layers, with dropout.

    `hidden` units in each of the two linear layers before the last: 9 of 10 parameters are theirs.
    """
    side = side_after("alexnet", input_size, ((11, 4, 1), (3, 2, 0), (3, 2, 0), (3, 2, 0)))
    net = nn.Sequential()
    # Large windows and a stride of 4 to make little of large images at once.
    net.add_module("conv1", nn.Conv2d(in_channels, 96, 11, stride=4, padding=1))  # (B, 96, 54, 54)
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool1", nn.MaxPool2d(3, stride=2))  # -> (B, 96, 26, 26)
    net.add_module("conv2", nn.Conv2d(96, 256, 5, padding=2))  # -> (B, 256, 26, 26)
    net.add_module("relu2", nn.ReLU())
    net.add_module("pool2", nn.MaxPool2d(3, stride=2))  # -> (B, 256, 12, 12)
    net.add_module("conv3", nn.Conv2d(256, 384, 3, padding=1))  # -> (B, 384, 12, 12)
    net.add_module("relu3", nn.ReLU())
    net.add_module("conv4", nn.Conv2d(384, 384, 3, padding=1))  # -> (B, 384, 12, 12)
    net.add_module("relu4", nn.ReLU())
    net.add_module("conv5", nn.Conv2d(384, 256, 3, padding=1))  # -> (B, 256, 12, 12)
    net.add_module("relu5", nn.ReLU())
    net.add_module("pool3", nn.MaxPool2d(3, stride=2))  # -> (B, 256, 5, 5)
    net.add_module("flatten", nn.Flatten())  # -> (B, 6400)
    net.add_module("fc1", nn.Linear(256 * side**2, hidden))
    net.add_module("relu6", nn.ReLU())
    net.add_module("dropout1", nn.Dropout(0.5))
    net.add_module("fc2", nn.Linear(hidden, hidden))
    net.add_module("relu7", nn.ReLU())
    net.add_module("dropout2", nn.Dropout(0.5))
    net.add_module("fc3", nn.Linear(hidden, num_classes))
    return net
