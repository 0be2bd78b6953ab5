"""What is in a data set as text: its figures, the balance of its classes, samples."""

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import clip, percent, safe_text, shape, size
from tui.images import Tile, caption, grid
from tui.palette import palette

if TYPE_CHECKING:
    from core.datasets import Dataset

LONGEST = 20  # columns of a class's name
BAR = 20  # columns


def fact_lines(dataset: "Dataset") -> list[Text]:
    """What there is, in numbers."""
    mean, deviation = pixel_moments(dataset)
    total = dataset.train.pixels.nbytes + dataset.test.pixels.nbytes
    facts = [
        ("images", f"{len(dataset.train):,} for training, {len(dataset.test):,} for testing"),
        ("shape", f"{shape(tuple(dataset.train.pixels.shape[1:]))} (channels, height, width)"),
        ("classes", str(len(dataset.classes))),
        ("mean", "  ".join(f"{m:.4f}" for m in mean) + "  (training images, pixels from 0 to 1)"),
        ("deviation", "  ".join(f"{d:.4f}" for d in deviation)),
        ("memory", f"{size(total)}, a byte for each pixel and channel"),
        ("SHA-256", dataset.digest),
    ]
    return [
        Text(safe_text(dataset.name), "bold"),
        *(Text(f"{label:<10} {text}") for label, text in facts),
    ]


def balance_lines(dataset: "Dataset") -> list[Text]:
    """A line for each class: how many images, beside those of the others."""
    counts = [
        part.labels.bincount(minlength=len(dataset.classes)).tolist()
        for part in (dataset.train, dataset.test)
    ]
    names = [clip(name, LONGEST) for name in dataset.classes]
    width = max(map(cell_len, ["class", *names]))
    lines = [Text(), Text(f"{'class':<{width + 4}}  training  share    {'':{BAR}}  test", "bold")]
    for i, (name, train, test) in enumerate(zip(names, *counts, strict=True)):
        full = round(BAR * train / max(counts[0]))
        line = Text(f"{i:>2}  {set_cell_size(name, width)}  {train:>8,}  ")
        line.append(f"{percent(train / len(dataset.train)):>7}  ")
        line.append("█" * full, palette().meter).append("░" * (BAR - full), "dim")
        lines.append(line.append(f"  {test:>7,}"))
    return lines


def sample_lines(
    dataset: "Dataset", samples: int, columns: int, lines: int, ramp: bool
) -> list[Text]:
    """Training images with their labels: the first of every class, then the second, and so on."""
    labels = dataset.train.labels
    by_class = [(labels == i).nonzero()[:, 0].tolist() for i in range(len(dataset.classes))]
    longest = max(map(len, by_class))
    in_turn = [at[n] for n in range(longest) for at in by_class if n < len(at)]
    tiles = [
        Tile(dataset.train.pixels[i], caption(dataset.classes[int(labels[i])]))
        for i in in_turn[:samples]
    ]
    drawn = grid(tiles, columns, lines - 2, ramp=ramp, narrowest=12)
    return [Text(), *drawn] if drawn else []


def pixel_moments(dataset: "Dataset") -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of the training images, from 0 to 1."""
    from core.batches import moments

    mean, deviation = moments(dataset.train.pixels)
    return (mean / 255).tolist(), (deviation / 255).tolist()
