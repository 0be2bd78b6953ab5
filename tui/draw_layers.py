"""The layers of a network as text, beside what became of them while it trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from core.layer_history import LayerHistory
from tui.draw_inside import number
from tui.format import clip, clip_start, count, percent, safe_text, shape
from tui.layer_lines import NOTHING
from tui.layer_tree import LayerNode
from tui.meters import sparkline
from tui.palette import palette

T = TypeVar("T")

GAP = 2  # columns between two columns
BAR = 6  # columns
TREND = 10  # columns
LEAST_NAME = 14  # columns
WIDEST_RIDGE = 60  # columns of a histogram
LABEL = 12  # columns before a sparkline or a histogram
FIRST_AND_NEWEST = 22  # columns of a figure's first and newest value

# Andrej Karpathy's rule of thumb: cs231n.github.io/neural-networks-3/#ratio
HEALTHY = "  healthy is about 1e-3"


@dataclass(frozen=True)
class Column:
    """One column beside the names."""

    name: str
    width: int
    worth: int  # where there is no room, the least worthy column goes first
    live: bool = False  # whether it tells of a run
    is_text: bool = False

    @property
    def title(self) -> str:
        return "" if self.name.endswith("bar") else self.name


COLUMNS = (
    Column("kind", 11, 2, is_text=True),
    Column("output", 11, 6),
    Column("params", 10, 5),
    Column("params bar", BAR, 1, is_text=True),
    Column("MACs", 7, 3),
    Column("MACs bar", BAR, 0, is_text=True),
    Column("weights", 8, 7, live=True),
    Column("gradient", 8, 10, live=True),
    Column("its trend", TREND, 4, live=True, is_text=True),
    Column("update", 7, 9, live=True),
    Column("dead", 6, 8, live=True),
)


def shown_columns(width: int, *, live: bool) -> list[Column]:
    """The columns that have room beside a name, of a run that is `live` in some or in none."""
    shown = [column for column in COLUMNS if live or not column.live]
    while shown and sum(c.width + GAP for c in shown) + LEAST_NAME > width:
        shown.remove(min(shown, key=lambda column: column.worth))
    return shown


def title_line(columns: Sequence[Column], width: int) -> Text:
    """What stands above the tree."""
    room = width - sum(c.width + GAP for c in columns)
    return Text("layer".ljust(room) + _joined([c.title for c in columns], columns), "bold")


def tree_line(
    node: LayerNode,
    history: LayerHistory,
    columns: Sequence[Column],
    width: int,
    total_macs: int,
) -> str:
    """What stands in the tree for a layer, `width` columns wide."""
    room = width - sum(c.width + GAP for c in columns)
    cells = _cells(node, history, total_macs)
    parts = [cells.get(column.name, "") for column in columns]
    label = safe_text(node.label) + (
        f" ×{node.row.calls}" if node.row and node.row.calls > 1 else ""
    )
    return set_cell_size(clip(label, room), room) + _joined(parts, columns)


def _cells(node: LayerNode, history: LayerHistory, total_macs: int) -> dict[str, str]:
    found = {}
    if row := node.row:
        params = f"{row.params:,}" if row.params else "shared" if row.shared_params else NOTHING
        found = {
            "kind": safe_text(row.kind),
            "output": shape(row.output_shape) if row.calls else "not called",
            "params": params,
            "params bar": bar(row.share),
            "MACs": count(row.macs) if row.macs else NOTHING,
            "MACs bar": bar(row.macs / total_macs if total_macs else 0.0),
        }
    if history.steps:
        found["weights"] = number(history.weights[-1])
        found["gradient"] = number(history.gradients[-1])
        found["its trend"] = trend(history.gradients, TREND)
        found["update"] = ratio(history.updates[-1])
    if history.dead:
        found["dead"] = percent(history.dead[-1], 0 if history.dead[-1] in (0, 1) else 1)
    return found


def _joined(parts: Sequence[str], columns: Sequence[Column]) -> str:
    line = ""
    for part, column in zip(parts, columns, strict=True):
        text = clip(part, column.width)
        blank = " " * (column.width - cell_len(text))
        line += " " * GAP + (text + blank if column.is_text else blank + text)
    return line


def bar(fraction: float, width: int = BAR) -> str:
    """A fraction of the whole network; what is there at all can be seen."""
    halves = math.ceil(fraction * 2 * width) if fraction else 0
    return "█" * (halves // 2) + "▌" * (halves % 2)


def ratio(value: float) -> str:
    """How much a step changes the weights, as 1.2e-3."""
    if math.isnan(value):
        return NOTHING
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}" if value else "0"


def trend(values: Sequence[float], width: int) -> str:
    """Values over time from the first to the newest, in `width` columns at most, as bars between
    the lowest and the highest of them; a gap where one is no number."""
    values = spread(values, width)
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    parts = [((v - low) / span if span else 0.5) if math.isfinite(v) else None for v in values]
    return sparkline(parts, len(parts))


def layer_lines(
    node: LayerNode, history: LayerHistory, steps_per_epoch: int, width: int, height: int
) -> list[Text]:
    """Everything about one layer, in at most `height` lines: its figures from the first to the
    newest, then its weights, a histogram for each of some moments, the newest at the bottom."""
    lines = [_facts(node, width)]
    updates = [value for value in history.updates if not math.isnan(value)]
    for label, values, show, hint in (
        ("weights", history.weights, number, ""),
        ("gradient", history.gradients, number, ""),
        ("update", updates, ratio, HEALTHY),
        ("dead units", history.dead, percent, ""),
    ):
        if values:
            line = Text(f"{label:<{LABEL}}")
            line.append(f"{show(values[0])} → {show(values[-1])}".ljust(FIRST_AND_NEWEST))
            room = min(width - LABEL - FIRST_AND_NEWEST, WIDEST_RIDGE)
            drawn = trend(values, max(room - len(hint), 0))
            line.append(drawn, palette().meter)
            if hint and width - line.cell_len >= len(hint):
                line.append(hint, "dim")
            lines.append(line)
    if history.histograms:
        lines += _ridges(history, steps_per_epoch, width, height - len(lines))
    return lines[:height]


def _facts(node: LayerNode, width: int) -> Text:
    line = Text(clip_start(node.name or "(network)", max(width // 2, 8)), "bold")
    if row := node.row:
        facts = [safe_text(row.kind)]
        if row.calls:
            facts.append(f"{shape(row.input_shape)} → {shape(row.output_shape)}")
        facts += [f"kernel {shape(row.kernel)}"] if row.kernel else []
        facts += [f"{row.params:,} parameters"] if row.params else []
        facts += [f"{count(row.macs)} MACs"] if row.macs else []
        facts += [f"sees {row.receptive_field} px"] if row.receptive_field else []
        line.append("  " + " · ".join(facts), "not bold")
    line.truncate(width, overflow="ellipsis")
    return line


def _ridges(history: LayerHistory, steps_per_epoch: int, width: int, height: int) -> list[Text]:
    columns = min(width - LABEL, WIDEST_RIDGE)
    rows = height - 2
    if rows < 1 or columns < 8:
        return []
    low, high = history.weights_range
    if high <= low:
        low, high = low - 0.5, high + 0.5
    lines = [Text("its weights at some moments, the newest below", "dim")]
    for histogram in spread(history.histograms, rows):
        parts = histogram.over(low, high, columns)
        most = max(parts) or 1.0
        line = Text(f"{f'epoch {histogram.step / steps_per_epoch:.3g}':<{LABEL}}")
        line.append(sparkline([part / most or None for part in parts], columns), palette().meter)
        lines.append(line)
    scale = " " * LABEL + number(low)
    lines.append(Text(scale + number(high).rjust(LABEL + columns - len(scale)), "dim"))
    return lines


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of them, from the first to the last in equal distances."""
    if len(items) <= most:
        return list(items)
    if most <= 1:
        return list(items[len(items) - most :])
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
