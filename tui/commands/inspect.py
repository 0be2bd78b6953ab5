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
    from rich.text import Text
    from torch import Tensor

    from core.inside import FeatureMaps, Filters, ParameterFigures
    from core.trained import Trained

MOST_FILTERS = 64  # drawn, of one layer
MOST_MAPS = 16  # drawn, of one layer
MAP_LINES = 12  # of the terminal, for the maps of one layer
LEAST_MAP = 8  # pixels on a side


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


def parameter_lines(
    figures: "list[ParameterFigures]", loss: float | None, columns: int
) -> "list[Text]":
    """A line for each parameter."""
    from rich.text import Text

    from tui.format import DASH, clip, shape
    from tui.meters import sparkline

    names = [clip(f.name, max(columns - 60, 16)) for f in figures]
    width = max(len("parameter"), *map(len, names))
    shapes = max(len("shape"), *(len(shape(f.shape)) for f in figures))
    gradient = "  gradient" if loss is not None else ""
    lines = [
        Text(
            f"{'parameter':<{width}}  {'shape':>{shapes}}  {'norm':>8}  {'mean':>8}  "
            f"{'spread':>7}  histogram   {gradient}",
            "bold",
        )
    ]
    for name, f in zip(names, figures, strict=True):
        most = max(f.histogram)
        bars = sparkline([n / most for n in f.histogram] if most else [], len(f.histogram))
        line = Text(
            f"{name:<{width}}  {shape(f.shape):>{shapes}}  {_number(f.norm):>8}  "
            f"{_number(f.mean):>8}  {_number(f.spread):>7}  "
        )
        line.append(bars, "#87afd7")
        if loss is not None:
            line.append(f"  {DASH if f.gradient_norm is None else _number(f.gradient_norm):>8}")
        lines.append(line)
    if loss is not None:
        lines += [Text(), Text(f"loss {loss:.4f} on the first batch of the run")]
    return lines


def filter_lines(filters: "Filters", columns: int, lines: int, ramp: bool) -> "list[Text]":
    """The filters of the first layer as images."""
    from rich.text import Text

    from tui.format import safe_text, shape
    from tui.images import Tile, caption, from_values, grid

    count = len(filters.images)
    shown = filters.images[:MOST_FILTERS]
    more = f", the first {MOST_FILTERS}" if count > MOST_FILTERS else ""
    size = shape(tuple(filters.images.shape[1:]))
    tiles = [Tile(from_values(f), caption(str(i))) for i, f in enumerate(shown)]
    return [
        Text(safe_text(f"{filters.layer}: {count} filters of {size}{more}")),
        *grid(tiles, columns, lines - 3, ramp=ramp, smallest=LEAST_MAP),
    ]


def feature_lines(
    image: "Tensor", maps: "list[FeatureMaps]", columns: int, ramp: bool
) -> "list[Text]":
    """The image, then the maps of each layer."""
    from rich.text import Text

    from tui.format import safe_text, shape
    from tui.images import Tile, fit, from_values, grid, image_lines

    drawn = [Text("the image"), *image_lines(fit(image, columns, MAP_LINES), ramp=ramp)]
    for layer in maps:
        count = len(layer.maps)
        more = f", the first {MOST_MAPS}" if count > MOST_MAPS else ""
        # One way to draw for all maps of a layer, so that they can be compared.
        signed = bool((layer.maps < 0).any())
        tiles = [Tile(from_values(m[None], signed=signed)) for m in layer.maps[:MOST_MAPS]]
        drawn += [
            Text(),
            Text(safe_text(f"{layer.layer}: {shape(tuple(layer.maps.shape))}{more}")),
            *grid(tiles, columns, MAP_LINES, ramp=ramp, smallest=LEAST_MAP),
        ]
    return drawn


def _number(value: float) -> str:
    """Four digits that say something, in at most eight characters."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1000 else f"{value:.1e}"
