"""A network's summary as lines of text: for `nnlab summary`, for a README, for the layer table.

Imports neither torch nor textual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from tui.format import DASH, count, percent, safe_text, shape, size

if TYPE_CHECKING:
    from core.summary import LayerRow, Summary

NOTHING = "·"  # zero, without the weight of a digit
GAP = 2  # columns between two columns
SHORTEST = 8  # columns that are left to names and kinds


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    title: str
    worth: int  # where there is no room, the least worthy column goes first
    is_number: bool = True


COLUMNS = (
    Column("layer", 9, is_number=False),
    Column("kind", 5, is_number=False),
    Column("input", 0),
    Column("output", 8),
    Column("kernel", 4),
    Column("params", 7),
    Column("share", 2),
    Column("MACs", 6),
    Column("memory", 3),
    Column("field", 1),
)
WORTH_CLIPPING_FOR = 5  # before a column of this worth goes, names and kinds are clipped


def layer_lines(summary: "Summary", width: int | None, depth: int | None = None) -> list[str]:
    """The titles and a line for each layer, none wider than `width` columns of the terminal.

    Where there is no room, columns are left out; then names lose their beginning and kinds their
    end; then more columns go. None: there is room for everything.
    """
    table = [[c.title for c in COLUMNS], *map(_cells, summary.rows(depth))]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    shown = list(range(len(COLUMNS)))
    room = _total(widths, shown) if width is None else width
    for i in sorted(shown, key=lambda i: COLUMNS[i].worth):
        if COLUMNS[i].worth >= WORTH_CLIPPING_FOR:
            while _total(widths, shown) > room and max(widths[:2]) > SHORTEST:
                widths[widths.index(max(widths[:2]))] -= 1
        if _total(widths, shown) > room and len(shown) > 1:
            shown.remove(i)
    lines = [
        (" " * GAP).join(_pad(cells[i], widths[i], COLUMNS[i]) for i in shown) for cells in table
    ]
    return [
        line.rstrip() if width is None else set_cell_size(line, width).rstrip() for line in lines
    ]


def total_lines(summary: "Summary", width: int | None) -> list[str]:
    """The totals, and what there is to know about them, in lines of at most `width` columns."""
    frozen = f" ({summary.frozen_params:,} frozen)" if summary.frozen_params else ""
    facts = [
        f"{summary.total_params:,} parameters{frozen}",
        f"{count(summary.total_macs)} MACs",
        *([f"receptive field {summary.receptive_field} px"] if summary.receptive_field else []),
        f"model {size(summary.model_bytes)}",
        f"at batch {summary.batch_size}: forward {size(summary.forward_bytes)}",
        f"backward {size(summary.backward_bytes)}",
    ]
    lines = [facts[0]]
    for fact in facts[1:]:
        longer = f"{lines[-1]} · {fact}"
        if width is None or cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fact)
    lines += map(safe_text, summary.notes)
    return lines if width is None else [set_cell_size(line, width).rstrip() for line in lines]


def markdown(summary: "Summary", depth: int | None = None) -> str:
    """A Markdown table of the layers, the totals below it."""
    table = [[c.title for c in COLUMNS], ["---:" if c.is_number else "---" for c in COLUMNS]]
    table += map(_cells, summary.rows(depth))
    lines = ["| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |" for cells in table]
    return "\n".join([*lines, "", " · ".join(total_lines(summary, None))])


def _cells(row: "LayerRow") -> list[str]:
    times = f" ×{row.calls}" if row.calls > 1 else ""
    params = f"{row.params:,}" if row.params else "shared" if row.shared_params else NOTHING
    return [
        safe_text(row.name or "(network)") + times,
        safe_text(row.kind) + (" itself" if row.part == "own" else ""),
        shape(row.input_shape),
        shape(row.output_shape) if row.calls else "not called",
        shape(row.kernel) if row.kernel else NOTHING,
        params,
        percent(row.share) if row.params else NOTHING,
        count(row.macs) if row.macs else NOTHING,
        size(row.activation_bytes) if row.activation_bytes else NOTHING,
        str(row.receptive_field or DASH),
    ]


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[i] for i in shown) + GAP * (len(shown) - 1)


def _pad(text: str, width: int, column: Column) -> str:
    if cell_len(text) > width:
        if column is COLUMNS[0]:  # the end of a name says more than its beginning
            while cell_len(text) > width - 1:
                text = text[1:]
            text = f"…{text}"
        else:
            text = f"{set_cell_size(text, width - 1)}…"
    blank = " " * (width - cell_len(text))
    return blank + text if column.is_number else text + blank
