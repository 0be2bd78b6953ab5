"""What a network did with the rows of a table, as text and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import clip, percent, safe_text
from tui.trained_run import as_json as trained_as_json

if TYPE_CHECKING:
    from core.evaluation import Evaluation, NumberEvaluation
    from core.trained import Trained

LONGEST = 16  # columns of a class's name


def numbers_as_json(
    trained: "Trained", found: "NumberEvaluation", lines: Sequence[int]
) -> dict[str, Any]:
    """All figures, in the target's own units."""
    assert trained.encoding is not None
    return trained_as_json(trained) | {
        "target": trained.encoding.target,
        "rows": found.rows,
        "r2": found.r2,
        "mse": found.mse,
        "mae": found.mae,
        "worst": [
            {"line": lines[w.index], "true": w.true, "predicted": w.predicted} for w in found.worst
        ],
    }


def number_lines(trained: "Trained", found: "NumberEvaluation", lines: Sequence[int]) -> list[Text]:
    """The figures of all rows, then those farthest off."""
    assert trained.encoding is not None
    target = safe_text(trained.encoding.target)
    drawn = [
        Text(f"test R² {found.r2:.4f} ({found.rows:,} rows)"),
        Text(f"mean squared error {found.mse:.5g}, its root {found.mse**0.5:.5g}"),
        Text(f"mean absolute error {found.mae:.5g}, in units of {target}"),
    ]
    if found.worst:
        drawn += [
            Text(),
            Text(f"the {len(found.worst)} rows farthest off", "bold"),
            Text(f"{'line':>6}  {'true':>12}  {'predicted':>12}  {'off by':>12}", "bold"),
        ]
    for w in found.worst:
        off = w.predicted - w.true
        drawn.append(
            Text(f"{lines[w.index]:>6}  {w.true:>12.6g}  {w.predicted:>12.6g}  {off:>+12.5g}")
        )
    return drawn


def mistake_lines(
    classes: tuple[str, ...], found: "Evaluation", lines: Sequence[int]
) -> list[Text]:
    """The worst mistakes in a table: where the rows are, what they are and were taken for."""
    heading = f"the worst {len(found.mistakes)} of {found.mistakes_in_all:,} mistakes"
    names = [clip(name, LONGEST) for name in classes]
    width = max(map(cell_len, ["is", *names]))
    drawn = [Text(), Text(heading, "bold")]
    if found.mistakes:
        drawn.append(Text(f"{'line':>6}  {'is':<{width}}  was taken for", "bold"))
    for m in found.mistakes:
        drawn.append(
            Text(
                f"{lines[m.index]:>6}  {set_cell_size(names[m.true], width)}  "
                f"{names[m.predicted]} {percent(m.probability, 0)}"
            )
        )
    return drawn


def prediction_lines(target: str, rows: Sequence[dict[str, Any]]) -> list[Text]:
    """What was predicted for each row: as `nnlab predict --json` has them."""
    drawn = []
    several = len({row["file"] for row in rows}) > 1
    file = None
    for row in rows:
        if row["file"] != file:
            file = row["file"]
            drawn += [Text(safe_text(file), "bold")] if several else []
            drawn.append(Text(safe_text(f"{'line':>6}  {target}"), "bold"))
        said = (
            f"{row['value']:.6g}"
            if "value" in row
            else ", ".join(
                f"{clip(c['name'], LONGEST)} {percent(c['probability'])}" for c in row["classes"]
            )
        )
        drawn.append(Text(f"{row['line']:>6}  {said}"))
    return drawn
