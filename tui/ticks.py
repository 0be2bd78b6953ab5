"""Round numbers for an axis: 1, 2 and 5 times a power of ten, and how they are written."""

import math

ONE_TWO_FIVE = (1, 2, 5)


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
