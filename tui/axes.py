"""How the charts of a screen are looked at: which x axis, which part of it, where the cursor is.

All charts of a screen share one `Axes` value, so that the same place is the same time in each.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, get_args

from core.view import RunView
from tui.curves import Point
from tui.format import duration
from tui.ticks import TickKind, clock_label

# Epochs, steps, seconds of training without pauses and breaks, Unix seconds.
XAxis = Literal["epoch", "step", "time", "clock"]
X_AXES: tuple[XAxis, ...] = get_args(XAxis)
SMOOTHING = (0.0, 0.6, 0.9)  # weights of the past that the key goes through
CLOSEST = 1e-4  # part of the whole x axis that zooming in ends at
LATEST = 4e9  # Unix seconds, in the year 2096: a time beyond that is damage


Scale = Callable[[float], float]


@dataclass(frozen=True)
class Axes:
    """What the keys of a screen with charts change."""

    x: XAxis = "epoch"
    x_log: bool = False
    y_log: bool = False  # of charts in which that says something
    smoothing: float = SMOOTHING[1]
    window: Point | None = None  # the part of the x axis in sight; None is the whole
    cursor: float | None = None  # a place on the x axis

    @property
    def log(self) -> bool:
        """Whether x is logarithmic: a time of day cannot be."""
        return self.x_log and self.x != "clock"

    def with_next_x(self) -> "Axes":
        """The next kind of x axis, the whole of it."""
        return replace(self.whole(), x=X_AXES[(X_AXES.index(self.x) + 1) % len(X_AXES)])

    def with_next_smoothing(self) -> "Axes":
        more = [weight for weight in SMOOTHING if weight > self.smoothing]
        return replace(self, smoothing=more[0] if more else SMOOTHING[0])

    def whole(self) -> "Axes":
        """All of the x axis, and no cursor."""
        return replace(self, window=None, cursor=None)

    def at(self, x: float) -> "Axes":
        """With the cursor there."""
        return replace(self, cursor=x)

    def zoomed(self, whole: Point, factor: float, at: float) -> "Axes":
        """A window `factor` times as wide, in which the place `at` stays where it is."""
        scale, back = _scales(self.log)
        low, high = map(scale, self.window or whole)
        first, last = map(scale, whole)
        place = min(max(scale(at), low), high)
        width = max((high - low) * factor, (last - first) * CLOSEST)
        if width >= last - first:
            return replace(self, window=None)
        low = place - (place - low) * width / (high - low)
        return self._at(low, width, first, last, back)

    def panned(self, whole: Point, part: float) -> "Axes":
        """The window moved by `part` of its width, as far as the whole reaches."""
        if self.window is None:
            return self
        scale, back = _scales(self.log)
        low, high = map(scale, self.window)
        first, last = map(scale, whole)
        return self._at(low + part * (high - low), high - low, first, last, back)

    def _at(self, low: float, width: float, first: float, last: float, back: Scale) -> "Axes":
        low = min(max(low, first), last - width)
        return replace(self, window=(back(low), back(low + width)))

    def moved(self, whole: Point, part: float) -> "Axes":
        """The cursor moved by `part` of what is in sight, which follows it.

        Without a cursor it comes at the end that it would enter from.
        """
        scale, back = _scales(self.log)
        first, last = map(scale, whole)
        low, high = map(scale, self.window or whole)
        if self.cursor is None:
            return replace(self, cursor=back(high if part < 0 else low))
        place = min(max(scale(self.cursor) + part * (high - low), first), last)
        found = replace(self, cursor=back(place))
        if self.window and not low <= place <= high:
            beyond = place - high if place > high else place - low
            found = found.panned(whole, beyond / (high - low))
        return found


def _scales(log: bool) -> tuple[Scale, Scale]:
    """From a place on the axis to where it is drawn, and back."""
    return (_log10, _power) if log else (float, float)


def _log10(value: float) -> float:
    return math.log10(max(value, 1e-9))


def _power(value: float) -> float:
    return float(10.0**value)


@dataclass(frozen=True)
class Places:
    """Where the figures of a run lie on an x axis."""

    reports: Sequence[float]
    ends: Sequence[float]  # of epochs
    _steps: Sequence[int]
    _xs: Sequence[float]

    def at_step(self, step: float) -> float:
        """Where step number `step` lies, between the figures next to it."""
        at = bisect_left(self._steps, step)
        if at == 0:
            return self._xs[0] if self._xs else 0.0
        if at == len(self._steps):
            return self._xs[-1]
        (s0, s1), (x0, x1) = self._steps[at - 1 : at + 1], self._xs[at - 1 : at + 1]
        return x0 + (x1 - x0) * (step - s0) / (s1 - s0)

    def step_at(self, x: float) -> int:
        """The step whose figures are the last ones up to `x`, or the first."""
        at = max(bisect_left(self._xs, x * (1 + 1e-12)) - 1, 0) if self._xs else 0
        if at + 1 < len(self._xs) and self._xs[at + 1] - x < x - self._xs[at]:
            at += 1
        return self._steps[at] if self._steps else 0


def places(view: RunView, x: XAxis) -> Places:
    """Where the reports and the epochs of `view` lie."""
    steps = [report.step for report in view.reports]
    end_steps = [end.step for end in view.epoch_ends]
    reports: Sequence[float]
    ends: Sequence[float]
    if x == "time":
        reports, ends = seconds_of_training(view)
    elif x == "clock":
        reports = _rising([report.time for report in view.reports])
        ends = _rising([end.time for end in view.epoch_ends])
    else:
        unit = view.start.steps_per_epoch if view.start and x == "epoch" else 1
        reports, ends = [s / unit for s in steps], [s / unit for s in end_steps]
    both = sorted(zip([*steps, *end_steps], [*reports, *ends], strict=True))
    if x in ("epoch", "step") and view.start:
        unit = view.start.steps_per_epoch if x == "epoch" else 1
        most = max(view.step, view.total_steps)
        both = [(0, 0.0), *both, (most, most / unit)]
    return Places(reports, ends, [s for s, _ in both], _rising([x for _, x in both], math.inf))


def _rising(times: Sequence[float], most: float = LATEST) -> list[float]:
    """The times, none of which lies before another that came earlier: clocks are set back."""
    known = [time if 0 <= time <= most else 0.0 for time in times]
    return list(accumulate(known, max))


def seconds_of_training(view: RunView) -> tuple[list[float], list[float]]:
    """How long the run had trained at each report and at each end of an epoch.

    Without pauses and breaks between sessions: epochs say how long they took, and within them
    the throughput of the reports does.
    """
    if not view.start:
        return [], []
    firsts = [e.step for e in view.reports[:1]] + [e.step for e in view.epoch_ends[:1]]
    first = min(firsts, default=0)
    step = view.start.step if first > view.start.step else 0
    begun = now = 0.0
    reports: list[float] = []
    ends: list[float] = []
    of_epoch = 0  # reports before those of the epoch in progress
    left = list(reversed(view.epoch_ends))
    for report in (*view.reports, None):
        while left and (report is None or left[-1].step < report.step):
            end = begun + max(left.pop().seconds, 0.0)
            if now > end:  # what reports say is thinned and rounded, what epochs say is exact
                part = (end - begun) / (now - begun)
                reports[of_epoch:] = [begun + (t - begun) * part for t in reports[of_epoch:]]
            begun = now = end
            ends.append(end)
            of_epoch = len(reports)
        if report is not None:
            speed = report.samples_per_second
            if speed > 0 and math.isfinite(speed):
                now += max(report.step - step, 0) * view.start.batch_size / speed
            step = report.step
            reports.append(now)
    return reports, ends


def whole(view: RunView, where: Places, x: XAxis) -> Point:
    """The part of the x axis that all of the run takes, with room for what comes soon."""
    begin, done = 0.0, max([*where.reports[-1:], *where.ends[-1:]], default=0.0)
    planned = math.inf
    if x == "clock":
        begin = min([*where.reports[:1], *where.ends[:1]], default=0.0)
    elif x in ("epoch", "step") and view.start:
        unit = 1 if x == "epoch" else view.start.steps_per_epoch
        done = max(done, view.step / view.start.steps_per_epoch * unit)
        planned = view.epochs * unit
    if view.end and x in ("time", "clock") and done > begin:
        return begin, done
    return begin, begin + extent(done - begin, planned)


def extent(done: float, planned: float) -> float:
    """How much the x axis spans: a 1-2-5 number from `done` up, at most all that is `planned`.

    So the curves use the width from the start, and the axis changes rarely.
    """
    if done <= 0:
        return float(planned) if 0 < planned < math.inf else 1.0
    magnitude = 10.0 ** math.floor(math.log10(done))
    round_up = next(f * magnitude for f in (1, 2, 5, 10) if f * magnitude >= done * (1 - 1e-9))
    return max(done, min(round_up, float(planned)))


def tick_kind(x: XAxis) -> TickKind:
    """How ticks of the axis are written."""
    return {"time": "seconds", "clock": "clock"}.get(x, "number")  # type: ignore[return-value]


def in_sight(axes: Axes, all_of_it: Point, first: float) -> tuple[Point, Point]:
    """What is in sight and the whole of it; `first` is the least x that has a figure.

    A logarithmic axis begins there, as it cannot begin at 0.
    """
    if axes.log:
        low = first if first > 0 else all_of_it[1] / 1000
        all_of_it = min(low, all_of_it[1] / 2), all_of_it[1]
    return axes.window or all_of_it, all_of_it


def cursor_label(axes: Axes) -> str:
    """Where the cursor is, as long as there is one."""
    x = axes.cursor or 0.0
    if axes.x == "time":
        return duration(x)
    if axes.x == "clock":
        return clock_label(x, 1)
    return f"{x:.2f}" if axes.x == "epoch" else f"{x:.0f}"
