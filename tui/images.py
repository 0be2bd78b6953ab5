"""Images as text: half blocks, two pixels in each character, or shades of grey where a terminal
has no colours to mix.

Images are uint8 tensors (C, H, W), C = 1 (grey) or 3 (RGB). A character is about twice as high as
it is wide, so pixels come out square either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tui.format import safe_text

if TYPE_CHECKING:
    from torch import Tensor

RAMP = " .:-=+*#%@"  # from dark to bright
HALF = "▀"
POSITIVE, NEGATIVE = (255, 175, 95), (95, 175, 255)  # amber and blue, as everywhere in nnlab
GAP = 2  # columns between two images
SMALLEST = 16  # pixels on a side; below that little can be recognised


@dataclass(frozen=True)
class Tile:
    """An image of a grid and the lines below it."""

    pixels: "Tensor"
    caption: tuple[Text, ...] = ()


def needs_ramp(out: Console, encoding: str | None = None) -> bool:
    """Whether `out` has fewer than 256 colours, or none, or no half blocks: shades of grey then.

    `encoding` is that of the terminal where `out` does not know it.
    """
    return (
        out.no_color
        or out.color_system not in ("256", "truecolor")
        or not (encoding or out.encoding).lower().startswith("utf")
    )


def image_lines(pixels: "Tensor", *, ramp: bool) -> list[Text]:
    """One column for each pixel, one line for two rows of them."""
    channels, height, _ = pixels.shape
    rows = pixels.permute(1, 2, 0).tolist()  # (H, W, C)
    colours = [[tuple(pixel) * (3 // channels) for pixel in row] for row in rows]
    pairs = [(colours[y], colours[y + 1] if y + 1 < height else None) for y in range(0, height, 2)]
    return [_ramp_line(*pair) if ramp else _half_block_line(*pair) for pair in pairs]


def fit(pixels: "Tensor", columns: int, lines: int) -> "Tensor":
    """The image as large as there is room, in its own proportions: whole multiples or reduced."""
    import torch.nn.functional as F

    height, width = pixels.shape[-2:]
    factor = min(columns / width, 2 * lines / height)
    if factor >= 1:
        times = int(factor)
        return pixels.repeat_interleave(times, 1).repeat_interleave(times, 2)
    size = (max(1, int(height * factor)), max(1, int(width * factor)))
    return F.interpolate(pixels[None], size, mode="bilinear", antialias=True)[0]


def from_values(values: "Tensor", *, signed: bool | None = None) -> "Tensor":
    """Any numbers (C, H, W) as an image: what a filter or a feature map looks like.

    Three channels are a colour image from their lowest to their highest value. Other numbers of
    channels are shown by their sum over them: grey from 0 up, or, if it is `signed` (by default, if
    it is negative anywhere), amber above 0, blue below, black at 0. Numbers that are not finite
    count as 0.
    """
    import torch

    values = values.nan_to_num(0.0, 0.0, 0.0)
    if len(values) == 3:
        low, high = values.min(), values.max()
        return ((values - low) / (high - low).clamp(min=1e-12) * 255).round().byte()
    summed = values.sum(0)
    share = summed / summed.abs().max().clamp(min=1e-12)
    if not (share.min() < 0 if signed is None else signed):
        return (share.clamp(min=0) * 255).round().byte()[None]
    above = torch.tensor(POSITIVE)[:, None, None] * share.clamp(min=0)
    below = torch.tensor(NEGATIVE)[:, None, None] * share.clamp(max=0)
    return (above - below).round().byte()


def beside(blocks: Sequence[Sequence[Text]], gap: int = GAP) -> list[Text]:
    """Blocks of lines side by side, aligned at the top."""
    widths = [max((line.cell_len for line in block), default=0) for block in blocks]
    lines = []
    for i in range(max(map(len, blocks), default=0)):
        line = Text(no_wrap=True)
        missing = 0
        for block, width in zip(blocks, widths, strict=True):
            part = block[i] if i < len(block) else Text()
            line.append(" " * missing).append_text(part)
            missing = width - part.cell_len + gap
        lines.append(line)
    return lines


def grid(
    tiles: Sequence[Tile],
    columns: int,
    lines: int,
    *,
    ramp: bool,
    smallest: int = SMALLEST,
    narrowest: int = 0,
) -> list[Text]:
    """All images with their captions, in the largest size with which they fit into `lines`.

    If they fit in no size, they are `smallest` pixels wide, and the grid is longer. `narrowest` is
    how many columns a caption needs.
    """
    if not tiles:
        return []
    side = max(max(tile.pixels.shape[-2:]) for tile in tiles)
    smallest = min(_size(side, smallest), columns)
    below = max(len(tile.caption) for tile in tiles)
    best, across, fits = 0, 1, False
    for count in range(1, len(tiles) + 1):
        wide = (columns + GAP) // count - GAP
        if count > 1 and wide < max(smallest, narrowest):
            break
        down = -(-len(tiles) // count)
        high = 2 * ((lines + 1) // down - 1 - below)
        if high < smallest and not fits:
            best, across = smallest, count
        elif high >= smallest:
            size = _size(side, min(wide, high), whole=False)
            if size >= best or not fits:  # of equal sizes, the one with fewer lines
                best, across, fits = size, count, True
    width = max(best, min(narrowest, columns))
    blocks = []
    for tile in tiles:
        shown = image_lines(fit(tile.pixels, best, -(-best // 2)), ramp=ramp)
        texts = [_clipped(line, width) for line in tile.caption]
        blocks.append([_padded(line, width) for line in [*shown, *texts]])
    found: list[Text] = []
    for start in range(0, len(blocks), across):
        found += [Text()] if start else []
        found += beside(blocks[start : start + across])
    return found


def caption(*lines: str) -> tuple[Text, ...]:
    """Lines from outside, safe to print."""
    return tuple(Text(safe_text(line)) for line in lines)


def _size(side: int, wanted: int, whole: bool = True) -> int:
    """How large an image of `side` pixels is drawn: as wanted if reduced, else a whole multiple.

    At least `wanted` if that must be reached in `whole` multiples, at most otherwise.
    """
    if wanted < side:
        return wanted
    return side * (-(-wanted // side) if whole else wanted // side)


def _half_block_line(
    above: Sequence[tuple[int, ...]], below: Sequence[tuple[int, ...]] | None
) -> Text:
    line = Text(no_wrap=True)
    start = 0
    pairs = [(top, below[x] if below else None) for x, top in enumerate(above)]
    for end in range(1, len(pairs) + 1):
        if end == len(pairs) or pairs[end] != pairs[start]:
            top, bottom = pairs[start]
            style = Style(
                color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom) if bottom else None
            )
            line.append(HALF * (end - start), style)
            start = end
    return line


def _ramp_line(above: Sequence[tuple[int, ...]], below: Sequence[tuple[int, ...]] | None) -> Text:
    def shade(x: int) -> str:
        pixels = [above[x], below[x]] if below else [above[x]]
        # Luma of ITU-R BT.601.
        lumas = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in pixels]
        return RAMP[min(int(sum(lumas) / len(lumas) / 256 * len(RAMP)), len(RAMP) - 1)]

    return Text("".join(map(shade, range(len(above)))), no_wrap=True)


def _clipped(text: Text, width: int) -> Text:
    if text.cell_len <= width:
        return text
    plain = set_cell_size(text.plain, width - 1).rstrip()
    return Text(f"{plain}…", text.style)


def _padded(line: Text, width: int) -> Text:
    padded = line.copy()
    padded.append(" " * (width - cell_len(line.plain)))
    return padded
