"""What became of one layer over a run, from the events that tell of all layers.

Imports no torch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.events import LayerFigures


@dataclass(frozen=True)
class Histogram:
    """Counts of values in equal bins from `low` to `high`."""

    step: int
    low: float
    high: float
    counts: tuple[int, ...]

    def over(self, low: float, high: float, columns: int) -> list[float]:
        """How many values lie in each of `columns` equal parts from `low` to `high`, those of a bin
        shared out evenly over the parts it covers."""
        found = [0.0] * columns
        width, part = (self.high - self.low) / len(self.counts), (high - low) / columns
        for i, count in enumerate(self.counts):
            if not count:
                continue
            begin = (self.low + i * width - low) / part  # in parts
            end = begin + width / part
            if end - begin < 1e-9:  # all values are the same
                found[min(max(int(begin), 0), columns - 1)] += count
                continue
            for j in range(max(int(begin), 0), min(math.ceil(end), columns)):
                found[j] += count * (min(end, j + 1) - max(begin, j)) / (end - begin)
        return found


@dataclass(frozen=True)
class LayerHistory:
    """A layer, or a module with all layers in it, from the first figures of a run to the newest."""

    steps: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()  # Euclidean norms; none of what has no parameters
    gradients: tuple[float, ...] = ()
    histograms: tuple[Histogram, ...] = ()  # of a single layer only
    # How much a step changes the weights: the norm of the change over theirs, NaN where unknown.
    updates: tuple[float, ...] = ()
    dead_steps: tuple[int, ...] = ()
    dead: tuple[float, ...] = ()  # fraction of dead units; of several ReLU layers, the mean

    @property
    def weights_range(self) -> tuple[float, float]:
        """The lowest and the highest value in any histogram."""
        return min(h.low for h in self.histograms), max(h.high for h in self.histograms)


def layer_history(figures: Iterable[LayerFigures], name: str) -> LayerHistory:
    """The layer called `name`, as in named_modules; with a dotted name's beginning, or "" for the
    whole network, all layers in it."""
    told = [(f, inside(f.layers, name), inside(f.relus, name)) for f in figures]
    of_layers = [(f, at) for f, at, _ in told if at]
    of_relus = [(f, at) for f, _, at in told if at]
    return LayerHistory(
        steps=tuple(f.step for f, _ in of_layers),
        weights=tuple(math.hypot(*(f.weights[i] for i in at)) for f, at in of_layers),
        gradients=tuple(math.hypot(*(f.gradients[i] for i in at)) for f, at in of_layers),
        histograms=tuple(
            Histogram(f.step, f.lows[i], f.highs[i], f.histograms[i])
            for f, at in of_layers
            for i in at
            if f.layers[i] == name and math.isfinite(f.highs[i] - f.lows[i]) and f.histograms[i]
        ),
        updates=tuple(_update(f, at) for f, at in of_layers),
        dead_steps=tuple(f.step for f, _ in of_relus),
        dead=tuple(math.fsum(f.dead[i] for i in at) / len(at) for f, at in of_relus),
    )


def _update(figures: LayerFigures, at: Sequence[int]) -> float:
    """The ratio of several layers together: each by the norm of its weights."""
    weights = math.hypot(*(figures.weights[i] for i in at))
    if not figures.updates or not weights:
        return math.nan
    return math.hypot(*(figures.updates[i] * figures.weights[i] for i in at)) / weights


def inside(names: Sequence[str], name: str) -> list[int]:
    """At which places in `names` the module `name` is, or a layer in it."""
    return [i for i, other in enumerate(names) if not name or f"{other}.".startswith(f"{name}.")]
