"""What the layers of a network do while it trains: norms of weights and gradients, histograms of
the weights, how much a step changes them, units that are dead.

It reads what training has left behind, changes nothing and draws no random number. Everything is
worked out on the device and read back at once.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from time import perf_counter

import torch
from torch import Tensor, nn

from core.events import LayerFigures
from core.layers.activation import ReLU

SHARE = 0.004  # of the time may go into it
SECONDS = 10.0  # between two in the middle of an epoch, at least
BINS = 20  # of a histogram
SAMPLE = 4096  # values of a layer that stand for all, at most
EVERY = 8  # of so many test images, one is looked at for dead units
DIGITS = 5  # that are recorded
RELUS = (nn.ReLU, nn.ReLU6, ReLU)


class LayerWatch:
    """Measures the layers of `model` now and then, so seldom that it costs next to nothing."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._parameters = list(model.parameters())  # each once, even if shared
        self._layers = {
            name: own
            for name, module in model.named_modules()
            if (own := list(module.parameters(recurse=False)))
        }
        # The largest parameter of each layer stands for it: its weight, not its bias.
        self._largest = [max(own, key=Tensor.numel) for own in self._layers.values()]
        self._before: Tensor | None = None  # samples of these, from before a step
        self._alive: dict[tuple[str, int], Tensor] = {}  # (name, number of units): (units,)
        self._measured_at = perf_counter()
        self._cost = 0.0  # seconds, of the last time
        self._remembering = 0.0  # seconds of these, before the step

    def gradient_norm(self) -> float | None:
        """Euclidean norm of the gradient of the last step, of all parameters together; None before
        the first. Waits for the device."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        return torch.linalg.vector_norm(_norms(gradients)).item() if gradients else None

    def due(self, *, epoch_over: bool = False) -> bool:
        """Whether it is time to measure; cheap enough for every report."""
        since = perf_counter() - self._measured_at
        return since >= max(self._cost / SHARE, 0.0 if epoch_over else SECONDS)

    @property
    def awaits(self) -> bool:
        """Whether `figures` is to be asked for after the step that is being taken."""
        return self._before is not None

    def remember(self) -> None:
        """Note how the weights are before the step after which `figures` is asked for."""
        began = perf_counter()
        self._before = samples(self._largest)
        self._remembering = perf_counter() - began

    @contextmanager
    def looking_for_dead_units(self) -> Iterator[None]:
        """While test images pass, note which units of the ReLU layers give anything but 0.

        Those that a forward() calls as a function are no layers, and not seen.
        """
        handles = [
            module.register_forward_hook(
                lambda module, args, output, name=name: self._note_alive(name, output)
            )
            for name, module in self._model.named_modules()
            if isinstance(module, RELUS)
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _note_alive(self, name: str, output: Tensor) -> None:
        units = output.shape[1]
        # (N, units, ...) -> (units,)
        alive = (output[::EVERY] > 0).transpose(0, 1).reshape(units, -1).any(1)
        if (before := self._alive.get((name, units))) is not None:
            alive |= before
        self._alive[name, units] = alive

    def figures(self, epoch: int, step: int) -> Iterator[LayerFigures]:
        """An event that tells how all layers are after `step`; none if no gradient is at hand.

        Waits for the device.
        """
        began = perf_counter()
        if any(p.grad is not None for p in self._parameters):
            yield self._measure(epoch, step)
        self._measured_at = perf_counter()
        self._cost = self._measured_at - began + self._remembering

    @torch.no_grad()
    def _measure(self, epoch: int, step: int) -> LayerFigures:
        layers = list(self._layers.values())
        parameters: list[Tensor] = [p for own in layers for p in own]
        nothing = torch.zeros((), device=parameters[0].device)  # the gradient of what is frozen
        gradients = [nothing if p.grad is None else p.grad for p in parameters]
        now = samples(self._largest)
        lows, highs, counts = histograms(now)
        before, self._before = self._before, None
        changes = [] if before is None else [_sizes(now - before) / _sizes(now)]
        alive, self._alive = self._alive, {}
        dead = [1 - units.float().mean(0, keepdim=True) for units in alive.values()]
        found = torch.cat(
            [_norms(parameters), _norms(gradients), lows, highs, counts.flatten(), *changes, *dead]
        )
        values = iter(found.tolist())

        def take(count: int) -> list[float]:
            return list(islice(values, count))

        sizes = [len(own) for own in layers]
        return LayerFigures(
            epoch=epoch,
            step=step,
            layers=tuple(self._layers),
            weights=_rounded(_joined(take(len(parameters)), sizes)),
            gradients=_rounded(_joined(take(len(parameters)), sizes)),
            lows=_rounded(take(len(layers))),
            highs=_rounded(take(len(layers))),
            histograms=tuple(tuple(map(int, take(BINS))) for _ in layers),
            updates=_rounded(take(len(layers) * len(changes))),
            relus=tuple(name for name, _ in alive),
            dead=_rounded(take(len(alive))),
        )


@torch.no_grad()
def samples(tensors: Sequence[Tensor]) -> Tensor:
    """Values of each tensor, (N, SAMPLE) float32, filled up with NaN: all of a small one, of a
    large one some in equal distances."""
    rows = torch.full((len(tensors), SAMPLE), math.nan, device=tensors[0].device)
    for row, tensor in zip(rows, tensors, strict=True):
        distance = -(-tensor.numel() // SAMPLE)
        # With a divisor in common, always the same columns of a matrix would stand for all.
        while math.gcd(distance, tensor.numel()) > 1 < tensor.numel():
            distance += 1
        some = tensor.flatten()[::distance]
        row[: len(some)] = some
    return rows


def histograms(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The lowest (N,) and highest (N,) value of each of `samples`, and how many lie in each of BINS
    equal parts from there to there, (N, BINS); float32. What is not finite is not counted."""
    counted = rows.isfinite()
    lows = rows.where(counted, math.inf).amin(1)
    highs = rows.where(counted, -math.inf).amax(1)
    width = (highs - lows)[:, None].clamp(min=1e-30)
    places = ((rows - lows[:, None]) / width * BINS).where(counted, 0).long().clamp(0, BINS - 1)
    places += BINS * torch.arange(len(rows), device=rows.device)[:, None]
    # Not scatter_add_, which has no deterministic form on a GPU.
    counts = torch.bincount(places[counted], minlength=len(rows) * BINS)
    return lows, highs, counts.reshape(-1, BINS).float()


def _sizes(rows: Tensor) -> Tensor:
    """The Euclidean norm of each of `samples`, (N,); what is not finite counts as 0."""
    return torch.linalg.vector_norm(rows.nan_to_num(0.0, 0.0, 0.0), dim=1)


def _norms(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each, (N,), float32."""
    return torch.stack([norm.float() for norm in torch._foreach_norm(tensors)])


def _joined(norms: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """The norms of groups of so many tensors, taken together."""
    left = iter(norms)
    return [math.hypot(*islice(left, size)) for size in sizes]


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
