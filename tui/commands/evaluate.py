"""nnlab evaluate: how well a trained network does, class by class or number by number."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.commands.show import Run
from tui.options import DataDir, Json, RunsDir
from tui.trained_run import Checkpoint, DeviceName, open_trained, title
from tui.trained_run import as_json as trained_as_json

if TYPE_CHECKING:
    from core.evaluation import Evaluation
    from core.trained import Trained


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

    If its network is a net.py of somebody's, this runs the code in that file.

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
    from tui.draw_evaluation import class_lines, matrix_lines, mistake_lines
    from tui.format import safe_text
    from tui.images import needs_ramp

    out = console()
    columns, lines = picture_size(out)
    sections = [
        class_lines(trained.classes, found, columns, "rows" if trained.encoding else "images")
    ]
    if confusion:
        sections.append(matrix_lines(trained.classes, found, columns))
    if mistakes and dataset.encoding:
        from tui.row_lines import mistake_lines as row_mistakes

        sections.append(row_mistakes(trained.classes, found, dataset.test_lines))
    elif mistakes:
        ramp = needs_ramp(out)
        sections.append(mistake_lines(trained.classes, found, images, columns, lines, ramp))
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
