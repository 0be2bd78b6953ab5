"""Comparing a layer from scratch with its twin in torch.nn."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def assert_twins(ours: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Same output and same gradients, of the input and of all parameters, with the same weights."""
    ours.double(), theirs.double()
    ours.load_state_dict(theirs.state_dict())  # raises where names or shapes differ
    results = []
    for layer in (ours, theirs):
        inputs = x.double().clone().requires_grad_()
        y = layer(inputs)
        # Every element of the output counts differently, so that exchanged ones are found.
        (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
        assert inputs.grad is not None
        results.append([y, inputs.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def assert_same_function(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor
) -> None:
    """Same values, and same gradients for each input of a floating-point type."""
    results = []
    for function in (ours, theirs):
        own = [t.clone().requires_grad_(t.is_floating_point()) for t in inputs]
        y = function(*own)
        (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
        results.append([y, *(t.grad for t in own if t.requires_grad)])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)
