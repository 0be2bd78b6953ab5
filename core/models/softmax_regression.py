"""Softmax regression: one linear layer from pixels to logits, the notes' first classifier.

Note 000, "softmax regression, concise". The softmax itself is part of the loss.
"""

from torch import nn

from core.models import MODELS


@MODELS.register(
    "softmax",
    input_size=28,
    rows=True,
    source="note 000, 2.5",
    recipe={"optimizer": "sgd", "lr": 0.1},
)
def softmax_regression(in_channels: int, num_classes: int, *, input_size: int = 28) -> nn.Module:
    """One linear layer from pixels to logits."""
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("output", nn.Linear(in_channels * input_size**2, num_classes))
    return net
