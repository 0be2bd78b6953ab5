"""A convolution drawn: the kernel, the arithmetic of its shape, the image before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from rich.text import Text

from core.kernels import output_size
from tui.format import safe_text
from tui.images import Tile, beside, caption, fit, from_values, grid, image_lines

if TYPE_CHECKING:
    from torch import Tensor

Pair = tuple[int, int]  # (vertical, horizontal)

TEXT_LINES = 6  # of the terminal, that a kernel of three rows and its arithmetic take
TILE = 40  # pixels, to which images are reduced where many kernels are tried on them
BETWEEN = 4  # columns between the two images
WIDEST = 7  # numbers in a row of a kernel that is printed and not drawn


@dataclass(frozen=True)
class Named:
    """A kernel to try."""

    name: str
    about: str
    values: "Tensor"  # (h, w), or (C, h, w) if it sums over channels


def arithmetic(pixels: "Tensor", kernel: "Tensor", stride: Pair, padding: Pair) -> list[str]:
    """How the height and the width that come out follow."""
    lines = []
    for i, letter in enumerate("HW"):
        size, k = pixels.shape[i - 2], kernel.shape[i - 2]
        found = output_size(size, k, stride[i], padding[i])
        lines.append(
            f"{letter}' = ({letter} + 2p - k) // s + 1 = "
            f"({size} + 2*{padding[i]} - {k}) // {stride[i]} + 1 = {found}"
        )
    return lines


def one_lines(
    kernel: Named,
    pixels: "Tensor",
    found: "Tensor",
    stride: Pair,
    padding: Pair,
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    """The kernel, its arithmetic, and the image before and after."""
    size = "x".join(map(str, kernel.values.shape))
    how = "bright: far from 0" if ramp else "amber: above 0, blue: below"
    shown = "" if is_picture(kernel.values) else f"; {how}"
    facts = [
        *(Text(line) for line in arithmetic(pixels, kernel.values, stride, padding)),
        Text(f"values from {found.min().item():.3g} to {found.max().item():.3g}{shown}"),
    ]
    # Both at the same scale, so that a stride is seen as a smaller picture.
    height, width = (max(a, b) for a, b in zip(pixels.shape[-2:], found.shape[-2:], strict=True))
    wide, high = room_for_two(columns, lines)
    scale = min(wide / width, 2 * high / height)
    scale = int(scale) if scale >= 1 else scale
    before, after = (
        image_lines(
            fit(p, max(int(p.shape[-1] * scale), 1), max(ceil(p.shape[-2] * scale / 2), 1)),
            ramp=ramp,
        )
        for p in (pixels, as_picture(kernel.values, found))
    )
    numbers = kernel_lines(kernel.values, ramp)
    block = beside([numbers, facts], gap=3)
    if max(line.cell_len for line in block) > columns:
        block = [*facts, Text(), *numbers]
    return [
        Text(safe_text(f"{kernel.name} ({size}): {kernel.about}")),
        Text(),
        *block,
        Text(),
        *beside([before, after], gap=BETWEEN),
    ]


def room_for_two(columns: int, lines: int) -> tuple[int, int]:
    """Columns and lines for each of two images that stand side by side below the text."""
    return (columns - BETWEEN) // 2, max(lines - TEXT_LINES, 8)


def all_lines(
    kernels: Sequence[Named],
    pixels: "Tensor",
    outs: "Sequence[Tensor]",
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    """What every kernel makes of the image."""
    tiles = [Tile(pixels, caption("the image"))]
    tiles += [
        Tile(as_picture(k.values, out), caption(k.name))
        for k, out in zip(kernels, outs, strict=True)
    ]
    return grid(tiles, columns, lines + 2, ramp=ramp, narrowest=16)


def kernel_lines(kernel: "Tensor", ramp: bool) -> list[Text]:
    """The kernel's numbers, or a picture of it where they are many."""
    if kernel.dim() == 3 and len(kernel) == 1:
        kernel = kernel[0]
    if kernel.dim() == 3 or kernel.shape[1] > WIDEST or kernel.shape[0] > WIDEST:
        picture = from_values(kernel if kernel.dim() == 3 else kernel[None])
        return image_lines(fit(picture, 14, 7), ramp=ramp)
    cells = [[f"{number:.3g}" for number in row] for row in kernel.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    return [Text("  ".join(f"{cell:>{width}}" for cell in row)) for row in cells]


def is_picture(kernel: "Tensor") -> bool:
    """Whether what comes out is a picture again: brightness is kept where there is no edge."""
    return kernel.dim() == 2 and abs(kernel.sum().item() - 1) < 1e-3


def as_picture(kernel: "Tensor", found: "Tensor") -> "Tensor":
    """What came out, (C, H', W'), as uint8."""
    if is_picture(kernel):
        return (found.clamp(0, 1) * 255).round().byte()
    return from_values(found.mean(0, keepdim=True))
