"""What the layers of a network do while it trains: norms of weights and gradients, histograms of
the weights, units that are dead.

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
SAMPLE = 4096  # values of a layer that its histogram counts
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
        self._alive: dict[tuple[str, int], Tensor] = {}  # (name, number of units): (units,)
        self._measured_at = perf_counter()
        self._cost = 0.0  # seconds, of the last time

    def gradient_norm(self) -> float | None:
        """Euclidean norm of the gradient of the last step, of all parameters together; None before
        the first. Waits for the device."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        return torch.linalg.vector_norm(_norms(gradients)).item() if gradients else None

    def due(self, *, epoch_over: bool = False) -> bool:
        """Whether it is time to measure; cheap enough for every report."""
        since = perf_counter() - self._measured_at
        return since >= max(self._cost / SHARE, 0.0 if epoch_over else SECONDS)

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
        self._cost = self._measured_at - began

    @torch.no_grad()
    def _measure(self, epoch: int, step: int) -> LayerFigures:
        layers = list(self._layers.values())
        parameters: list[Tensor] = [p for own in layers for p in own]
        nothing = torch.zeros((), device=parameters[0].device)  # the gradient of what is frozen
        gradients = [nothing if p.grad is None else p.grad for p in parameters]
        lows, highs, counts = histograms([max(own, key=Tensor.numel) for own in layers])
        alive, self._alive = self._alive, {}
        dead = [1 - units.float().mean(0, keepdim=True) for units in alive.values()]
        found = torch.cat(
            [_norms(parameters), _norms(gradients), lows, highs, counts.flatten(), *dead]
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
            relus=tuple(name for name, _ in alive),
            dead=_rounded(take(len(alive))),
        )


def histograms(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The lowest (N,) and highest (N,) value of each tensor, and how many lie in each of BINS equal
    parts from there to there, (N, BINS); float32.

    Of a large tensor, SAMPLE values or a few less, in equal distances, stand for all. What is not
    finite is not counted.
    """
    rows = torch.full((len(tensors), SAMPLE), math.nan, device=tensors[0].device)
    for row, tensor in zip(rows, tensors, strict=True):
        some = tensor.flatten()[:: -(-tensor.numel() // SAMPLE)]
        row[: len(some)] = some
    counted = rows.isfinite()
    lows = rows.where(counted, math.inf).amin(1)
    highs = rows.where(counted, -math.inf).amax(1)
    width = (highs - lows)[:, None].clamp(min=1e-30)
    places = ((rows - lows[:, None]) / width * BINS).where(counted, 0).long().clamp(0, BINS - 1)
    places += BINS * torch.arange(len(tensors), device=rows.device)[:, None]
    # Not scatter_add_, which has no deterministic form on a GPU.
    counts = torch.bincount(places[counted], minlength=len(tensors) * BINS)
    return lows, highs, counts.reshape(-1, BINS).float()


def _norms(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each, (N,), float32."""
    return torch.stack([norm.float() for norm in torch._foreach_norm(tensors)])


def _joined(norms: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """The norms of groups of so many tensors, taken together."""
    left = iter(norms)
    return [math.hypot(*islice(left, size)) for size in sizes]


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
