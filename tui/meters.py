"""Labels, sparklines and numbers in lines of text, where every number keeps its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from tui.format import DASH

SPARKS = "▁▂▃▄▅▆▇█"
METER = "#87afd7"  # calm, and neither of the two colours that carry meaning
LABEL = 6  # columns of "power "
GRAPH = 8  # columns below which a graph says nothing


@dataclass(frozen=True)
class Series:
    """One thing over time as fractions, oldest first, and as it is now."""

    values: Sequence[float | None]
    now: float | None

    def draw(self, width: int) -> Text:
        """A sparkline that ends now; without a past, a bar of what is now."""
        if self.values:
            return Text(sparkline(self.values, width), METER)
        if self.now is None:
            return Text(" " * width)
        full = round(min(self.now, 1.0) * width)
        return Text("█" * full, METER).append("░" * (width - full), "dim")


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last `width` fractions as bars, the newest at the right; a gap where one is unknown."""
    bars = [
        " " if v is None else SPARKS[min(int(max(v, 0.0) * len(SPARKS)), len(SPARKS) - 1)]
        for v in (values[-width:] if width > 0 else ())
    ]
    return "".join(bars).rjust(width)


def squeezed(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values, each the mean of neighbours: a server may have 256 cores."""
    each = -(-len(values) // max(width, 1))
    groups = [values[i : i + each] for i in range(0, len(values), each)]
    return [sum(group) / len(group) for group in groups]


def meters(
    rows: Sequence[tuple[str, Series, str]], beside: Sequence[tuple[str, ...]], width: int
) -> tuple[list[Text], int]:
    """A line for each (label, graph, value), and at its end the texts of `beside`.

    Each column of `beside` is as wide as its first text. Returns how many of its columns fit, too.
    """
    values = max(len(value) for _, _, value in rows)
    graph = width - LABEL - 1 - values
    columns = 0
    for text in beside[0] if beside else ():
        if graph - len(text) - 2 < GRAPH:
            break
        graph -= len(text) + 2
        columns += 1
    lines = []
    for i, (label, series, value) in enumerate(rows):
        line = Text(f"{label:<{LABEL}}", "dim")
        line = Text.assemble(line, series.draw(max(graph, 0)), f" {value:<{values}}")
        for column in range(columns):
            line.append(f"  {beside[i][column]:<{len(beside[0][column])}}")
        line.rstrip()
        lines.append(line)
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
