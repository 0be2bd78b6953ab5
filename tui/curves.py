"""Curves as plain numbers: smoothing, values, places, before anything is drawn."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

GUTTER = 6  # columns of y labels, more for 1.5e-12: so the axes of two panes line up

# Sizes that have a place on an axis: far beyond any float32, only so that no sum or power of a
# limit overflows.
DRAWABLE = (1e-100, 1e100)


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


def value_at(curve: Curve, x: float) -> float | None:
    """The y of the point that is nearest to `x`, None if that is a gap or if there is no point."""
    if not curve.xs:
        return None
    at = bisect_left(curve.xs, x)
    near = [i for i in (at - 1, at) if 0 <= i < len(curve.xs)]
    y = curve.ys[min(near, key=lambda i: abs(curve.xs[i] - x))]
    return y if math.isfinite(y) else None


def best_point(curve: Curve, *, highest: bool) -> Point | None:
    """Where the curve is best, the first place if several are."""
    points = [(x, y) for x, y in zip(curve.xs, curve.ys, strict=True) if math.isfinite(y)]
    return (max if highest else min)(points, key=lambda point: point[1], default=None)


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
