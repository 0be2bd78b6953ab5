"""Architectures, one per file. A new file in this folder is found by itself.

Each is a function of `in_channels` and `num_classes`; its own hyperparameters are keyword-only,
with the note's or the paper's values as defaults. The facts that `register` takes are `input_size`,
the height and width of the images it was designed for; `in_channels`, their channels, if that is
not 1; `rows`, if it takes rows of a table too (as images of one pixel), and `numbers`, if it takes
nothing else and predicts a number, with one output; `source`, the note and, where it counts them,
the section; and `recipe`, settings to train with where the user chooses none.
"""

from collections.abc import Callable
from typing import Any

from core.registry import Registry

MODELS: Registry[Callable[..., Any]] = Registry("network", __name__)
