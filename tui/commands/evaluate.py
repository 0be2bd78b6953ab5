"""nnlab evaluate: how well a trained network does, class by class or number by number."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size

from core.errors import ConfigError
from tui.commands.show import Run
from tui.options import DataDir, Json, RunsDir
from tui.trained_run import Checkpoint, DeviceName, open_trained, title
from tui.trained_run import as_json as trained_as_json

if TYPE_CHECKING:
    from rich.text import Text

    from core.datasets import Images
    from core.evaluation import Evaluation, Mistake
    from core.trained import Trained

CONFUSIONS = 8  # of the most frequent ones, where the matrix has no room
LONGEST = 16  # columns of a class's name
BAR = 10  # columns
CELL = 5  # columns of the matrix
CAPTION = 18  # columns below an image


def evaluate(
    run: Run,
    confusion: Annotated[
        bool, typer.Option("--confusion", "-c", help="Show the confusion matrix.")
    ] = False,
    mistakes: Annotated[
        int, typer.Option("--mistakes", "-m", min=0, help="Show this many mistakes, worst first.")
    ] = 0,
    checkpoint: Checkpoint = "best",
    device: DeviceName = "auto",
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Test a trained network: accuracy by class, what is taken for what, the worst mistakes.

    The images are the test part of the run's data set.
    The worst mistake is the image whose true class got the lowest probability.
    In JSON, rows of the confusion matrix are true classes.
    Of a predicted number: R², mean squared and mean absolute error, and the rows farthest off.

    Examples:
      nnlab evaluate last
      nnlab evaluate brave-otter --mistakes 12 --confusion
      nnlab evaluate brave-otter --checkpoint last --json | jq .accuracy
    """
    trained = open_trained(run, runs_dir, checkpoint, device)
    from core.evaluation import evaluate_classes
    from core.task import REGRESSION
    from core.trained import predict
    from tui.waiting import wait_for

    if trained.task is REGRESSION:
        _evaluate_numbers(trained, confusion, mistakes, data_dir, json)
        return
    dataset = wait_for(trained.load_data(data_dir))
    images = dataset.test
    logits = wait_for(predict(trained, images))
    found = evaluate_classes(logits, images.labels, mistakes, loss=trained.loss)
    if json:
        from tui.json_output import print_json

        print_json(as_json(trained, found, dataset.test_lines))
        return
    from rich.text import Text

    from tui.console import console, picture_size
    from tui.format import safe_text
    from tui.images import needs_ramp

    out = console()
    columns, lines = picture_size(out)
    sections = [class_lines(trained, found, columns)]
    if confusion:
        sections.append(matrix_lines(trained.classes, found, columns))
    if mistakes and dataset.encoding:
        from tui.row_lines import mistake_lines as row_mistakes

        sections.append(row_mistakes(trained.classes, found, dataset.test_lines))
    elif mistakes:
        sections.append(mistake_lines(trained, found, images, columns, lines, needs_ramp(out)))
    out.print(Text(safe_text(title(trained)), "bold"))
    for section in sections:
        for line in section:
            out.print(line)


def _evaluate_numbers(
    trained: "Trained", confusion: bool, worst: int, data_dir: Path | None, json: bool
) -> None:
    """The same for a network that predicts a number."""
    from rich.text import Text

    from core.evaluation import evaluate_numbers
    from core.trained import predict
    from tui.console import console
    from tui.format import safe_text
    from tui.row_lines import number_lines, numbers_as_json
    from tui.waiting import wait_for

    if confusion:
        raise ConfigError(
            "There is no confusion matrix of a predicted number.", "Leave out --confusion."
        )
    dataset = wait_for(trained.load_data(data_dir))
    predicted = trained.numbers(wait_for(predict(trained, dataset.test)))
    found = evaluate_numbers(predicted, trained.numbers(dataset.test.labels), worst)
    if json:
        from tui.json_output import print_json

        print_json(numbers_as_json(trained, found, dataset.test_lines))
        return
    out = console()
    out.print(Text(safe_text(title(trained)), "bold"))
    for line in number_lines(trained, found, dataset.test_lines):
        out.print(line)


def as_json(trained: "Trained", found: "Evaluation", lines: Sequence[int] = ()) -> dict[str, Any]:
    """All figures; probabilities and accuracies are fractions, unknown is null.

    `lines` are those of a table's file where the test rows begin.
    """
    names = trained.classes
    return trained_as_json(trained) | {
        "images": found.images,
        "accuracy": found.accuracy,
        "loss": found.loss,
        "classes": [
            {
                "name": name,
                "images": int(found.matrix[i].sum()),
                "accuracy": found.accuracies[i],
                "precision": found.precisions[i],
            }
            for i, name in enumerate(names)
        ],
        "confusion": found.matrix.tolist(),
        "mistakes_in_all": found.mistakes_in_all,
        "mistakes": [
            {
                "index": m.index,
                **({"line": lines[m.index]} if lines else {}),
                "true": names[m.true],
                "predicted": names[m.predicted],
                "probability": m.probability,
                "probability_of_true": m.probability_of_true,
            }
            for m in found.mistakes
        ],
    }


