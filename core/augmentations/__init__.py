"""Random changes to training images, drawn for each image of a batch on its own.

Each maps a uint8 batch (B, C, H, W) and a generator to a batch of the same shape. A new file in
this folder is found by itself.
"""

from collections.abc import Callable
from typing import Any

from core.registry import Registry

AUGMENTATIONS: Registry[Callable[..., Any]] = Registry("augmentation", __name__)
