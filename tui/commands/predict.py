"""nnlab predict: what a trained network sees in images, or makes of the rows of a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.commands.show import Run
from tui.options import Json, RunsDir
from tui.trained_run import Checkpoint, DeviceName, open_trained, title
from tui.trained_run import as_json as trained_as_json

if TYPE_CHECKING:
    from core.trained import Trained


def predict(
    run: Run,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Images to look at, or CSV files.")
    ],
    top: Annotated[
        int, typer.Option("--top", "-k", min=1, help="Classes to name for each image or row.")
    ] = 3,
    checkpoint: Checkpoint = "best",
    device: DeviceName = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
) -> None:
    """Tell what images show, with the probabilities that a trained network gives.

    Each image is brought to the size of the training images, cut at the centre,
    and is drawn as the network sees it. The training images are not needed.

    A network trained on a table takes CSV files with the same columns; the target may be missing.
    In JSON, "line" is where a row begins in its file.
    If its network is a net.py of somebody's, this runs the code in that file.

    Examples:
      nnlab predict last photo.jpg
      nnlab predict brave-otter --top 5 digits/*.png
      nnlab predict brave-otter patients.csv --json | jq '.rows[] | [.line, .value]'
      nnlab predict brave-otter photo.jpg --json | jq -r '.images[0].classes[0].name'
    """
    trained = open_trained(run, runs_dir, checkpoint, device)
    if trained.encoding:
        predict_rows(trained, files, top, json)
        return
    import torch

    from core.datasets import Images
    from core.trained import predict as predict_images
    from tui.chosen import image_in
    from tui.draw_prediction import most_probable, prediction_lines
    from tui.waiting import wait_for

    pixels = torch.stack([image_in(file, trained.image_shape) for file in files])
    images = Images(pixels, torch.zeros(len(files), dtype=torch.int64))
    probabilities = wait_for(predict_images(trained, images)).softmax(1)
    best = [most_probable(row, trained.classes, top) for row in probabilities]
    if json:
        from tui.json_output import print_json

        print_json(trained_as_json(trained) | {"images": as_json(files, best)})
        return
    from rich.text import Text

    from tui.console import console, picture_size
    from tui.format import safe_text
    from tui.images import needs_ramp

    out = console()
    columns, _ = picture_size(out)
    out.print(Text(safe_text(title(trained)), "bold"))
    for file, image, classes in zip(files, pixels, best, strict=True):
        for line in [Text(), *prediction_lines(file, image, classes, columns, needs_ramp(out))]:
            out.print(line)


def predict_rows(trained: "Trained", files: list[Path], top: int, json: bool) -> None:
    """A line for each row of the tables in `files`."""
    import torch

    from core.datasets import Images
    from core.datasets.table import read_rows
    from core.trained import predict as predict_images
    from tui.draw_prediction import most_probable
    from tui.waiting import wait_for

    assert trained.encoding is not None
    rows: list[dict[str, Any]] = []
    for file in files:
        features, lines = wait_for(read_rows(file, trained.encoding))
        images = Images(torch.from_numpy(features)[:, :, None, None], torch.zeros(len(lines)))
        outputs = wait_for(predict_images(trained, images))
        if trained.classes:
            best = [most_probable(row, trained.classes, top) for row in outputs.softmax(1)]
            found: list[dict[str, Any]] = [{"classes": _named(classes)} for classes in best]
        else:
            found = [{"value": value} for value in trained.numbers(outputs).tolist()]
        rows += [{"file": str(file), "line": n} | f for n, f in zip(lines, found, strict=True)]
    if json:
        from tui.json_output import print_json

        print_json(trained_as_json(trained) | {"target": trained.encoding.target, "rows": rows})
        return
    from rich.text import Text

    from tui.console import console
    from tui.format import safe_text
    from tui.row_lines import prediction_lines as lines_of_rows

    out = console()
    out.print(Text(safe_text(title(trained)), "bold"))
    for line in lines_of_rows(trained.encoding.target, rows):
        out.print(line)


def as_json(files: list[Path], best: list[list[tuple[str, float]]]) -> list[dict[str, Any]]:
    """For each file its classes, the most probable first."""
    return [
        {
            "file": str(file),
            "classes": _named(classes),
        }
        for file, classes in zip(files, best, strict=True)
    ]


def _named(classes: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"name": name, "probability": p} for name, p in classes]
