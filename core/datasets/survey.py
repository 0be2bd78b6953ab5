"""What is in a table, column by column, before anything is trained on it."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from core.datasets.columns import is_numeric, numbers
from core.datasets.csv_file import MISSING, CsvTable


@dataclass(frozen=True)
class ColumnFacts:
    """One column, over all rows."""

    name: str
    kind: Literal["number", "text", "empty"]
    missing: int  # cells without a value
    different: int  # values
    mean: float | None = None  # of numbers
    spread: float | None = None  # standard deviation
    lowest: float | None = None
    highest: float | None = None
    frequent: tuple[tuple[str, int], ...] = ()  # the most frequent texts, and how often


def survey(table: CsvTable, texts: int = 5) -> list[ColumnFacts]:
    """Every column of `table`, with up to so many `texts` of each."""
    return [_facts(name, cells, table, texts) for name, cells in table.columns.items()]


def _facts(name: str, cells: list[str], table: CsvTable, texts: int) -> ColumnFacts:
    import numpy as np

    counts = Counter(cell for cell in cells if cell not in MISSING)
    missing = len(cells) - counts.total()
    if not counts:
        return ColumnFacts(name, "empty", missing, 0)
    if not is_numeric(cells, table):
        return ColumnFacts(
            name, "text", missing, len(counts), frequent=tuple(counts.most_common(texts))
        )
    values = numbers(cells, table)
    known = values[~np.isnan(values)]
    return ColumnFacts(
        name,
        "number",
        missing=len(values) - len(known),
        different=len(np.unique(known)),
        mean=float(known.mean()),
        spread=float(known.std()),
        lowest=float(known.min()),
        highest=float(known.max()),
    )
