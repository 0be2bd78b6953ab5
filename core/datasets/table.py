"""A user's own table: a CSV file, one column of which is to be predicted from the others.

A row of D features is an image of D channels and one pixel, so that everything else treats it as
one: `normalisation` "standard" is the standardisation of each feature by the training part.
"""

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from core.datasets.columns import Encoding, fit, is_numeric, numbers
from core.datasets.csv_file import MISSING, CsvTable, read_csv
from core.datasets.split import split
from core.errors import DataError
from core.events import Notice, Progress
from core.task import CLASSIFICATION, REGRESSION, Task

if TYPE_CHECKING:
    import numpy as np

    from core.datasets import Loading, Where

FEW_VALUES = 10  # whole numbers that are not more different ones than that are classes
ROWS_PER_VALUE = 5  # ... if there are so many rows for each, on average
MOST_CLASSES = 1000
LEAST_ROWS = 10


@dataclass(frozen=True)
class PreparedTable:
    """A table split, fitted and encoded: all of a Dataset, without torch."""

    encoding: Encoding
    classes: tuple[str, ...]  # none if the target is a number
    features: "np.ndarray"  # float32, (N, D): of all rows that have a target
    targets: "np.ndarray"  # int64 labels, or float32 in units of the training part's spread
    train: "np.ndarray"  # positions
    test: "np.ndarray"
    lines: tuple[int, ...]  # of the file, from 1: where each row begins


def load_table(name: str, where: "Where") -> "Loading":
    """The rows of the file `name`, a fifth of them set apart for testing. Raises DataError.

    `where` says which column is the target, and whether a number is to be predicted as one.
    """
    prepared = yield from prepare_table(Path(name).expanduser(), where)
    import torch

    from core.datasets import Dataset, Images

    digest = hashlib.sha256(json.dumps(prepared.encoding.to_json()).encode())
    digest.update(json.dumps(prepared.classes).encode())
    parts = []
    for at in (prepared.train, prepared.test):
        features, targets = prepared.features[at], prepared.targets[at]
        digest.update(features.tobytes() + targets.tobytes())
        parts.append(
            Images(torch.from_numpy(features)[:, :, None, None], torch.from_numpy(targets))
        )
    return Dataset(
        name,
        prepared.classes,
        parts[0],
        parts[1],
        digest.hexdigest(),
        encoding=prepared.encoding,
        test_lines=tuple(prepared.lines[i] for i in prepared.test),
    )


def prepare_table(path: Path, where: "Where") -> Generator[Progress | Notice, None, PreparedTable]:
    """The same without torch. Raises DataError."""
    import numpy as np

    table = yield from read_csv(path)
    target = check_target(table, where.target)
    if table.unnamed:
        yield Notice(f"Columns of {path.name} without a name, left out: {table.unnamed}.")
    table, without = _with_target(table, target)
    if without:
        yield Notice(f"Rows without a value of {target}, left out: {without:,}.")
    if len(table) < LEAST_ROWS:
        raise DataError(
            f"{path} has {len(table)} rows with a value of {target!r}; {LEAST_ROWS} are needed.",
            "Add rows.",
        )
    task, why = _choose_task(table, target, where.task)
    yield Notice(why)
    labels, classes = _classes(table, target) if task is CLASSIFICATION else (None, ())
    train, test = split(np.zeros(len(table)) if labels is None else labels, where.seed)
    yield Notice(
        f"{len(test):,} of {len(table):,} rows were set apart for testing (seed {where.seed})."
    )
    names = [name for name in table.columns if name != target]
    columns, remarks = fit(table, names, train)
    for remark in remarks:
        yield Notice(remark)
    if not columns:
        raise DataError(
            f"{path} has no column to predict {target!r} from"
            f"{': ' + ' '.join(remarks[:5]) if remarks else '.'}",
            "Add columns that differ from row to row.",
        )
    encoding = Encoding(columns, target)
    if labels is None:
        values = _numeric_target(table, target, train, test)
        mean, spread = float(values[train].mean()), float(values[train].std())
        encoding = Encoding(columns, target, mean, spread)
        labels = ((values - mean) / spread).astype(np.float32)
    return PreparedTable(
        encoding, classes, encoding.encode(table), labels, train, test, tuple(table.lines)
    )


def read_rows(
    path: Path, encoding: Encoding
) -> Generator[Progress, None, tuple["np.ndarray", list[int]]]:
    """The features (N, D) of all rows of the file at `path`, as they were fitted elsewhere, and the
    line of the file that each begins in. Raises DataError."""
    table = yield from read_csv(path)
    lacking = [c.name for c in encoding.columns if c.name not in table.columns]
    if lacking:
        close = get_close_matches(lacking[0], table.columns, n=1)
        raise DataError(
            f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking[:10])}.",
            (f"It has {close[0]!r}. " if close else "")
            + "The table needs the columns that the network was trained on.",
        )
    return encoding.encode(table), table.lines


