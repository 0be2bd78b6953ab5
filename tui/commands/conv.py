"""nnlab conv: what a convolution does to an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from core.kernels import KERNELS
from tui.chosen import image_in, named, reduced, run_kernels, with_channels
from tui.commands.show import complete_run
from tui.draw_conv import Named, Pair, arithmetic
from tui.options import DataDir, Json, RunsDir, completion

if TYPE_CHECKING:
    from torch import Tensor

    from core.trained import Trained

MOST_PADDING, MOST_STRIDE = 100, 1000


def complete_kernel() -> list[tuple[str, str]]:
    """The kernels' names and what they are, for the shell."""
    return [(d.name, d.summary) for d in KERNELS.declared.values()]


def conv(
    kernel: Annotated[
        str | None,
        typer.Argument(
            help='A name, or numbers: "1 -1" is a row, "1 0; 0 -1" has two. '
            f"Names: {', '.join(KERNELS)}. Default: all of them.",
            autocompletion=complete_kernel,
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An image file to lay the kernel over.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="A data set to take the image from. Default: the run's, or fashion-mini.",
            autocompletion=completion("data"),
        ),
    ] = None,
    index: Annotated[
        int, typer.Option(min=0, help="Which of its test images, counted from 0.")
    ] = 0,
    padding: Annotated[
        str, typer.Option(metavar="P or P,Q", help="Zeros around the image: vertical, horizontal.")
    ] = "0",
    stride: Annotated[
        str, typer.Option(metavar="S or S,T", help="Pixels from one window to the next.")
    ] = "1",
    run: Annotated[
        str | None,
        typer.Option(
            help="A run, whose first layer's filters are the kernels.",
            autocompletion=complete_run,
        ),
    ] = None,
    filter: Annotated[
        int | None, typer.Option(min=0, help="One of the run's filters. Default: all.")
    ] = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Lay a kernel over an image, and see the shape and the picture that come out.

    Pixels are numbers from 0 to 1.
    Each channel is taken by itself, but a run's filter sums over all of them.
    Where no picture comes out, amber is above 0, blue below, black 0.

    If the network of --run is a net.py of somebody's, this runs the code in that file.

    Examples:
      nnlab conv
      nnlab conv sobel_x
      nnlab conv "1 -1" --data fashion-mini --index 7 --padding 0,1
      nnlab conv blur --image photo.jpg --stride 2
      nnlab conv --run last --filter 3
    """
    if kernel is not None and run is not None:
        raise ConfigError("KERNEL and --run exclude each other.", "Choose one of them.")
    if filter is not None and run is None:
        raise ConfigError("--filter needs a run that has filters.", "Add --run NAME.")
    if image is not None and data is not None:
        raise ConfigError("--image and --data exclude each other.", "Choose one of them.")
    paddings = read_pair("--padding", padding, 0, MOST_PADDING)
    strides = read_pair("--stride", stride, 1, MOST_STRIDE)
    if kernel is not None and not any(c.isdigit() for c in kernel):
        KERNELS.check(kernel)  # at once, before torch is imported

    trained = None
    if run is not None:
        from core.datasets import check_images
        from tui.trained_run import open_trained

        trained = open_trained(run, runs_dir, "best", "cpu")
        check_images(trained.config.data)
        kernels = run_kernels(trained, filter)
    else:
        kernels = [named(name) for name in ([kernel] if kernel else KERNELS)]
    pixels, what = find_image(image, data, index, data_dir, trained)
    for k in kernels:
        pixels = with_channels(pixels, len(k.values)) if k.values.dim() == 3 else pixels

    from core.kernels import convolve

    if json:
        from tui.json_output import print_json

        outs = [convolve(pixels / 255, k.values, strides, paddings) for k in kernels]
        print_json(as_json(what, pixels, kernels, outs, strides, paddings))
        return
    from rich.text import Text

    from tui.console import console, picture_size
    from tui.draw_conv import TILE, all_lines, one_lines, room_for_two
    from tui.format import safe_text
    from tui.images import needs_ramp

    out = console()
    columns, lines = picture_size(out)
    lines -= 4  # what the image is, the prompt, and what a tall kernel takes
    one = kernels[0] if len(kernels) == 1 else None
    room = room_for_two(columns, lines) if one else (TILE, TILE // 2)
    small = reduced(pixels, *room)
    if small.shape != pixels.shape:
        what += f", reduced from {_size(pixels)} to {_size(small)}"
    outs = [convolve(small / 255, k.values, strides, paddings) for k in kernels]
    if one:
        drawn = one_lines(one, small, outs[0], strides, paddings, columns, lines, needs_ramp(out))
    else:
        drawn = all_lines(kernels, small, outs, columns, lines, needs_ramp(out))
    for line in [Text(safe_text(what), "bold"), *drawn]:
        out.print(line)


def read_pair(option: str, text: str, least: int, most: int) -> Pair:
    """ "1" as (1, 1), "0,1" as (0, 1). Raises ConfigError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 2 or not all(
        p.isascii() and p.isdigit() and len(p) < 6 and least <= int(p) <= most for p in parts
    ):
        raise ConfigError(
            f"{option} cannot be {text[:40]!r}.",
            f"Give a whole number from {least} to {most}, or two such as {least},{least + 1} "
            "(vertical, horizontal).",
        )
    return int(parts[0]), int(parts[-1])


def find_image(
    file: Path | None,
    data: str | None,
    index: int,
    data_dir: Path | None,
    trained: "Trained | None",
) -> "tuple[Tensor, str]":
    """The pixels (C, H, W), uint8, and in words what they show."""
    from core.datasets import Where, check_images, load
    from tui.waiting import wait_for

    if file is not None:
        return image_in(file), str(file)
    if trained is not None and data is None:
        dataset = wait_for(trained.load_data(data_dir))
    else:
        dataset = wait_for(load(check_images(data or "fashion-mini"), Where(data_dir)))
    if index >= len(dataset.test):
        raise ConfigError(
            f"{dataset.name} has no test image {index}.",
            f"They count from 0 to {len(dataset.test) - 1}.",
        )
    label = dataset.classes[int(dataset.test.labels[index])]
    return dataset.test.pixels[index], f"{dataset.name}, test image {index}: {label}"


def as_json(
    what: str,
    pixels: "Tensor",
    kernels: list[Named],
    outs: "list[Tensor]",
    stride: Pair,
    padding: Pair,
) -> dict[str, Any]:
    """All numbers; pixels are from 0 to 1, shapes (C, H, W)."""
    return {
        "image": what,
        "input_shape": list(pixels.shape),
        "padding": list(padding),
        "stride": list(stride),
        "results": [
            {
                "kernel": k.name,
                "kernel_values": k.values.tolist(),
                "output_shape": list(out.shape),
                "arithmetic": arithmetic(pixels, k.values, stride, padding),
                "values": out.tolist(),
            }
            for k, out in zip(kernels, outs, strict=True)
        ],
    }


def _size(pixels: "Tensor") -> str:
    return f"{pixels.shape[-1]}x{pixels.shape[-2]}"
