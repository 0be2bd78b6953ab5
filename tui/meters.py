"""Labels, sparklines and numbers in lines of text, where every number keeps its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.text import Text

from tui.format import DASH, size
from tui.palette import palette

T = TypeVar("T")

SPARKS = "▁▂▃▄▅▆▇█"
LABEL = 6  # columns of "power "
GRAPH = 8  # columns below which a graph says nothing


@dataclass(frozen=True)
class Series:
    """One thing over time as fractions, oldest first, and as it is now."""

    values: Sequence[float | None]
    now: float | None

    def draw(self, width: int) -> Text:
        """A sparkline that ends now; without a past, a bar of what is now."""
        return self.tall(width, 1)[0]

    def tall(self, width: int, rows: int) -> list[Text]:
        """The same, `rows` lines high, the highest line first."""
        if self.values and rows > 1:
            return [Text(line, palette().meter) for line in area(self.values, width, rows)]
        return [self._low(width), *[Text(" " * width)] * (rows - 1)]

    def _low(self, width: int) -> Text:
        if self.values:
            return Text(sparkline(self.values, width), palette().meter)
        if self.now is None:
            return Text(" " * width)
        full = round(min(self.now, 1.0) * width)
        return Text("█" * full, palette().meter).append("░" * (width - full), "dim")


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last `width` fractions as bars, the newest at the right; a gap where one is unknown."""
    bars = [
        " " if v is None else SPARKS[min(int(max(v, 0.0) * len(SPARKS)), len(SPARKS) - 1)]
        for v in (values[-width:] if width > 0 else ())
    ]
    return "".join(bars).rjust(width)


def area(values: Sequence[float | None], width: int, rows: int) -> list[str]:
    """The same over several lines, the highest first."""
    # In the row that the value ends in, it is a fraction of that row; those below are full.
    lines = []
    for row in reversed(range(rows)):
        bars = ""
        for value in values[-width:] if width > 0 else ():
            eighths = 0 if value is None else round(min(max(value, 0.0), 1.0) * rows * 8) - row * 8
            least = 1 if row == 0 and value is not None else 0  # a known zero is not a gap
            filled = min(max(eighths, least), 8)
            bars += SPARKS[filled - 1] if filled else " "
        lines.append(bars.rjust(width))
    return lines


def squeezed(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values, each the mean of neighbours: a server may have 256 cores."""
    each = -(-len(values) // max(width, 1))
    groups = [values[i : i + each] for i in range(0, len(values), each)]
    return [sum(group) / len(group) for group in groups]


def meters(
    graphs: Sequence[tuple[str, Series, str]],
    beside: Sequence[tuple[str, ...]],
    width: int,
    rows: int = 1,
) -> tuple[list[Text], int]:
    """Each (label, graph, value) over `rows` lines, and at the first's end the texts of `beside`.

    Each column of `beside` is as wide as its first text. Returns how many of its columns fit, too.
    """
    values = max(len(value) for _, _, value in graphs)
    graph = width - LABEL - 1 - values
    columns = 0
    for text in beside[0] if beside else ():
        if graph - len(text) - 2 < GRAPH:
            break
        graph -= len(text) + 2
        columns += 1
    lines = []
    for i, (label, series, value) in enumerate(graphs):
        line = Text(f"{label:<{LABEL}}", "dim")
        first, *below = series.tall(max(graph, 0), rows)
        line = Text.assemble(line, first, f" {value:<{values}}")
        for column in range(columns):
            line.append(f"  {beside[i][column]:<{len(beside[0][column])}}")
        line.rstrip()
        lines += [line, *(Text.assemble(" " * LABEL, more) for more in below)]
    return lines, columns


def in_one_line(
    label: str, series: Series | None, values: Sequence[str], name: str, width: int
) -> tuple[Text, int]:
    """A label, a graph, as many values as fit, the first ones first, and a name in what is left.

    Returns how many values fit, too.
    """
    left = width - len(label)
    shown = 0
    for value in values:
        if left < len(value) + 2:
            break
        shown += 1
        left -= len(value) + 2
    line = Text(label)
    if series is not None and left > GRAPH // 2:
        graph = min(left - 1, GRAPH if name else 2 * GRAPH)
        line = Text.assemble(line, " ", series.draw(graph))
        left -= graph + 1
    line.append("".join(f"  {value}" for value in values[:shown]))
    if name and left > GRAPH:
        line.append(f"  {name}", "dim")
    return line, shown


def packed(cells: Sequence[str], width: int) -> list[str]:
    """Texts beside each other, over as many lines as they need."""
    lines: list[str] = []
    for cell in cells:
        if lines and len(lines[-1]) + 3 + len(cell) <= width:
            lines[-1] += f"   {cell}"
        else:
            lines.append(cell)
    return lines


def over(past: Sequence[T | None], now: T, of: Callable[[T], float | None]) -> Series:
    """What `of` says of each moment; None where there was none."""
    return Series([None if then is None else of(then) for then in past], of(now))


def rate(per_second: float | None) -> str:
    """Bytes a second, always equally wide: '   2.3 GiB/s'."""
    return f"{DASH if per_second is None else f'{size(per_second)}/s':>10}"


def share(part: float | None, whole: float | None) -> float | None:
    """`part` as a fraction of `whole`; None where either is unknown."""
    return None if part is None or not whole else part / whole


def number(value: float | None, width: int, digits: int = 0) -> str:
    """Right-aligned; a dash for what is not known."""
    return f"{DASH if value is None else f'{value:.{digits}f}':>{width}}"


def part_of(part: float | None, whole: float | None, unit: str, digits: int = 0) -> str:
    """'412 / 700 W', equally wide for every part of the whole."""
    most = number(whole, 1, digits)
    return f"{number(part, max(len(most), 3), digits)} / {most} {unit}"


def bytes_of(used: int | None, total: int | None) -> str:
    """' 1.9 / 79.6 GiB': both in the unit of the whole, so that the width never changes."""
    unit, name = (2**30, "GiB") if total is None or total >= 2**30 else (2**20, "MiB")
    return part_of(
        None if used is None else used / unit, None if total is None else total / unit, name, 1
    )
