"""Every registered network in a size that a test can afford to train.

What is large because of its linear layers gets small ones here, and every network gets the smallest
images that it takes, but none smaller than MNIST's.
"""

from itertools import count

import torch
from torch import nn

from core.build import build_model
from core.errors import ConfigError
from core.models import MODELS
from core.shapes import ShapesOnly

SMALLEST = 28  # pixels
CLASSIFIERS = [name for name, d in MODELS.declared.items() if not d.facts.get("numbers")]
NARROW = {
    "alexnet": {"hidden": 64},
    "vgg11": {"width": 0.25, "hidden": 64},
    "vgg13": {"width": 0.25, "hidden": 64},
    "vgg16": {"width": 0.25, "hidden": 64},
    "vgg19": {"width": 0.25, "hidden": 64},
}


def small_side(name: str) -> int:
    """Height and width of the smallest images, from MNIST's up, that the network takes."""
    for side in count(min(SMALLEST, MODELS.declared[name].facts["input_size"])):
        try:
            shapes_only(name, side=side)
        except ConfigError:
            continue
        return side
    raise AssertionError


def small_network(name: str, in_channels: int = 1) -> nn.Module:
    """The network for ten classes of images of `small_side`, with weights of seed 0."""
    torch.manual_seed(0)
    return build_model(
        name, in_channels, 10, input_size=small_side(name), options=NARROW.get(name, {})
    )


def shapes_only(name: str, in_channels: int = 1, side: int | None = None) -> nn.Module:
    """The whole network without weights, for its own size of images or for others."""
    with torch.device("meta"), ShapesOnly():
        return build_model(name, in_channels, 10, input_size=side)
