"""nnlab inspect: what is inside a trained network."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.commands.show import Run
from tui.options import DataDir, Json, RunsDir
from tui.trained_run import Checkpoint, DeviceName, open_trained, title
from tui.trained_run import as_json as trained_as_json

if TYPE_CHECKING:
    from torch import Tensor

    from core.inside import FeatureMaps, Filters, ParameterFigures
    from core.trained import Trained


def inspect(
    run: Run,
    filters: Annotated[
        bool, typer.Option("--filters", help="Draw the filters of the first layer.")
    ] = False,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|INDEX",
            help="Draw what each layer makes of an image: a file, or a test image counted from 0.",
        ),
    ] = None,
    gradients: Annotated[
        bool,
        typer.Option("--gradients", help="Add the gradient's norm on the first batch of the run."),
    ] = False,
    checkpoint: Checkpoint = "best",
    device: DeviceName = "auto",
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Look inside a trained network: its parameters, its filters, what its layers see.

    The histogram of a parameter goes from its lowest to its highest value.
    Where pictures have negative values, amber is above 0, blue below, black 0.

    If its network is a net.py of somebody's, this runs the code in that file.

    Examples:
      nnlab inspect last
      nnlab inspect brave-otter --gradients
      nnlab inspect brave-otter --filters
      nnlab inspect brave-otter --features 7
      nnlab inspect brave-otter --features photo.jpg --checkpoint last
      nnlab inspect brave-otter --json | jq '.parameters[] | {name, norm}'
    """
    trained = open_trained(run, runs_dir, checkpoint, device)
    from core.inside import add_gradients, feature_maps, first_filters, parameter_figures
    from tui.waiting import wait_for

    if trained.encoding and (filters or features is not None):
        raise ConfigError(
            f"{run} was trained on a table: it has seen no image.",
            "Leave out --filters and --features.",
        )
    loss = None
    if gradients:
        train = wait_for(trained.load_data(data_dir)).train
        with redirect_stdout(sys.stderr):
            # Shuffled: a folder's first images are all of one class.
            batch = trained.batches(train, shuffle=True).batch(1, 0)
            loss = add_gradients(trained.model, *batch, trained.training_loss)
    figures = parameter_figures(trained.model)
    shape = (trained.image_shape[0], trained.input_size, trained.input_size)
    found_filters = first_filters(trained.model, shape) if filters else None
    image, maps = None, []
    if features is not None:
        image, label = find_image(trained, features, data_dir)
        from core.datasets import Images

        inputs, _ = trained.batches(Images(image[None], label)).batch(0, 0)
        with redirect_stdout(sys.stderr):
            maps = feature_maps(trained.model, inputs)
    if json:
        from tui.json_output import print_json

        print_json(as_json(trained, figures, loss, found_filters, maps))
        return
    from rich.text import Text

    from tui.console import console, picture_size
    from tui.draw_inside import feature_lines, filter_lines, parameter_lines
    from tui.format import safe_text
    from tui.images import needs_ramp

    out = console()
    columns, lines = picture_size(out)
    ramp = needs_ramp(out)
    drawn = [Text(safe_text(title(trained)), "bold")]
    if gradients or (found_filters is None and image is None):
        drawn += parameter_lines(figures, loss, columns)
    if found_filters is not None:
        drawn += filter_lines(found_filters, columns, lines, ramp)
    if image is not None:
        drawn += feature_lines(image, maps, columns, ramp)
    for line in drawn:
        out.print(line)


def find_image(trained: "Trained", features: str, data_dir: Path | None) -> "tuple[Tensor, Tensor]":
    """The pixels (C, H, W) of a file or of a test image, and its label (1,), 0 if unknown."""
    import torch

    if not (features.isascii() and features.isdigit()):
        from core.datasets.decode import read_image

        pixels = read_image(Path(features), trained.image_shape)
        return torch.from_numpy(pixels), torch.zeros(1, dtype=torch.int64)
    from tui.waiting import wait_for

    test = wait_for(trained.load_data(data_dir)).test
    if len(features) > 12 or int(features) >= len(test):
        raise ConfigError(
            f"There is no test image {features[:20]}.", f"They count from 0 to {len(test) - 1}."
        )
    at = int(features)
    return test.pixels[at], test.labels[at : at + 1]


def as_json(
    trained: "Trained",
    figures: "list[ParameterFigures]",
    loss: float | None,
    filters: "Filters | None",
    maps: "list[FeatureMaps]",
) -> dict[str, Any]:
    """Everything that was asked for; numbers of images as nested lists."""
    found = trained_as_json(trained) | {"parameters": [asdict(f) for f in figures]}
    if loss is not None:
        found["loss"] = loss
    if filters is not None:
        found["filters"] = {"layer": filters.layer, "values": filters.images.tolist()}
    if maps:
        found["features"] = [{"layer": m.layer, "values": m.maps.tolist()} for m in maps]
    return found
