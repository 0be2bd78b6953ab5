"""Layers and losses from scratch, one family a file: tensors and autograd only.

What torch.nn gives here is `nn.Module` and `nn.Parameter`, the containers that know their
parameters, and nothing that computes. Names, shapes of the weights and the random numbers that
they begin with are those of the layer's twin in torch.nn, so that weights can be carried over and a
training from scratch gives the same curves.
"""

from collections.abc import Callable
from typing import Any

from core.registry import Registry

ACTIVATIONS: Registry[Callable[..., Any]] = Registry("activation", "core.layers.activation")
