"""What `nnlab plot` draws, as numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.initializers import initialize
from core.layers import ACTIVATIONS
from core.schedules import SCHEDULES, warm_up

POINTS = 401  # of a curve: odd, so that 0 is one of them
EXAMPLES = 256  # that go through the deep network
BINS = 16  # of a histogram


@dataclass(frozen=True)
class ActivationCurve:
    """An activation function and its gradient over an interval."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    gradients: tuple[float, ...]


@dataclass(frozen=True)
class LayerSpread:
    """What arrives at one layer of a deep network before the first step."""

    layer: int  # from 1
    activations: float  # standard deviation of what comes out of its activation function
    gradients: float  # standard deviation of the loss's gradient by that
    histogram: tuple[int, ...]  # counts of the activations, in equal bins from lowest to highest
    lowest: float
    highest: float


def activation_curve(name: str, limit: float) -> ActivationCurve:
    """The activation `name` from -limit to limit. Raises UnknownName."""
    half = POINTS // 2
    xs = torch.arange(-half, half + 1, dtype=torch.float64) / half * limit
    xs.requires_grad_(True)
    ys: Tensor = ACTIVATIONS[name](xs)
    (gradients,) = torch.autograd.grad(ys.sum(), xs)
    return ActivationCurve(*(tuple(v.tolist()) for v in (xs.detach(), ys.detach(), gradients)))


def schedule_curve(
    name: str, epochs: int, lr: float, warmup: float = 0.0
) -> tuple[list[float], list[float]]:
    """Epochs done and the learning rate then, over a run whose first `warmup` epochs warm up.

    Raises UnknownName.
    """
    schedule = SCHEDULES[name]
    done = [i / POINTS for i in range(POINTS)]  # a run's last step begins before its end
    rates = [lr * schedule(d) * warm_up(epochs * d, warmup) for d in done]
    return [epochs * d for d in done], rates


def spread_by_layer(
    initializer: str,
    activation: str,
    depth: int,
    width: int,
    options: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[LayerSpread]:
    """How wide activations and gradients are in each of `depth` layers of `width` units.

    Standard normal examples go in, and standard normal gradients come back from the top, so that
    an initializer that keeps the signal has both stay near 1. Biases are 0. Sets torch's random
    state. `options` are the initializer's own. Raises UnknownName or ConfigError.
    """
    activate: Callable[[Tensor], Tensor] = ACTIVATIONS[activation]
    torch.manual_seed(seed)
    net = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(depth))
    initialize(net, initializer, options)
    x = torch.randn(EXAMPLES, width)
    seen: list[Tensor] = []
    for layer in net:
        x = activate(layer(x))
        x.retain_grad()
        seen.append(x)
    x.backward(torch.randn_like(x))
    return [_spread(number, x) for number, x in enumerate(seen, 1)]


def _spread(layer: int, x: Tensor) -> LayerSpread:
    assert x.grad is not None
    values = x.detach().flatten()
    low, high = values.min().item(), values.max().item()
    finite = values.isfinite().all() and high > low
    counts = torch.histc(values, BINS, low, high).long().tolist() if finite else [0] * BINS
    return LayerSpread(layer, values.std().item(), x.grad.std().item(), tuple(counts), low, high)
