"""Round numbers for an axis: 1, 2 and 5 times a power of ten, and how they are written."""

import math
import time
from typing import Literal

ONE_TWO_FIVE = (1, 2, 5)
MINUTE, HOUR, DAY = 60, 3600, 86400
# Seconds between ticks of a time axis; 1-2-5 numbers below a second and above a day.
TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE * m for m in (1, 2, 5, 10, 15, 30)),
    *(HOUR * h for h in (1, 2, 3, 6, 12)),
)

TickKind = Literal["number", "seconds", "clock"]
Ticks = list[tuple[float, str]]  # values and their labels, rising


def nice_step(span: float, most: int) -> float:
    """The smallest of ... 0.1, 0.2, 0.5, 1, 2 ... that makes at most `most` parts of `span`."""
    rough = span / max(most, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10):
        # Tolerance: 0.6 / 3 is a little more than 0.2, and its step is 0.2 all the same.
        if factor * magnitude >= rough * (1 - 1e-9):
            return factor * magnitude
    raise AssertionError


def linear_axis(low: float, high: float, most: int) -> tuple[float, float, list[float]]:
    """Limits widened to whole or half steps, and the two or more ticks between them.

    `high` must be greater than `low`.
    """
    step = nice_step(high - low, most)
    half = step / 2
    bottom, top = math.floor(low / half + 1e-9) * half, math.ceil(high / half - 1e-9) * half
    first, last = math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9)
    if first >= last:
        first, last = math.floor(bottom / step + 1e-9), math.ceil(top / step - 1e-9)
        bottom, top = first * step, last * step
    return bottom, top, [k * step for k in range(first, last + 1)]


def log_axis(low: float, high: float, most: int) -> tuple[float, float, list[float]]:
    """The same for a logarithmic axis; 0 < `low` < `high`.

    The ticks are 1-2-5 numbers where there is room for them, else powers of ten, all or some.
    """
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    fine = [f * 10.0**e for e in exponents for f in ONE_TWO_FIVE]
    bottom = max(v for v in fine if v <= low * (1 + 1e-9))
    top = min(v for v in fine if v >= high * (1 - 1e-9))
    ticks = [v for v in fine if bottom <= v <= top]
    every = 1
    while len(ticks) > max(most, 1) + 1:
        # Count down from the highest power of ten, so that ticks stay where they are as a
        # falling loss makes the axis longer at the bottom.
        highest = math.floor(math.log10(top) + 1e-9)
        lowest = math.ceil(math.log10(bottom) - 1e-9)
        ticks = [10.0**e for e in range(highest, lowest - 1, -every)][::-1]
        every += 1
    return bottom, top, ticks


def tick_label(value: float, step: float) -> str:
    """`value` as short as it stays exact: "0.25", "1k", "1e-4", "20M".

    `step` is the distance to the next tick, which says how many decimals all of them have.
    """
    size = max(abs(value), abs(step))
    if size >= 1e9 or 0 < size < 1e-3:
        return _scientific(value)
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= unit and step >= unit / 1000:
            return f"{value / unit:.{_decimals(step / unit)}f}{letter}" if value else "0"
    return f"{value:.{_decimals(step)}f}"


def log_label(value: float) -> str:
    """The label of a tick on a logarithmic axis, where each has the decimals that it needs."""
    return tick_label(value, 10.0 ** math.floor(math.log10(value) + 1e-9))


def _decimals(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step else 0


def _scientific(value: float) -> str:
    """1e-4, 2.5e10, 0."""
    if not value:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def x_ticks(low: float, high: float, most: int, kind: TickKind, *, log: bool = False) -> Ticks:
    """The ticks of an x axis from `low` to `high`, about `most` of them; nothing is widened.

    "seconds" are durations, "clock" Unix seconds as the time of day here.
    """
    if log:
        ticks = log_axis(low, high, most)[2]
        names = [duration_label(v, v) if kind == "seconds" else log_label(v) for v in ticks]
        return [(v, n) for v, n in zip(ticks, names, strict=True) if low <= v <= high]
    step = nice_step(high - low, most) if kind == "number" else time_step(high - low, most)
    # Whole hours and days are those of the place, not of Greenwich.
    shift = time.localtime(low).tm_gmtoff if kind == "clock" else 0
    first = math.ceil((low + shift) / step - 1e-9)
    last = math.floor((high + shift) / step * (1 + 1e-9) + 1e-9)
    values = [k * step - shift for k in range(first, last + 1)]
    label = {"number": tick_label, "seconds": duration_label, "clock": clock_label}[kind]
    return [(v, label(v, step)) for v in values]


def time_step(span: float, most: int) -> float:
    """The smallest round number of seconds that makes at most `most` parts of `span`."""
    rough = span / max(most, 1)
    if rough <= 0.5:
        return nice_step(span, most)
    fitting = (step for step in TIME_STEPS if step >= rough * (1 - 1e-9))
    return next(fitting, None) or DAY * max(1.0, nice_step(span / DAY, most))


def duration_label(seconds: float, step: float) -> str:
    """ "0", "2.5s", "1m30", "3h", "1h30", "2d": as short as ticks `step` apart stay exact."""
    if not seconds:
        return "0"
    if seconds < MINUTE or step < 1:
        return f"{seconds:.{_decimals(step) if step < 1 else 0}f}s"
    whole = round(seconds)
    days, hours, minutes = whole // DAY, whole % DAY // HOUR, whole % HOUR // MINUTE
    if whole < HOUR:
        return f"{minutes}m{whole % MINUTE:02}" if whole % MINUTE else f"{minutes}m"
    if whole < DAY:
        return f"{hours}h{minutes:02}" if minutes else f"{hours}h"
    return f"{days}d{hours}h" if hours else f"{days}d"


def clock_label(seconds: float, step: float) -> str:
    """The time of day here: "14:05", "14:05:30" for close ticks, "21 Nov" for far ones."""
    form = "%H:%M:%S" if step < MINUTE else "%H:%M" if step < DAY else "%d %b"
    return time.strftime(form, time.localtime(seconds))
