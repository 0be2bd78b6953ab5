"""A table of the user's, as text: its columns, and its target."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import DASH, clip, percent, safe_text
from tui.palette import palette

if TYPE_CHECKING:
    from core.datasets.survey import ColumnFacts
    from core.datasets.table import PreparedTable

LONGEST = 24  # columns of a name
BAR = 20  # columns


def column_lines(name: str, rows: int, facts: Sequence["ColumnFacts"], width: int) -> list[Text]:
    """What the columns of the table called `name` hold, a line each."""
    names = [clip(f.name, LONGEST) for f in facts]
    long = max(map(cell_len, ["column", *names]))
    lines = [
        Text(safe_text(name), "bold"),
        Text(f"{rows:,} rows, {len(facts)} columns"),
        Text(),
        Text(
            f"{'column':<{long}}  {'kind':<6}  {'missing':>7}  {'different':>9}  {'mean':>10}  "
            f"{'spread':>9}  values",
            "bold",
        ),
    ]
    for shown, f in zip(names, facts, strict=True):
        line = Text(
            f"{set_cell_size(shown, long)}  {f.kind:<6}  {f.missing or DASH:>7}  "
            f"{f.different:>9,}  {_number(f.mean):>10}  {_number(f.spread):>9}  {_values(f)}"
        )
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


def target_lines(prepared: "PreparedTable") -> list[Text]:
    """How rows were split, what a network gets, and how the target is distributed."""
    encoding, train, test = prepared.encoding, prepared.train, prepared.test
    lines = [
        Text(),
        Text(safe_text(f"to predict: {encoding.target}"), "bold"),
        Text(f"{len(train):,} rows for training, {len(test):,} for testing"),
        Text(f"{len(encoding.features)} features from {len(encoding.columns)} columns"),
    ]
    if not prepared.classes:
        mean, spread = encoding.target_mean, encoding.target_spread
        lines.append(Text(f"mean {mean:.6g}, spread {spread:.6g} (training rows)"))
        return lines
    counts = [_counts(prepared.targets[part], len(prepared.classes)) for part in (train, test)]
    names = [clip(c, LONGEST) for c in prepared.classes]
    width = max(map(cell_len, ["class", *names]))
    lines += [Text(), Text(f"{'class':<{width}}  training    share  {'':{BAR}}  test", "bold")]
    for name, of_train, of_test in zip(names, *counts, strict=True):
        full = round(BAR * of_train / max(counts[0]))
        line = Text(f"{set_cell_size(name, width)}  {of_train:>8,}  ")
        line.append(f"{percent(of_train / len(train)):>7}  ")
        line.append("█" * full, palette().meter).append("░" * (BAR - full), "dim")
        lines.append(line.append(f"  {of_test:>4,}"))
    return lines


def target_as_json(prepared: "PreparedTable") -> dict[str, Any]:
    """The same for scripts."""
    return {
        "target": prepared.encoding.target,
        "train": {"rows": len(prepared.train)},
        "test": {"rows": len(prepared.test)},
        "features": list(prepared.encoding.features),
        "classes": {
            part: dict(zip(prepared.classes, _counts(prepared.targets[at], n), strict=True))
            for part, at in (("train", prepared.train), ("test", prepared.test))
        }
        if (n := len(prepared.classes))
        else None,
    }


def _counts(labels: Iterable[int], classes: int) -> list[int]:
    found = [0] * classes
    for label in labels:
        found[int(label)] += 1
    return found


def _values(facts: "ColumnFacts") -> str:
    if facts.lowest is not None and facts.highest is not None:
        return f"{facts.lowest:g} to {facts.highest:g}"
    return ", ".join(f"{clip(text, LONGEST)} {count:,}" for text, count in facts.frequent)


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.5g}"
