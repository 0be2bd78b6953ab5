"""The line in the border of a chart: what is drawn, with values and line styles."""

from collections.abc import Mapping, Sequence

from rich.style import Style
from rich.text import Text

from core.view import RunView
from tui.charts import Chart

SIGNS = {"train": (" ━━", "━"), "test": (" ┈●┈", "●")}


def legend(
    chart: Chart,
    view: RunView,
    names: Sequence[str],
    values: Mapping[str, float | None],
    styles: Mapping[str, Style],
    length: int,
) -> Text:
    """`length` 2 is the whole of it, 1 is short, 0 goes without the names."""
    text = Text(chart.title(view), "bold")
    form = chart.format if length > 1 else chart.short_format
    blank = "–".rjust(len(format(0.0, form)))
    for name in names:
        long_sign, short_sign = SIGNS[name]
        found = values.get(name)
        value = blank if found is None else format(found, form)
        text.append("  " if length > 1 else "")
        shown = f" {name}" if length and len(names) > 1 else ""
        sign = long_sign if length > 1 else short_sign
        text.append(f"{shown} {value}{sign}", Style(bold=False) + styles[name])
    return text