def class_lines(trained: "Trained", found: "Evaluation", columns: int) -> "list[Text]":
    """The figures of all images, then a line for each class."""
    from rich.text import Text

    from tui.format import DASH, clip

    right = found.images - found.mistakes_in_all
    samples = "rows" if trained.encoding else "images"
    lines = [
        Text(
            f"test accuracy {found.accuracy:.4f} ({right:,} of {found.images:,} "
            f"{samples}), "
            f"loss {found.loss:.4f}"
        ),
        Text(),
    ]
    names = [clip(name, LONGEST) for name in trained.classes]
    width = max(map(cell_len, ["class", *names]))
    lines.append(
        Text(
            f"{'class':<{width}}  {samples:>6}  accuracy  {'':{BAR}}  precision  "
            "most often taken for",
            "bold",
        )
    )
    taken_for = _taken_for(found, names)
    for i, name in enumerate(names):
        part, precision = found.accuracies[i], found.precisions[i]
        full = round((part or 0.0) * BAR)
        line = Text(f"{set_cell_size(name, width)}  {int(found.matrix[i].sum()):>6,}  ")
        line.append(f"{DASH if part is None else f'{part:.4f}':>8}  ")
        line.append("█" * full, "#87afd7").append("░" * (BAR - full), "dim")
        line.append(f"  {DASH if precision is None else f'{precision:.4f}':>9}  ")
        line.append(taken_for.get(i, DASH))
        line.truncate(columns, overflow="ellipsis")
        lines.append(line)
    return lines


def matrix_lines(classes: tuple[str, ...], found: "Evaluation", columns: int) -> "list[Text]":
    """The confusion matrix; where there is no room for it, the most frequent confusions."""
    from rich.text import Text

    from core.metrics import confusions
    from tui.format import clip

    names = [clip(name, LONGEST) for name in classes]
    width = max(map(cell_len, names)) + 4
    lines = [Text()]
    cell = max(CELL, len(str(int(found.matrix.max()))) + 1)
    if width + cell * len(classes) > columns:
        lines.append(Text(f"confused most often ({len(classes)} classes are too many to draw)"))
        for c in confusions(found.matrix)[:CONFUSIONS]:
            lines.append(Text(f"{c.count:>6,}  {names[c.true]} taken for {names[c.predicted]}"))
        return lines
    numbers = "".join(f"{i:>{cell}}" for i in range(len(classes)))
    lines.append(Text(" " * width + numbers, "bold"))
    sums = found.matrix.sum(1).clamp(min=1)
    for i, name in enumerate(names):
        line = Text(f"{i:>2}  {set_cell_size(name, width - 4)}")
        for j, count in enumerate(found.matrix[i].tolist()):
            share = count / int(sums[i])
            line.append(f"{count if count else '·':>{cell}}", _shade(share, i == j))
        lines.append(line)
    lines.append(Text("rows: true classes; columns: what their images were taken for", "dim"))
    return lines


def mistake_lines(
    trained: "Trained",
    found: "Evaluation",
    images: "Images",
    columns: int,
    lines: int,
    ramp: bool,
) -> "list[Text]":
    """The worst mistakes as images, with what they are and what they were taken for."""
    from rich.text import Text

    from tui.images import Tile, grid

    shown = len(found.mistakes)
    heading = Text(f"the worst {shown} of {found.mistakes_in_all:,} mistakes", "bold")
    heading.append("  (#number, class → what it was taken for)", "not bold dim")
    tiles = [Tile(images.pixels[m.index], _caption(trained.classes, m)) for m in found.mistakes]
    return [Text(), heading, *grid(tiles, columns, lines - 4, ramp=ramp, narrowest=CAPTION)]


def _caption(classes: tuple[str, ...], mistake: "Mistake") -> "tuple[Text, ...]":
    from rich.text import Text

    from tui.format import clip, percent

    said = percent(mistake.probability, 0)
    return (
        Text.assemble((f"#{mistake.index} ", "dim"), clip(classes[mistake.true], CAPTION - 6)),
        Text(f"→ {clip(classes[mistake.predicted], CAPTION - 3 - len(said))} {said}", "#ffaf5f"),
    )


def _taken_for(found: "Evaluation", names: list[str]) -> dict[int, str]:
    """For each class, what its images were most often taken for, up to three."""
    from core.metrics import confusions

    texts: dict[int, list[str]] = {}
    for c in confusions(found.matrix):
        texts.setdefault(c.true, []).append(f"{names[c.predicted]} {c.count}")
    return {true: ", ".join(parts[:3]) for true, parts in texts.items()}


def _shade(share: float, right: bool) -> str:
    """The style of a cell: green on the diagonal, amber beside it where much is confused."""
    if right:
        return "bold green"
    return "bold #ffaf5f" if share >= 0.1 else "#ffaf5f" if share >= 0.02 else "dim"
