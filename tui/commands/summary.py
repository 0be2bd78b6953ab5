"""nnlab summary: the layers of a network."""

import contextlib
import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.options import Json, completion

if TYPE_CHECKING:
    from core.summary import Summary


def summary(
    model: Annotated[
        str,
        typer.Argument(
            help="A name from `nnlab models`, or path/to/net.py:MyNet, which runs the code "
            "in that file.",
            autocompletion=completion("model"),
        ),
    ],
    input: Annotated[
        str | None,
        typer.Option(
            metavar="CxHxW",
            help="Channels, height and width of an image. Default: 1 channel, and the size "
            "that the network was designed for.",
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Modules this deep stay whole; 1: the children.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images that the memory is for.")] = 1,
    classes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Classes to tell apart. Default: 10, or 1 where a number is predicted."
        ),
    ] = None,
    model_options: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="The network's own options, such as hidden=512."),
    ] = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """Print the layers of a network: shapes, parameters, multiply-adds, memory.

    Nothing is downloaded and no weights are allocated. Of layers that are called several times, and
    of weights that are shared, parameters are counted once.

    Examples:
      nnlab summary lenet
      nnlab summary resnet18 --input 3x224x224 --depth 1
      nnlab summary mlp --model-options hidden=512 --batch-size 256
      nnlab summary path/to/net.py:MyNet --classes 100 --markdown
      nnlab summary resnet18 --json | jq .total_params
    """
    if json and markdown:
        raise ConfigError("--json and --markdown exclude each other.", "Choose one of them.")
    shape = read_shape(input) if input else None
    options = read_options(model, model_options) if model_options else {}
    # A user's file may print when it runs, and standard output is for the table.
    with contextlib.redirect_stdout(sys.stderr):
        from core.build import check_model_name

        check_model_name(model)  # at once, while importing torch takes seconds
        from core.summary import summarize_named

        found = summarize_named(model, shape, classes, options=options, batch_size=batch_size)
    if json:
        from tui.json_output import print_json

        print_json(as_json(found, depth))
        return
    from tui import layer_lines

    if markdown:
        print(layer_lines.markdown(found, depth))
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None  # a pipe gets all columns
    titles, *lines = layer_lines.layer_lines(found, width, depth)
    typer.secho(titles, bold=is_terminal)
    print("\n".join([*lines, "", *layer_lines.total_lines(found, width)]))


def read_shape(text: str) -> tuple[int, int, int]:
    """ "1x28x28" as (1, 28, 28). Raises ConfigError."""
    sides = text.lower().replace("×", "x").split("x")
    if len(sides) != 3 or not all(
        s.isascii() and s.isdigit() and 0 < int(s) < 10**5 for s in sides
    ):
        raise ConfigError(
            f"--input {text!r} is not the shape of an image.",
            "Give channels, height and width in pixels, such as 1x28x28 or 3x224x224.",
        )
    channels, height, width = map(int, sides)
    return channels, height, width


def read_options(model: str, texts: list[str]) -> dict[str, Any]:
    """["hidden=512"] as {"hidden": 512}, as `nnlab train` understands it. Raises ConfigError."""
    from core.config import make_config

    return make_config({"model": model, "model_options": ",".join(texts)}).model_options


def as_json(found: "Summary", depth: int | None) -> dict[str, Any]:
    """The summary as a JSON object. Sizes in bytes, shapes of one image, unknown is null."""
    totals = asdict(found)
    del totals["modules"]
    return totals | {"layers": [asdict(row) for row in found.rows(depth)]}
