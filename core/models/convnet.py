"""The ConvNet that note 004 trains on MNIST: two convolutions, one pooling, two linear layers, with
dropout of whole feature maps.

It follows pytorch/examples/mnist. Two things differ from the note. It ends in logits: the note ends
in log_softmax and takes nll_loss, which together are the cross-entropy that every network is
trained with here. And the dropout between the linear layers is torch's plain one: the note has
Dropout2d there, which is meant for feature maps; on vectors it drops the same units, and warns.
"""

from torch import nn

from core.models import MODELS
from core.models._windows import side_after


@MODELS.register(input_size=28, source="note 004", recipe={"optimizer": "adam", "lr": 0.001})
def convnet(
    in_channels: int,
    num_classes: int,
    *,
    input_size: int = 28,
    dropout1: float = 0.1,
    dropout2: float = 0.25,
) -> nn.Module:
    """Two convolutions and two linear layers, with dropout.

    `dropout1` is the share of feature maps that a training step leaves out, `dropout2` of units.
    """
    side = side_after("convnet", input_size, ((3, 1, 0), (3, 1, 0), (2, 2, 0)))
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(in_channels, 16, 3))  # -> (B, 16, 26, 26)
    net.add_module("relu1", nn.ReLU())
    net.add_module("conv2", nn.Conv2d(16, 32, 3))  # -> (B, 32, 24, 24)
    net.add_module("relu2", nn.ReLU())
    net.add_module("pool", nn.MaxPool2d(2))  # -> (B, 32, 12, 12)
    net.add_module("dropout1", nn.Dropout2d(dropout1))
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc1", nn.Linear(32 * side**2, 64))
    net.add_module("relu3", nn.ReLU())
    net.add_module("dropout2", nn.Dropout(dropout2))
    net.add_module("fc2", nn.Linear(64, num_classes))
    return net
