"""Charts as a picture file: drawn with Pillow, at twice the size and then made smaller.

So lines and letters have smooth edges. The axes are those of the charts in the terminal.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from tui.curves import Curve, Mark, Point
from tui.pieces import pieces, thin
from tui.plot import YAxis, on_log_x, y_axis
from tui.ticks import TickKind, x_ticks

SIZE = (960, 400)  # pixels of one chart
FINER = 2  # times as large while it is drawn
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 52, 44  # pixels around the axes
GROUND, INK, MUTED, GRID = "#ffffff", "#1d2129", "#5b6472", "#e3e6ea"
RAW = "#cfd6de"  # behind the smoothed curve
# Okabe and Ito's colours, which people who see colours otherwise can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASH = (9.0, 6.0)  # pixels drawn and left out


@dataclass(frozen=True)
class Line:
    """A curve in its colour, with its name, if it has one, in the legend."""

    curve: Curve
    colour: str
    name: str = ""


@dataclass(frozen=True)
class Figure:
    """One chart of a picture."""

    title: str
    lines: Sequence[Line]
    x_limits: Point
    x_label: str
    x_kind: TickKind = "number"
    x_log: bool = False
    y_log: bool = False
    y_range: Point = (-math.inf, math.inf)
    least_span: float = 0.0
    marks: Sequence[Mark] = ()


def picture(figures: Sequence[Figure]) -> Image.Image:
    """The charts below each other."""
    width, height = SIZE
    image = Image.new("RGB", (width * FINER, height * len(figures) * FINER), GROUND)
    for number, figure in enumerate(figures):
        _Canvas(ImageDraw.Draw(image), number * height).draw(figure)
    return image.resize((width, height * len(figures)), Image.Resampling.LANCZOS)


class _Canvas:
    """Draws one chart, `top` pixels down."""

    def __init__(self, pen: ImageDraw.ImageDraw, top: int) -> None:
        self.pen, self.top = pen, top
        self.font = ImageFont.load_default(13 * FINER)
        self.large = ImageFont.load_default(17 * FINER)

    def draw(self, figure: Figure) -> None:
        curves = [line.curve for line in figure.lines]
        limits, marks = figure.x_limits, list(figure.marks)
        if figure.x_log:
            curves = on_log_x(curves)
            limits = math.log10(limits[0]), math.log10(limits[1])
            marks = [Mark(math.log10(m.x), m.text) for m in marks if m.x > 0]
        self._text(LEFT, 20, figure.title, INK, "lm", self.large)
        axis = y_axis(
            curves, limits, 6, log=figure.y_log, y_range=figure.y_range,
            least_span=figure.least_span,
        )  # fmt: skip
        if axis is None:
            self._text(LEFT, 90, "there is no figure to draw", MUTED, "lm")
            return
        scale = math.log10 if figure.y_log else float
        x_at, y_at = self._places(limits, axis, scale)
        for value, label in axis.ticks:
            self._line([(LEFT, y_at(scale(value))), (SIZE[0] - RIGHT, y_at(scale(value)))], GRID, 1)
            self._text(LEFT - 8, y_at(scale(value)), label, MUTED, "rm")
        for value, label in x_ticks(*figure.x_limits, 8, figure.x_kind, log=figure.x_log):
            x = x_at(math.log10(value) if figure.x_log else value)
            self._line([(x, SIZE[1] - BOTTOM), (x, SIZE[1] - BOTTOM + 4)], MUTED, 1)
            self._text(x, SIZE[1] - BOTTOM + 14, label, MUTED, "mm")
        self._text(SIZE[0] - RIGHT, SIZE[1] - 12, figure.x_label, MUTED, "rm")
        for mark in marks:
            if limits[0] <= mark.x <= limits[1]:
                self._dashed([(x_at(mark.x), TOP), (x_at(mark.x), SIZE[1] - BOTTOM)], MUTED, 1)
                near_end = x_at(mark.x) > SIZE[0] * 0.75
                self._text(
                    x_at(mark.x) + (-4 if near_end else 4), TOP + 6, mark.text, MUTED,
                    "rm" if near_end else "lm",
                )  # fmt: skip
        for line, curve in zip(figure.lines, curves, strict=True):
            for piece in pieces(curve, limits, axis.low, axis.high, log=figure.y_log):
                points = thin(piece, limits, SIZE[0] - LEFT - RIGHT)
                self._curve([(x_at(x), y_at(y)) for x, y in points], line)
        self._legend([line for line in figure.lines if line.name])

    @staticmethod
    def _places(
        limits: Point, axis: YAxis, scale: Callable[[float], float]
    ) -> tuple[Callable[[float], float], Callable[[float], float]]:
        """Where an x and a y (as a logarithm on such an axis) are in the picture."""
        low, high = scale(axis.low), scale(axis.high)
        wide, tall = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM
        return (
            lambda x: LEFT + (x - limits[0]) / (limits[1] - limits[0]) * wide,
            lambda y: TOP + (high - y) / (high - low) * tall,
        )

    def _curve(self, points: list[Point], line: Line) -> None:
        if line.curve.sign == "★":
            self._ring(points[0], line.colour)
            return
        width = 1.2 if line.colour == RAW else 2
        if len(points) > 1:
            (self._dashed if line.curve.dotted else self._line)(points, line.colour, width)
        if (line.curve.dotted and len(points) <= 60) or len(points) == 1:
            for point in points:
                self._dot(point, 3, line.colour)

    def _legend(self, lines: Sequence[Line]) -> None:
        """Names and line styles in the upper right corner."""
        x = float(SIZE[0] - RIGHT)
        for line in reversed(lines):
            x -= self.font.getlength(line.name) / FINER
            self._text(x, 20, line.name, INK, "lm")
            x -= 36
            sample = [(x, 20.0), (x + 28, 20.0)]
            (self._dashed if line.curve.dotted else self._line)(sample, line.colour, 2)
            x -= 18

    # In pixels of the finished picture

    def _xy(self, point: Point) -> Point:
        return point[0] * FINER, (point[1] + self.top) * FINER

    def _text(
        self, x: float, y: float, text: str, colour: str, anchor: str,
        font: "ImageFont.FreeTypeFont | ImageFont.ImageFont | None" = None,
    ) -> None:  # fmt: skip
        self.pen.text(self._xy((x, y)), text, colour, font or self.font, anchor)

    def _line(self, points: Sequence[Point], colour: str, width: float) -> None:
        self.pen.line(
            [self._xy(p) for p in points], colour, max(round(width * FINER), 1), joint="curve"
        )

    def _dashed(self, points: Sequence[Point], colour: str, width: float) -> None:
        """A dash and a gap in turn, along the line and around its corners."""
        drawn, left = True, DASH[0]
        for (x0, y0), (x1, y1) in pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0)
            done = 0.0
            while done < length:
                part = min(left, length - done)
                a, b = done / length, (done + part) / length
                if drawn:
                    begin = x0 + (x1 - x0) * a, y0 + (y1 - y0) * a
                    end = x0 + (x1 - x0) * b, y0 + (y1 - y0) * b
                    self._line([begin, end], colour, width)
                done += part
                left -= part
                if left <= 1e-9:
                    drawn = not drawn
                    left = DASH[0] if drawn else DASH[1]

    def _dot(self, at: Point, radius: float, colour: str) -> None:
        self.pen.circle(self._xy(at), radius * FINER, fill=colour)

    def _ring(self, at: Point, colour: str) -> None:
        self.pen.circle(self._xy(at), 7 * FINER, outline=colour, width=2 * FINER)
