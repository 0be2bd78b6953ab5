"""Batch normalisation by the statistics of the whole batch, where several processes share it.

torch.nn.SyncBatchNorm does the same on GPUs; it refuses tensors of the CPU, and knows nothing of
the layer from scratch. The layers stay as they are, and so do their names in a checkpoint: only
their forward pass is another one, while they train.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.layers.norm import BatchNorm, per_feature


def synchronise(model: nn.Module, shared: Callable[[], bool]) -> int:
    """Let the batch normalisations of `model` add up their statistics over all processes, for each
    batch of which `shared()` is true. Returns how many layers there are."""
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm | BatchNorm)]
    for layer in layers:
        layer.forward = partial(_forward, layer, layer.forward, shared)  # type: ignore[method-assign]
    return len(layers)


def _forward(
    layer: _BatchNorm | BatchNorm,
    alone: Callable[[Tensor], Tensor],
    shared: Callable[[], bool],
    x: Tensor,
) -> Tensor:
    """(B, C, ...) -> (B, C, ...), B images of this process; `alone` is the layer's own."""
    if not layer.training or not shared():
        return alone(x)
    over = [0, *range(2, x.dim())]  # all dimensions but that of the features
    own_var, own_mean = torch.var_mean(x.float(), over, correction=0)  # (C,) both
    count = own_mean.new_full((1,), x.numel() // len(own_mean))
    sums = _SumOfAll.apply(torch.cat([own_mean * count, count]))
    mean, total = sums[:-1] / sums[-1].detach(), sums[-1].detach()
    # Around the common mean, not as the mean of squares less the square of the mean, which loses
    # its digits where the mean is large.
    var = _SumOfAll.apply((own_var + (own_mean - mean) ** 2) * count) / total
    _remember(layer, mean.detach(), (var * total / (total - 1)).detach())
    scale = (var + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight
    shift = -mean * scale
    shift = shift if layer.bias is None else shift + layer.bias
    return torch.addcmul(per_feature(shift, x), x.float(), per_feature(scale, x)).to(x.dtype)


def _remember(layer: _BatchNorm | BatchNorm, mean: Tensor, unbiased_var: Tensor) -> None:
    """Move the running statistics towards those of a batch, where the layer keeps them."""
    if layer.running_mean is None or layer.running_var is None:
        return
    assert layer.num_batches_tracked is not None
    layer.num_batches_tracked += 1
    # Without a momentum they are the means over all batches so far.
    share = 1 / layer.num_batches_tracked if layer.momentum is None else layer.momentum
    layer.running_mean += share * (mean - layer.running_mean)
    layer.running_var += share * (unbiased_var - layer.running_var)


class _SumOfAll(torch.autograd.Function):
    """The sum of a tensor over all processes. What they make of it depends on each one's tensor, so
    that its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total
