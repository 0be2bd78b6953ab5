"""Curves as plain numbers: smoothing, gaps, limits and thinning, before anything is drawn."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

# A value so many times above nine tenths of the others is a spike: it is drawn at the upper edge
# instead of flattening everything else. A falling loss stays far below that: 2.3 at the start
# against 0.003 in nine tenths of the run.
SPIKE = 1000.0


@dataclass(frozen=True)
class Curve:
    """One series of a plot; `ys` may hold NaN and infinities, which become gaps."""

    role: str  # which style it is drawn in, such as "train"
    xs: Sequence[float]  # not decreasing
    ys: Sequence[float]
    dotted: bool = False  # dots along the line and a bullet at each point, instead of a line
    sign: str = ""  # one character that stands along the line, where colours do not tell enough


@dataclass(frozen=True)
class Mark:
    """Something that happened at one place of the x axis."""

    x: float
    text: str


def drawable(y: float, *, log: bool) -> bool:
    """Whether there is a place for `y` on an axis; if not, the curve has a gap there."""
    # Beyond any float32: only so that no sum or power of a limit overflows.
    return abs(y) < 1e100 and (y > 1e-100 or not log)


def smooth(values: Iterable[float], weight: float) -> list[float]:
    """An exponential moving average that leaves gaps where they are.

    `weight` (0 to below 1) is how much of the past stays at each value. Corrected for the start,
    as in Adam, so that the first value is the first value.
    """
    if not weight:
        return list(values)
    smoothed, total, mass = [], 0.0, 0.0
    for value in values:
        if math.isfinite(value):
            total = weight * total + (1 - weight) * value
            mass = weight * mass + (1 - weight)
            smoothed.append(total / mass)
        else:
            smoothed.append(math.nan)
    return smoothed


def limits(
    values: Iterable[float], *, log: bool = False, least_span: float = 0.0
) -> tuple[float, float] | None:
    """The lowest and the highest value worth showing, a little apart even for a constant curve.

    At least a tenth of the value and `least_span`, so that noise on a plateau does not look like
    learning. Spikes don't count on a linear axis. None if there is nothing to show.
    """
    shown = sorted(v for v in values if drawable(v, log=log))
    if not shown:
        return None
    low, high = shown[0], shown[-1]
    if log:
        return (low, high) if high > low * 1.5 else (low / 1.5, high * 1.5)
    usual = shown[int(0.9 * (len(shown) - 1))]
    if usual > 0 and high > SPIKE * usual:
        high = max(v for v in shown if v <= SPIKE * usual)
    span = max(0.1 * abs(high), least_span) or 1.0
    if high - low < span:
        middle = (low + high) / 2
        low, high = middle - span / 2, middle + span / 2
    return low, high


def pieces(curve: Curve, x_high: float, low: float, high: float, *, log: bool) -> list[list[Point]]:
    """The curve cut at its gaps, y clipped to `low` and `high`, and as its logarithm if `log`."""
    found: list[list[Point]] = []
    open_piece: list[Point] | None = None
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if x > x_high or not drawable(y, log=log):
            open_piece = None
            continue
        if open_piece is None:
            open_piece = []
            found.append(open_piece)
        y = min(max(y, low), high)
        open_piece.append((x, math.log10(y) if log else y))
    return found


def thin(points: list[Point], x_low: float, x_high: float, columns: int) -> list[Point]:
    """At most two points a column, its lowest and its highest, so that every spike stays."""
    if len(points) <= 2 * columns:
        return points
    kept: list[Point] = []
    scale = columns / (x_high - x_low)
    column = -1
    lowest = highest = points[0]
    for point in points:
        x, y = point
        here = min(int((x - x_low) * scale), columns - 1)
        if here != column:
            if column >= 0:
                kept += sorted({lowest, highest})
            column, lowest, highest = here, point, point
        elif y < lowest[1]:
            lowest = point
        elif y > highest[1]:
            highest = point
    return kept + sorted({lowest, highest})


def along(points: list[Point], start: float, every: float) -> list[Point]:
    """Points of the line through `points`, from x = `start` on, `every` so far apart; its end."""
    found = []
    x = start
    for (x0, y0), (x1, y1) in pairwise(points):
        while x < x1:
            if x >= x0:
                found.append((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)))
            x += every
    return [*found, points[-1]]


def dots(points: list[Point], x_unit: float, y_unit: float, every: float) -> list[Point]:
    """Points along the line through `points`, `every` so many units apart in the picture.

    `x_unit` and `y_unit` are the sizes of one dot of the picture.
    """
    found: list[Point] = []
    ahead = 0.0  # distance from the last corner to the next dot
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot((x1 - x0) / x_unit, (y1 - y0) / y_unit)
        while ahead < length:
            part = ahead / length
            found.append((x0 + part * (x1 - x0), y0 + part * (y1 - y0)))
            ahead += every
        ahead -= length
    return found
