"""What a network takes an image for: the image, and beside it the most probable classes."""

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import clip, clip_start, percent
from tui.images import GAP, beside, fit, image_lines
from tui.palette import palette

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 20  # columns of a class's name
BAR = 24  # columns, where there is room
SIDE = 16  # columns of an image


def most_probable(row: "Tensor", names: tuple[str, ...], top: int) -> list[tuple[str, float]]:
    """The classes with the largest of the probabilities (K,), at most `top`, largest first."""
    values, positions = row.topk(min(top, len(names)))
    return [(names[i], p) for i, p in zip(positions.tolist(), values.tolist(), strict=True)]


def prediction_lines(
    what: object,
    image: "Tensor",
    classes: list[tuple[str, float]],
    columns: int,
    ramp: bool,
    side: int = SIDE,
) -> list[Text]:
    """The image, `side` columns wide, and beside it what it is and the most probable classes."""
    picture = image_lines(fit(image, side, side), ramp=ramp)
    names = [clip(name, LONGEST) for name, _ in classes]
    width = max(map(cell_len, names))
    room = columns - max(line.cell_len for line in picture) - GAP
    bar = max(min(BAR, room - width - 10), 0)
    said = [Text(clip_start(what, room), "bold")]
    for name, (_, probability) in zip(names, classes, strict=True):
        full = round(probability * bar)
        line = Text(f"{set_cell_size(name, width)} {percent(probability):>7} ")
        said.append(line.append("█" * full, palette().meter).append("░" * (bar - full), "dim"))
    return beside([picture, said])