def check_target(table: CsvTable, target: str | None) -> str:
    """`target` if it is a column, and not the only one. Raises DataError."""
    names = list(table.columns)
    if target in names and len(names) > 1:
        return str(target)
    there = f"{table.path} has the column{'s' * (len(names) != 1)} {', '.join(names[:30])}"
    there += f" and {len(names) - 30} more." if len(names) > 30 else "."
    if len(names) < 2:
        raise DataError(there, "A column to predict and one to predict it from are needed.")
    if target is None:
        raise DataError(
            f"Which column of {table.path} is to be predicted?",
            f"{there} Name one of them: --target {names[-1]!r}",
        )
    lower = {name.lower(): name for name in names}
    close = get_close_matches(target.lower(), lower, n=1)
    guess = f"Did you mean {lower[close[0]]!r}? " if close else ""
    raise DataError(f"There is no column {target[:60]!r} to predict.", guess + there)


def _with_target(table: CsvTable, target: str) -> tuple[CsvTable, int]:
    """The rows that have a value of `target`, and how many have none."""
    kept = [i for i, cell in enumerate(table.columns[target]) if cell not in MISSING]
    if len(kept) == len(table):
        return table, 0
    columns = {name: [cells[i] for i in kept] for name, cells in table.columns.items()}
    lines = [table.lines[i] for i in kept]
    return CsvTable(table.path, columns, lines, table.separator), len(table) - len(kept)


def _choose_task(table: CsvTable, target: str, wanted: Task | None) -> tuple[Task, str]:
    """Classification or regression, and a line that says why."""
    cells = table.columns[target]
    different = len(set(cells))
    if not is_numeric(cells, table):
        return CLASSIFICATION, f"Classification, because {target} is text: {different:,} classes."
    if wanted is REGRESSION:
        return REGRESSION, (
            f"Regression, because network or loss are for numbers; {target} is one."
        )
    if wanted is CLASSIFICATION:
        return CLASSIFICATION, (
            f"Classification, because the loss is for classes: {target} has {different:,}."
        )
    values = numbers(cells, table)
    few = different <= FEW_VALUES and different * ROWS_PER_VALUE <= len(cells)
    if few and all(value.is_integer() for value in values.tolist()):
        return CLASSIFICATION, (
            f"Classification, because {target} has only {different} values, whole numbers; "
            "--loss squared predicts it as a number."
        )
    return REGRESSION, (
        f"Regression, because {target} is a number of {different:,} values; "
        "--loss cross_entropy takes each as a class."
    )


def _classes(table: CsvTable, target: str) -> tuple["np.ndarray", tuple[str, ...]]:
    """The label of each row, and the classes: numbers by their size, text by the alphabet.

    Numbers written in two ways, 1 and 1.0, are one class.
    """
    import numpy as np

    cells = table.columns[target]
    values = [table.number(cell) for cell in cells]
    if None not in values:
        cells = [f"{value:.15g}" for value in values]
        classes = sorted(set(cells), key=float)
    else:
        classes = sorted(set(cells))
    if len(classes) < 2:
        raise DataError(
            f"{target} is {classes[0]!r} in all rows: there is nothing to tell apart.",
            "Choose another --target, or add rows of another class.",
        )
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"{target} has {len(classes):,} different values, too many for classes.",
            f"Choose another --target; {MOST_CLASSES:,} classes can be told apart.",
        )
    place = {name: i for i, name in enumerate(classes)}
    labels = np.array([place[cell] for cell in cells], dtype=np.int64)
    rare = [classes[i] for i in np.flatnonzero(np.bincount(labels) < 2)]
    if rare:
        raise DataError(
            f"{target} has classes with a single row: {', '.join(rare[:5])}"
            f"{f' and {len(rare) - 5} more' if len(rare) > 5 else ''}.",
            "Each needs two, one to learn from and one to test with: add rows or remove these"
            f"{', or predict a number with --loss squared' * is_numeric(cells, table)}.",
        )
    return labels, tuple(classes)


def _numeric_target(
    table: CsvTable, target: str, train: "np.ndarray", test: "np.ndarray"
) -> "np.ndarray":
    """(N,), float64. Raises DataError where it is text, or does not differ in a part."""
    import numpy as np

    values = numbers(table.columns[target], table)
    if (bad := np.flatnonzero(np.isnan(values))).size:
        raise DataError(
            f"{target} in line {table.lines[bad[0]]} of {table.path} is "
            f"{table.columns[target][bad[0]][:40]!r}, in other rows a number.",
            "Mend or empty that field: rows without a target are left out.",
        )
    for part, at in (("training", train), ("test", test)):
        if np.ptp(values[at]) == 0:
            raise DataError(
                f"{target} is {values[at][0]:g} in all {len(at)} rows of the {part} part.",
                "Choose another --target or --seed, or add rows.",
            )
    return values
