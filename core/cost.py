"""What one torch operation costs and sees: multiply-adds, and the growth of the receptive field.

At the level of operations (aten), so that it does not matter whether a network uses torch's layers,
layers of its own, or functions: `F.linear(x, w)`, `nn.Linear` and `x @ w` are the same operation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.shapes import operation, tensors_in


def multiply_adds(func: Any, args: Sequence[Any], result: Any) -> int:
    """Multiplications of `func(*args)` that are each added to a sum: matrix products and
    convolutions, as torch.utils.flop_counter counts them (it says 2 for each). Biases, activations,
    normalisation and pooling are not counted, nor are sums of element-wise products.
    """
    match operation(func):
        case "mm":
            return _product(args[0], args[1])
        case "addmm":
            return _product(args[1], args[2])
        case "bmm":
            return _product(args[0], args[1])
        case "baddbmm":
            return _product(args[1], args[2])
        case "convolution":
            x, weight, transposed = args[0], args[1], args[6]
            # Each pixel of the output, or each of the input if transposed, meets a whole filter.
            pixels = x.numel() if transposed else result.numel()
            return pixels * math.prod(weight.shape[1:])
        case name if name.startswith("_scaled_dot_product_"):  # the fused kernels
            query, key, value = args[:3]
            scores = query.shape[:-1].numel() * key.shape[-2]
            return scores * (query.shape[-1] + value.shape[-1])
    return 0


def _product(a: Tensor, b: Tensor) -> int:
    return a.numel() * b.shape[-1]  # (..., M, K) @ (..., K, N)


@dataclass(frozen=True)
class Field:
    """What one unit of a feature map sees of the image, along height and width, in pixels."""

    sizes: tuple[int, int] = (1, 1)
    jumps: tuple[int, int] = (1, 1)  # from the field of one unit to that of its neighbour


def receptive_field(func: Any, args: Sequence[Any], result: Tensor, seen: Any) -> Field | None:
    """The field of each unit of `result`; `seen` gives the one of a tensor, or None.

    None once a unit sees the whole image, as after a linear layer or global pooling, and where
    the result cannot be laid over the image.
    """
    inputs = [t for t in tensors_in(args) if seen(t)]
    if not inputs or result.dim() != 4:
        return None
    match operation(func):
        case "convolution" if not args[6]:
            return _grow(seen(args[0]), args[1].shape[2:], args[3], args[5])
        case "max_pool2d_with_indices":
            dilation = args[4] if len(args) > 4 else (1, 1)
            return _pooled(args, seen, dilation)
        case "avg_pool2d":
            return _pooled(args, seen, (1, 1))
    # Anything else keeps its field if it keeps the picture: activations, sums, concatenations.
    # A tensor of another size in it, like the gates of squeeze-and-excitation, comes from all over;
    # but one that all images share is a parameter, or a statistic of the batch.
    pictures = [t for t in tensors_in(args) if t.dim() == 4 and t.shape[0] == result.shape[0]]
    if any(t.shape[2:] != result.shape[2:] for t in pictures):
        return None
    fields: list[Field] = [seen(t) for t in inputs]
    return Field(
        (max(f.sizes[0] for f in fields), max(f.sizes[1] for f in fields)),
        (max(f.jumps[0] for f in fields), max(f.jumps[1] for f in fields)),
    )


def field_of_windows(layer: nn.Module, seen: Field, x: Tensor, result: Tensor) -> Field | None:
    """The field after a layer that looks through windows, whatever operations it is made of.

    Such as core.layers.conv, whose windows become a matrix product. The layer is taken at its word
    if it has a kernel size, stride and padding, as torch.nn calls them, by which `x` (B, C, H, W)
    gives a `result` of just this height and width.
    """
    facts = [getattr(layer, name, None) for name in ("kernel_size", "stride", "padding")]
    pairs = [(f, f) if isinstance(f, int) else f for f in facts if isinstance(f, int | tuple)]
    if x.dim() != 4 or result.dim() != 4 or [len(pair) for pair in pairs] != [2, 2, 2]:
        return None
    kernel, stride, padding = pairs
    sides = [
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    ]
    return _grow(seen, kernel, stride, (1, 1)) if sides == list(result.shape[2:]) else None


def _pooled(args: Sequence[Any], seen: Any, dilation: Sequence[int]) -> Field:
    stride = args[2] if len(args) > 2 and args[2] else args[1]
    return _grow(seen(args[0]), args[1], stride, dilation)


def _grow(
    field: Field, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Field:
    size, jump = field.sizes, field.jumps
    return Field(
        (
            size[0] + (kernel[0] - 1) * dilation[0] * jump[0],
            size[1] + (kernel[1] - 1) * dilation[1] * jump[1],
        ),
        (jump[0] * stride[0], jump[1] * stride[1]),
    )
