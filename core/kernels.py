"""Kernels of image processing, to see what a convolution does: note 000, sections 5.2 to 5.4.

Each entry gives one kernel, (h, w), float32; it is laid over every channel of an image by itself.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.errors import ConfigError
from core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

KERNELS: Registry[Callable[[], "Tensor"]] = Registry("kernel", __name__)

LARGEST = 31  # height and width of a kernel that is typed


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Height or width of what comes out: (H + 2p - k) // s + 1; below 1 if the kernel is larger."""
    return (size + 2 * padding - kernel) // stride + 1


def convolve(
    image: "Tensor", kernel: "Tensor", stride: tuple[int, int], padding: tuple[int, int]
) -> "Tensor":
    """The kernel over each window of `image`, (C, H, W), without a bias.

    A kernel (h, w) gives (C, H', W'), channel by channel; a filter (C, h, w) sums over them and
    gives (1, H', W'). Pairs are (vertical, horizontal).

    Raises ConfigError if the kernel is larger than the padded image.
    """
    from core.layers.conv import cross_correlate

    (height, width), (h, w) = image.shape[-2:], kernel.shape[-2:]
    sides = zip((height, width), (h, w), stride, padding, strict=True)
    if min(output_size(*side) for side in sides) < 1:
        raise ConfigError(
            f"A kernel of {h}x{w} does not fit into an image of {height}x{width}"
            f"{f' with padding {padding[0]},{padding[1]}' if any(padding) else ''}.",
            "Take a larger --padding, a smaller kernel or a larger image.",
        )
    # Channel by channel: the channels take the place of the batch.
    batch = image[:, None] if kernel.dim() == 2 else image[None]
    weight = kernel.reshape(1, batch.shape[1], h, w)
    return cross_correlate(batch, weight, weight.new_zeros(1), stride, padding)[:, 0]


def read_kernel(text: str) -> "Tensor":
    """A kernel from its name, or from numbers: "1 -1" is a row, "1 0; 0 -1" has two.

    Raises UnknownName or ConfigError.
    """
    if not any(c.isdigit() for c in text):
        return KERNELS[text]()
    import torch

    try:
        rows = [[float(n) for n in row.replace(",", " ").split()] for row in text.split(";")]
    except ValueError as error:
        rows = []
        why = str(error)
    else:
        why = "every row needs as many numbers as the others"
    if (
        not rows
        or not rows[0]
        or {len(row) for row in rows} != {len(rows[0])}
        or max(len(rows), len(rows[0])) > LARGEST
        or not all(math.isfinite(number) for row in rows for number in row)
    ):
        raise ConfigError(
            f"{text[:60]!r} is no kernel: {why}; at most {LARGEST} by {LARGEST}, all finite.",
            f"Write rows as '1 0 -1; 2 0 -2; 1 0 -1', or choose one of: {', '.join(KERNELS)}.",
        )
    return torch.tensor(rows)


def _kernel(*rows: tuple[float, ...], divided_by: float = 1.0) -> "Tensor":
    import torch

    return torch.tensor(rows) / divided_by


@KERNELS.register()
def edge_vertical() -> "Tensor":
    """Vertical edges: a pixel minus its right neighbour, as in the note."""
    return _kernel((1.0, -1))


@KERNELS.register()
def edge_horizontal() -> "Tensor":
    """Horizontal edges: a pixel minus the one below."""
    return _kernel((1.0,), (-1,))


@KERNELS.register()
def sobel_x() -> "Tensor":
    """Vertical edges, smoothed along the edge (Sobel and Feldman 1968)."""
    return _kernel((-1.0, 0, 1), (-2, 0, 2), (-1, 0, 1))


@KERNELS.register()
def sobel_y() -> "Tensor":
    """Horizontal edges, smoothed along the edge (Sobel and Feldman 1968)."""
    return _kernel((-1.0, -2, -1), (0, 0, 0), (1, 2, 1))


@KERNELS.register()
def laplacian() -> "Tensor":
    """Edges in every direction: the sum of both second differences."""
    return _kernel((0.0, 1, 0), (1, -4, 1), (0, 1, 0))


@KERNELS.register()
def outline() -> "Tensor":
    """Edges in every direction: a pixel against its eight neighbours."""
    return _kernel((-1.0, -1, -1), (-1, 8, -1), (-1, -1, -1))


@KERNELS.register()
def blur() -> "Tensor":
    """The mean of nine pixels."""
    return _kernel((1.0, 1, 1), (1, 1, 1), (1, 1, 1), divided_by=9)


@KERNELS.register()
def gaussian() -> "Tensor":
    """A weighted mean of 25 pixels, the nearer the more: binomial coefficients."""
    row = (1.0, 4, 6, 4, 1)
    return _kernel(*(tuple(a * b for b in row) for a in row), divided_by=256)


@KERNELS.register()
def sharpen() -> "Tensor":
    """The image and its edges: the identity minus the Laplacian."""
    return _kernel((0.0, -1, 0), (-1, 5, -1), (0, -1, 0))


@KERNELS.register()
def emboss() -> "Tensor":
    """A relief of the brightness, lit from the upper left."""
    return _kernel((-2.0, -1, 0), (-1, 1, 1), (0, 1, 2))
