"""How well a network did as text: accuracy by class, confusion matrix, the worst mistakes."""

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import DASH, clip, percent
from tui.images import Tile, grid
from tui.palette import palette

if TYPE_CHECKING:
    from torch import Tensor

    from core.datasets import Images
    from core.evaluation import Evaluation, Mistake
    from core.metrics import Confusion

CONFUSIONS = 8  # of the most frequent ones, where the matrix has no room
LONGEST = 16  # columns of a class's name
BAR = 10  # columns
CELL = 5  # columns of the matrix
CAPTION = 18  # columns below an image


def class_lines(
    classes: tuple[str, ...], found: "Evaluation", columns: int, samples: str = "images"
) -> list[Text]:
    """The figures of all `samples`, then a line for each class."""
    right = found.images - found.mistakes_in_all
    lines = [
        Text(
            f"test accuracy {found.accuracy:.4f} ({right:,} of {found.images:,} {samples}), "
            f"loss {found.loss:.4f}"
        ),
        Text(),
    ]
    names = [clip(name, LONGEST) for name in classes]
    width = max(map(cell_len, ["class", *names]))
    lines.append(
        Text(
            f"{'class':<{width}}  {samples:>6}  accuracy  {'':{BAR}}  precision  "
            "most often taken for",
            "bold",
        )
    )
    taken_for = _taken_for(found, names)
    for i, name in enumerate(names):
        part, precision = found.accuracies[i], found.precisions[i]
        full = round((part or 0.0) * BAR)
        line = Text(f"{set_cell_size(name, width)}  {int(found.matrix[i].sum()):>6,}  ")
        line.append(f"{DASH if part is None else f'{part:.4f}':>8}  ")
        line.append("█" * full, palette().meter).append("░" * (BAR - full), "dim")
        line.append(f"  {DASH if precision is None else f'{precision:.4f}':>9}  ")
        line.append(taken_for.get(i, DASH))
        line.truncate(columns, overflow="ellipsis")
        lines.append(line)
    return lines


def matrix_lines(classes: tuple[str, ...], found: "Evaluation", columns: int) -> list[Text]:
    """The confusion matrix; where there is no room for it, the most frequent confusions."""
    names = [clip(name, LONGEST) for name in classes]
    width = max(map(cell_len, names)) + 4
    lines = [Text()]
    cell = max(CELL, len(str(int(found.matrix.max()))) + 1)
    if width + cell * len(classes) > columns:
        lines.append(Text(f"confused most often ({len(classes)} classes are too many to draw)"))
        for c in _confusions(found.matrix)[:CONFUSIONS]:
            lines.append(Text(f"{c.count:>6,}  {names[c.true]} taken for {names[c.predicted]}"))
        return lines
    numbers = "".join(f"{i:>{cell}}" for i in range(len(classes)))
    lines.append(Text(" " * width + numbers, "bold"))
    sums = found.matrix.sum(1).clamp(min=1)
    for i, name in enumerate(names):
        line = Text(f"{i:>2}  {set_cell_size(name, width - 4)}")
        for j, count in enumerate(found.matrix[i].tolist()):
            share = count / int(sums[i])
            line.append(f"{count if count else '·':>{cell}}", _shade(share, i == j))
        lines.append(line)
    lines.append(Text("rows: true classes; columns: what their images were taken for", "dim"))
    return lines


def mistake_lines(
    classes: tuple[str, ...],
    found: "Evaluation",
    images: "Images",
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    """The worst mistakes as images, with what they are and what they were taken for."""
    shown = len(found.mistakes)
    heading = Text(f"the worst {shown} of {found.mistakes_in_all:,} mistakes", "bold")
    heading.append("  (#number, class → what it was taken for)", "not bold dim")
    tiles = [Tile(images.pixels[m.index], _caption(classes, m)) for m in found.mistakes]
    return [Text(), heading, *grid(tiles, columns, lines - 4, ramp=ramp, narrowest=CAPTION)]


def _caption(classes: tuple[str, ...], mistake: "Mistake") -> tuple[Text, ...]:
    said = percent(mistake.probability, 0)
    return (
        Text.assemble((f"#{mistake.index} ", "dim"), clip(classes[mistake.true], CAPTION - 6)),
        Text(
            f"→ {clip(classes[mistake.predicted], CAPTION - 3 - len(said))} {said}", palette().test
        ),
    )


def _confusions(matrix: "Tensor") -> "list[Confusion]":
    from core.metrics import confusions  # imports torch, which the drawing alone need not wait for

    return confusions(matrix)


def _taken_for(found: "Evaluation", names: list[str]) -> dict[int, str]:
    """For each class, what its images were most often taken for, up to three."""
    texts: dict[int, list[str]] = {}
    for c in _confusions(found.matrix):
        texts.setdefault(c.true, []).append(f"{names[c.predicted]} {c.count}")
    return {true: ", ".join(parts[:3]) for true, parts in texts.items()}


def _shade(share: float, right: bool) -> str:
    """The style of a cell: green on the diagonal, amber beside it where much is confused."""
    if right:
        return f"bold {palette().success}"
    amber = palette().test
    return f"bold {amber}" if share >= 0.1 else amber if share >= 0.02 else "dim"
