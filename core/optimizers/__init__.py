"""Optimizers, one family per file. A new file in this folder is found by itself.

Each is a function of the parameters and of RunConfig's `lr`, `momentum` and `weight_decay`. The
fact `lr` is the learning rate that a run gets when nobody names one.
"""

from collections.abc import Callable
from typing import Any

from core.registry import Registry

OPTIMIZERS: Registry[Callable[..., Any]] = Registry("optimizer", __name__)
