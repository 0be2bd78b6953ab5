"""What the columns of a table become for a network: fitted on training rows, used for all.

A column of numbers is one feature, its distance from the training mean; an empty cell is that mean,
and where the training part had empty cells, a second feature says so. A column of text has a
feature for each of its categories, 1 or 0, and where the training part had empty cells or too many
categories, one for all others. A category that the training part did not have, and no feature for
others, is none of them: 0 everywhere. Standardising is left to `core.batches`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from core.datasets.csv_file import MISSING, CsvTable

if TYPE_CHECKING:
    import numpy as np

MOST_CATEGORIES = 100  # of one column; the most frequent ones
FEW_TEXTS = 20  # so many different ones are categories however few the rows are
MOSTLY = 0.9  # a column with so large a share of numbers is one of numbers


@dataclass(frozen=True)
class Column:
    """One column that a network sees."""

    name: str
    mean: float | None  # of the training rows; None: text
    categories: tuple[str, ...] = ()  # of text
    others: bool = False  # the last feature: 1 where a cell is empty, or no such category

    @property
    def features(self) -> tuple[str, ...]:
        """What the network's inputs are called."""
        if self.mean is not None:
            return (self.name, f"{self.name} missing") if self.others else (self.name,)
        named = tuple(f"{self.name}={category}" for category in self.categories)
        return (*named, f"{self.name} other") if self.others else named

    def encode(self, cells: Sequence[str], table: CsvTable) -> "np.ndarray":
        """(N, features), float32."""
        import numpy as np

        if self.mean is not None:
            values = numbers(cells, table)
            missing = np.isnan(values)
            found = [np.where(missing, 0.0, values - self.mean)]
            return np.stack([*found, missing][: 1 + self.others], axis=1).astype(np.float32)
        place = {category: i for i, category in enumerate(self.categories)}
        other = len(place)
        places = np.array([place.get(cell, other) for cell in cells], dtype=np.int64)
        return np.eye(other + 1, dtype=np.float32)[places][:, : other + self.others]


@dataclass(frozen=True)
class Encoding:
    """All that turns rows of a table into a network's inputs, and its output into a number."""

    columns: tuple[Column, ...]
    target: str
    target_mean: float = 0.0  # of the training rows, if the target is a number
    target_spread: float = 1.0  # standard deviation: what the network predicts is in its units

    @property
    def features(self) -> tuple[str, ...]:
        """What the network's inputs are called, in their order."""
        return tuple(feature for column in self.columns for feature in column.features)

    def encode(self, table: CsvTable) -> "np.ndarray":
        """(N, D), float32: all rows of `table`, which has all columns but perhaps the target."""
        import numpy as np

        return np.concatenate([c.encode(table.columns[c.name], table) for c in self.columns], 1)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Encoding":
        """What `to_json` gave. Raises KeyError or TypeError for anything else."""
        columns = (Column(**{**c, "categories": tuple(c["categories"])}) for c in values["columns"])
        return cls(**{**values, "columns": tuple(columns)})


def numbers(cells: Iterable[str], table: CsvTable) -> "np.ndarray":
    """(N,), float64: NaN where a cell holds no number."""
    import numpy as np

    values = (table.number(cell) for cell in cells)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def is_numeric(cells: Sequence[str], table: CsvTable) -> bool:
    """Whether a column is one of numbers, but for empty cells and a few others."""
    written = [cell for cell in cells if cell not in MISSING]
    count = sum(table.number(cell) is not None for cell in written)
    return bool(written) and count >= MOSTLY * len(written)


def fit(
    table: CsvTable, names: Iterable[str], rows: "np.ndarray"
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns called `names` as the training rows, at the positions `rows`, have them.

    Also a line about each that is left out, or not taken as it is.
    """
    columns: list[Column] = []
    remarks: list[str] = []
    for name in names:
        cells = table.columns[name]
        chosen = [cells[i] for i in rows]
        column, remark = (
            _fit_numbers(name, chosen, table)
            if is_numeric(cells, table)
            else _fit_text(name, chosen)
        )
        columns += [column] if column else []
        remarks += [remark] if remark else []
    return tuple(columns), remarks


def _fit_numbers(name: str, cells: list[str], table: CsvTable) -> tuple[Column | None, str]:
    import numpy as np

    values = numbers(cells, table)
    missing = np.isnan(values)
    known = values[~missing]
    if not len(known) or np.ptp(known) == 0:
        same = f"is {known[0]:g} in all training rows" if len(known) else "is empty"
        return None, f"{name} is left out: it {same}."
    odd = [c for c in cells if c not in MISSING and table.number(c) is None]
    remark = (
        f"{name} is a column of numbers; cells such as {odd[0][:20]!r} ({len(odd)} in the training "
        "part) count as empty."
        if odd
        else ""
    )
    return Column(name, float(known.mean()), others=bool(missing.any())), remark


def _fit_text(name: str, cells: list[str]) -> tuple[Column | None, str]:
    counts = Counter(cell for cell in cells if cell not in MISSING)
    written = counts.total()
    others = written < len(cells)
    if len(counts) > max(FEW_TEXTS, written / 2):
        return None, (
            f"{name} is left out: it has {len(counts):,} different texts in {written:,} training "
            "rows, as identifiers have."
        )
    if len(counts) + others < 2:
        same = f"{next(iter(counts))!r} in all training rows" if counts else "empty"
        return None, f"{name} is left out: it is {same}."
    if len(counts) <= MOST_CATEGORIES:
        return Column(name, None, tuple(sorted(counts)), others), ""
    kept = sorted(category for category, _ in counts.most_common(MOST_CATEGORIES))
    return Column(name, None, tuple(kept), others=True), (
        f"{name} has {len(counts):,} categories: the {MOST_CATEGORIES} most frequent are taken, "
        "the rest as one."
    )
