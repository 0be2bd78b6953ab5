"""What tensors look like, without values: shape rules for the operations that the classic networks
are made of, on torch's meta device.

torch has such rules for all of its operations, but the first use of most of them imports 900
modules (torch._dynamo, sympy), which takes 1.3 s, as long as torch itself. Whatever these few rules
don't cover, and whatever is an error, is left to torch: a network without a rule is only slower,
and what is said about a wrong shape is what torch says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

# The result has the shape that the tensors broadcast to; with a trailing _, in place.
ELEMENTWISE = frozenset(
    "relu sigmoid tanh gelu silu elu leaky_relu hardtanh hardswish hardsigmoid clamp clamp_min "
    "add sub mul div neg abs exp sqrt rsqrt pow clone _softmax _log_softmax".split()
)


class ShapesOnly(TorchDispatchMode):
    """While active, operations on meta tensors follow the rules of this module."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True, the default, imports torch._dynamo to switch it off for a function that nobody
        # compiles.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})


def operation(func: Any) -> str:
    """The bare name of an operation: "add" for aten::add.Tensor, "add_" for aten::add_.Tensor."""
    name: str = func.name()
    return name.removeprefix("aten::").partition(".")[0]


def run(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What `func(*args, **kwargs)` returns, found by a rule of this module if there is one."""
    name = operation(func)
    if name == "normal_" and args[0].is_meta:
        return args[0]  # networks begin their weights with it
    if not kwargs and _on_meta(args):
        if name.removesuffix("_") in ELEMENTWISE and not name.startswith("__"):
            result = _elementwise(name, args)
        else:
            result = RULES[name](*args) if name in RULES else None
        if result is not None:
            return result
    return func(*args, **kwargs)


def _on_meta(args: Sequence[Any]) -> bool:
    """Whether there are tensors, all on meta and all of the same floating-point type."""
    tensors = list(tensors_in(args))
    return bool(tensors) and all(
        t.is_meta and t.is_floating_point() and t.dtype == tensors[0].dtype for t in tensors
    )


def tensors_in(value: Any) -> Iterable[Tensor]:
    """The tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)


# Each rule takes the operation's arguments, and gives None where it does not know the result.


def _elementwise(name: str, args: Sequence[Any]) -> Tensor | None:
    shape: list[int] = []
    shapes = [t.shape for t in tensors_in(args)]
    for axis in range(-max(map(len, shapes)), 0):
        sides = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        if len(sides) > 1:
            return None
        shape.append(sides.pop() if sides else 1)
    x: Tensor = args[0]
    if name.endswith("_"):
        return x if shape == list(x.shape) else None
    return x.new_empty(shape)


def _convolution(
    x: Tensor,
    weight: Tensor,  # (O, I / groups, *kernel)
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor | None:
    fits = x.dim() == weight.dim() and x.shape[1] == weight.shape[1] * groups
    if transposed or not fits or len(stride) != x.dim() - 2:
        return None
    sides = _windows(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return x.new_empty((x.shape[0], weight.shape[0], *sides)) if min(sides) > 0 else None


def _max_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor] | None:
    out = _pool(x, kernel, stride, padding, dilation, ceil_mode)
    return None if out is None else (out, out.new_empty(out.shape, dtype=torch.int64))


def _avg_pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    *_counting: Any,
) -> Tensor | None:
    return _pool(x, kernel, stride, padding, (1, 1), ceil_mode)


def _pool(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Tensor | None:
    stride = stride or kernel
    pairs = all(len(n) == 2 for n in (kernel, stride, padding, dilation))
    if ceil_mode or x.dim() != 4 or not pairs:
        return None
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        return None
    sides = _windows(x.shape[2:], kernel, stride, padding, dilation)
    return x.new_empty((*x.shape[:2], *sides)) if min(sides) > 0 else None


def _windows(
    sides: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """How many windows fit beside each other, along each side; none or fewer is an error."""
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(sides, kernel, stride, padding, dilation, strict=True)
    ]


def _adaptive_avg_pool(x: Tensor, sides: Sequence[int]) -> Tensor:
    return x.new_empty((*x.shape[: -len(sides)], *sides))


def _batch_norm(
    x: Tensor, weight: Tensor, bias: Any, mean: Any, variance: Any, training: bool, *_: Any
) -> tuple[Tensor, Tensor, Tensor] | None:
    channels = x.shape[1] if x.dim() > 1 else 0
    if any(t is not None and t.shape != (channels,) for t in (weight, bias, mean, variance)):
        return None
    saved = (channels,) if training else (0,)  # the batch's statistics, for the backward pass
    return x.new_empty(x.shape), x.new_empty(saved), x.new_empty(saved)


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    fits = a.dim() == b.dim() == 2 and a.shape[1] == b.shape[0]
    return a.new_empty((a.shape[0], b.shape[1])) if fits else None


def _addmm(bias: Tensor, a: Tensor, b: Tensor) -> Tensor | None:
    return _mm(a, b) if b.dim() == 2 and bias.shape == b.shape[1:] else None


def _bmm(a: Tensor, b: Tensor) -> Tensor | None:
    fits = a.dim() == b.dim() == 3 and a.shape[0] == b.shape[0] and a.shape[2] == b.shape[1]
    return a.new_empty((*a.shape[:2], b.shape[2])) if fits else None


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor | None:
    first = tensors[0].shape
    if not -len(first) <= dim < len(first):
        return None
    dim %= len(first)
    if any(
        (*t.shape[:dim], *t.shape[dim + 1 :]) != (*first[:dim], *first[dim + 1 :]) for t in tensors
    ):
        return None
    shape = (*first[:dim], sum(t.shape[dim] for t in tensors), *first[dim + 1 :])
    return tensors[0].new_empty(shape)


def _mean(x: Tensor, dims: Sequence[int] | None = None, keepdim: bool = False) -> Tensor | None:
    axes = {d % x.dim() for d in dims or range(x.dim()) if -x.dim() <= d < x.dim()}
    if dims and len(axes) != len(dims):
        return None
    kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdim or i not in axes]
    return x.new_empty(kept)


def _dropout(x: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(x.shape, dtype=torch.bool)


RULES: dict[str, Callable[..., Any]] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "avg_pool2d": _avg_pool,
    "_adaptive_avg_pool2d": _adaptive_avg_pool,
    "native_batch_norm": _batch_norm,
    "mm": _mm,
    "addmm": _addmm,
    "bmm": _bmm,
    "cat": _cat,
    "mean": _mean,
    "native_dropout": _dropout,
}
