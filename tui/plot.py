"""Curves as text, through plotext, with axes of our own.

plotext draws the lines, in braille; everything around them is done here: it is given clean and
thinned numbers only, because it raises on an infinity, and a spike far outside of its limits takes
all memory. Its own ticks are fractions and its legend a box over the curves. Nothing outside of
this file knows plotext. Its state is global: one thread may draw at a time.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotext
from rich.style import Style
from rich.text import Text

from tui.curves import GUTTER, Curve, Mark, Point, along, dots
from tui.format import safe_text
from tui.pieces import arrays, drawable, in_window, limits, pieces, thin
from tui.ticks import TickKind, Ticks, linear_axis, log_axis, log_label, tick_label, x_ticks

Cells = list[list[tuple[str, str]]]  # rows from the top, of (character, role)

LEAST_WIDTH, LEAST_HEIGHT = 16, 4  # smaller pictures say nothing
DOT_SPACING = 3.5  # of a dotted curve, in braille dots: apart enough to be told from a line
SIGN_SPACING = 16  # columns between two signs of a curve
BULLET, ALONE = "●", "•"  # a point of a dotted curve; a point with gaps on both sides
CURSOR = "│"
BEYOND = "↑"  # at the upper edge, where a spike goes on


@dataclass(frozen=True)
class YAxis:
    """Limits and ticks of a y axis."""

    low: float
    high: float
    ticks: Ticks


def y_axis(
    curves: Sequence[Curve],
    x_limits: Point,
    most: int,
    *,
    log: bool = False,
    y_range: Point = (-math.inf, math.inf),
    least_span: float = 0.0,
) -> YAxis | None:
    """The axis of what the curves are between `x_limits`; None if there is nothing to draw.

    It spans the finite values and at least `least_span`, widened to round numbers but not beyond
    `y_range`.
    """
    seen = []
    for curve in curves:
        xs, ys = arrays(curve)
        if curve.dotted:  # a line that only passes through has no point to make room for
            seen.append(ys[(xs >= x_limits[0]) & (xs <= x_limits[1])])
        else:
            seen.append(ys[in_window(xs, x_limits)])
    values = np.concatenate(seen) if seen else np.zeros(0)
    found = limits(np.clip(values, *y_range), log=log, least_span=least_span)
    if found is None:
        return None
    low, high, ticks = (log_axis if log else linear_axis)(*found, most)
    low, high = max(low, y_range[0]), min(high, y_range[1])
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 0.0
    labelled = [(v, log_label(v) if log else tick_label(v, step)) for v in ticks]
    return YAxis(low, high, [(v, label) for v, label in labelled if low <= v <= high])


def on_log_x(curves: Sequence[Curve]) -> list[Curve]:
    """The curves over the logarithm of x, without what lies at 0."""
    found = []
    for curve in curves:
        xs, ys = arrays(curve)
        kept = xs > 0
        found.append(replace(curve, xs=np.log10(xs[kept]).tolist(), ys=ys[kept].tolist()))
    return found


def draw(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    x_limits: Point,
    x_log: bool = False,
    x_kind: TickKind = "number",
    y_log: bool = False,
    y_range: Point = (-math.inf, math.inf),
    least_span: float = 0.0,
    x_label: str = "",
    marks: Sequence[Mark] = (),
    marks_above: bool = False,
    cursor: float | None = None,
    styles: Mapping[str, Style] | None = None,
) -> Text:
    """The curves with their axes, exactly `height` lines of at most `width` columns.

    Later curves lie over earlier ones. Only what is between `x_limits` is drawn, and counts for the
    y axis, which is that of `y_axis`. `cursor` is a place on the x axis, drawn as a line. `styles`
    has a style for each curve's role, and for "axis", "grid", "mark" and "cursor". Without
    anything to draw, or any room, the text is empty.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return Text()
    named = x_limits
    if x_log:
        curves = on_log_x(curves)
        marks = [Mark(math.log10(m.x), m.text) for m in marks if m.x > 0]
        x_limits = math.log10(x_limits[0]), math.log10(x_limits[1])
        cursor = math.log10(cursor) if cursor and cursor > 0 else None
    rows = height - 1
    axis = y_axis(
        curves, x_limits, max(2, rows // 3), log=y_log, y_range=y_range, least_span=least_span
    )
    if axis is None:
        return Text()
    low, high = axis.low, axis.high
    gutter = max(GUTTER, *(len(label) + 1 for _, label in axis.ticks))
    columns = width - gutter
    scale = math.log10 if y_log else float
    y_low, y_high = scale(low), scale(high)

    cells = _lines(curves, columns, rows, x_limits, (low, high), y_log)
    left = [" " * gutter] * rows
    for value, label in axis.ticks:
        row = rows - 1 - _dot(scale(value), y_low, y_high, 4 * rows) // 4
        left[row] = f"{label:>{gutter - 1}} "
        cells[row] = [("┈", "grid") if c == (" ", "") else c for c in cells[row]]
    for curve in curves:
        for x in _beyond(curve, x_limits, high, log=y_log):
            cells[0][_dot(x, *x_limits, 2 * columns) // 2] = (BEYOND, curve.role)
    if cursor is not None and x_limits[0] <= cursor <= x_limits[1]:
        at = _dot(cursor, *x_limits, 2 * columns) // 2
        for cell_row in cells:
            if cell_row[at][0] in " ┈":
                cell_row[at] = (CURSOR, "cursor")
    _write_marks(cells[0 if marks_above else -1], marks, x_limits, "▼" if marks_above else "▲")

    styles = styles or {}
    text = Text(no_wrap=True, end="")
    for label, row_cells in zip(left, cells, strict=True):
        text.append(label, styles.get("axis", ""))
        _append_row(text, row_cells, styles)
        text.append("\n")
    ticks = x_ticks(*named, max(1, columns // 8), x_kind, log=x_log)
    if x_log:
        ticks = [(math.log10(value), label) for value, label in ticks]
    # A long name, such as "training time", takes no more than the labels of y do.
    text.append(f"{x_label[: gutter - 1]:>{gutter - 1}} ", styles.get("axis", ""))
    text.append(_x_labels(columns, *x_limits, ticks), styles.get("axis", ""))
    return text


def _beyond(curve: Curve, x_limits: Point, high: float, *, log: bool) -> list[float]:
    """Where the curve goes above the upper edge."""
    xs, ys = arrays(curve)
    above = ys > high + 1e-9 * abs(high)  # rarely any, and then few
    xs, ys = xs[above], ys[above]
    inside = drawable(ys, log=log) & (xs >= x_limits[0]) & (xs <= x_limits[1])
    found: list[float] = xs[inside].tolist()
    return found


def _lines(
    curves: Sequence[Curve], columns: int, rows: int, x_limits: Point, y_limits: Point, log: bool
) -> Cells:
    """The curves alone, drawn by plotext on a canvas of `columns` by `rows`."""
    x_low, x_high = x_limits
    y_low, y_high = (math.log10(v) for v in y_limits) if log else y_limits
    x_dot, y_dot = (x_high - x_low) / (2 * columns), (y_high - y_low) / (4 * rows)

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(columns, rows)
    plotext.xaxes(False, False)
    plotext.yaxes(False, False)
    plotext.xlim(x_low, x_high)
    plotext.ylim(y_low, y_high)
    roles = list(dict.fromkeys(curve.role for curve in curves))
    for number, curve in enumerate(curves):
        # The colour only says, in plotext's output, which role a cell belongs to.
        color = roles.index(curve.role) + 1
        for piece in pieces(curve, x_limits, *y_limits, log=log):
            points = thin(piece, x_limits, columns)
            if curve.dotted:
                _scatter(dots(points, x_dot, y_dot, DOT_SPACING), "braille", color)
                apart = len(points) * 4 <= columns * (points[-1][0] - points[0][0]) / (
                    x_high - x_low
                )
                if curve.sign:
                    pass  # it tells the curve, and is easier to see alone
                elif apart or len(points) < 3:
                    _scatter(points, BULLET, color)
                else:
                    _scatter(points, "braille", color)
            elif len(points) == 1:
                _scatter(points, ALONE, color)
            else:
                xs, ys = zip(*points, strict=True)
                plotext.plot(xs, ys, marker="braille", color=color)
            if curve.sign:
                every = SIGN_SPACING * 2 * x_dot
                start = x_low + number * every * 0.38  # of curves that lie close, side by side
                _scatter(along(points, start % every, every), curve.sign, color)
    plotext.xticks([])
    plotext.yticks([])
    return _cells(plotext.build(), roles)


def _scatter(points: list[Point], marker: str, color: int) -> None:
    if points:
        xs, ys = zip(*points, strict=True)
        plotext.scatter(xs, ys, marker=marker, color=color)


def _cells(picture: str, roles: Sequence[str]) -> Cells:
    """plotext's text with its colour codes as characters, each with the role of its curve."""
    rows: Cells = []
    role = ""
    for line in picture.splitlines():
        row: list[tuple[str, str]] = []
        for text, code in re.findall(r"([^\x1b]+)|\x1b\[([\d;]*)m", line):
            if text:
                row += [(c, "" if c == " " else role) for c in text]
            else:
                number = re.search(r"38;5;(\d+)", code)
                role = roles[int(number[1]) - 1] if number else ""
        rows.append(row)
    return rows


def _write_marks(
    row: list[tuple[str, str]], marks: Sequence[Mark], x_limits: Point, sign: str
) -> None:
    """Each mark's sign at its place and its text beside it; the newest wins where two overlap."""
    taken = len(row) + 1  # where the next mark to the right begins, or would
    for mark in reversed(marks):
        if not x_limits[0] <= mark.x <= x_limits[1]:
            continue
        at = _dot(mark.x, *x_limits, 2 * len(row)) // 2
        text = f"{sign} {safe_text(mark.text)}"
        start = at
        if at + len(text) > len(row):  # no room to the right: the text goes to the left
            text, start = f"{safe_text(mark.text)} {sign}", at - len(text) + 1
        if start < 0 or start + len(text) >= taken:
            text, start = sign, at
        if start + len(text) <= taken:
            row[start : start + len(text)] = [(c, "mark") for c in text]
            taken = start


def _append_row(text: Text, row: list[tuple[str, str]], styles: Mapping[str, Style]) -> None:
    start = 0
    for end in range(1, len(row) + 1):
        if end == len(row) or row[end][1] != row[start][1]:
            part = "".join(c for c, _ in row[start:end])
            text.append(part, styles.get(row[start][1], ""))
            start = end


def _x_labels(columns: int, low: float, high: float, ticks: Ticks) -> str:
    """The labels under the x axis, each centred below its place, as far as there is room."""
    line = [" "] * columns
    free = 0
    for value, label in ticks:
        at = _dot(value, low, high, 2 * columns) // 2
        start = min(max(at - (len(label) - 1) // 2, 0), columns - len(label))
        if start >= free:
            line[start : start + len(label)] = label
            free = start + len(label) + 1
    return "".join(line).rstrip()


def _dot(value: float, low: float, high: float, count: int) -> int:
    """Which of `count` dots plotext draws a value at, from 0."""
    return math.floor(round(0.5 + (count - 1) * (value - low) / (high - low), 8))
