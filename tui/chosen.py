"""What somebody chose to look at: a kernel, the filters of a run, an image in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.kernels import KERNELS
from tui.draw_conv import Named

if TYPE_CHECKING:
    from torch import Tensor

    from core.trained import Trained


def named(kernel: str) -> Named:
    """The kernel of that name, or of these numbers. Raises UnknownName or ConfigError."""
    from core.kernels import read_kernel

    values = read_kernel(kernel)
    declared = KERNELS.declared.get(kernel)
    return Named(kernel, declared.summary if declared else "as typed", values)


def run_kernels(trained: "Trained", which: int | None = None) -> list[Named]:
    """The filters of the run's first layer, or one of them. Raises ModelError or ConfigError."""
    from core.inside import first_filters

    shape = (trained.image_shape[0], trained.input_size, trained.input_size)
    found = first_filters(trained.model, shape)
    if which is not None and which >= len(found.images):
        raise ConfigError(
            f"{trained.run.name} has no filter {which} in {found.layer}.",
            f"They count from 0 to {len(found.images) - 1}.",
        )
    about = f"filter of {found.layer}, {trained.run.name}, epoch {trained.epoch}"
    return [
        Named(str(i), about, values)
        for i, values in enumerate(found.images)
        if which is None or i == which
    ]


def image_in(file: str | Path, shape: tuple[int, int, int] | None = None) -> "Tensor":
    """The image in a file, uint8 (C, H, W), as `read_image` gives it. Raises DataError."""
    import torch

    from core.datasets.decode import read_image

    return torch.from_numpy(read_image(Path(file).expanduser(), shape))


def with_channels(pixels: "Tensor", channels: int) -> "Tensor":
    """The image in as many channels as a filter takes: grey repeated, colours averaged."""
    if len(pixels) == channels:
        return pixels
    grey = pixels.float().mean(0, keepdim=True).round().byte()
    return grey.expand(channels, -1, -1)


def reduced(pixels: "Tensor", columns: int, lines: int) -> "Tensor":
    """The image, smaller if it does not fit: a small kernel over many pixels shows nothing."""
    from tui.images import fit

    height, width = pixels.shape[-2:]
    return fit(pixels, columns, lines) if width > columns or height > 2 * lines else pixels
