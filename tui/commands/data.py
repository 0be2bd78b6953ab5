"""nnlab data: the data sets, and what is in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.options import DataDir, Json, completion

if TYPE_CHECKING:
    from rich.text import Text

    from core.datasets import Dataset, Images

data = typer.Typer(
    name="data",
    no_args_is_help=True,
    help="Look at the data sets: which there are, and what is in them.",
)

LONGEST = 20  # columns of a class's name
BAR = 20  # columns


@data.command("list")
def list_data(data_dir: DataDir = None, json: Json = False) -> None:
    """List the data sets, and whether they are here.

    Your own need no listing: give a folder with a sub-folder of images for each class, or a CSV
    file with a table.

    Examples:
      nnlab data list
      nnlab data list --json | jq -r '.[] | select(.state != "to download").name'
    """
    found = describe_all(data_dir)
    if json:
        from tui.json_output import print_json

        print_json(found)
    else:
        print_table(found)


@data.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A data set, a folder with class sub-folders, or a CSV file.",
            autocompletion=completion("data"),
        ),
    ],
    samples: Annotated[
        int, typer.Option(min=0, help="Images to draw, in turn from every class.")
    ] = 10,
    target: Annotated[
        str | None, typer.Option(help="Of a table: the column that is to be predicted.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show a data set: samples with their labels, class balance, shapes, mean and deviation.

    It is downloaded first if it has to be.
    Mean and deviation are of the training images, whose pixels go from 0 to 1.
    Of a table: its columns, and with --target how it is split and balanced.

    Examples:
      nnlab data show fashion-mini
      nnlab data show path/to/photos --samples 24
      nnlab data show heart.csv --target target
      nnlab data show mnist --json | jq .train.classes
    """
    from core.datasets import Where, check_data_name, is_table, load

    check_data_name(name)  # at once, before torch is imported
    if is_table(name):
        show_table(Path(name).expanduser(), target, json)
        return
    if target is not None:
        raise ConfigError(f"{name} is no table: it has no target column.", "Leave out --target.")
    from tui.waiting import wait_for

    dataset = wait_for(load(name, Where(data_dir)))
    if json:
        from tui.json_output import print_json

        print_json(as_json(dataset))
        return
    from tui.console import console, picture_size
    from tui.images import needs_ramp

    out = console()
    columns, lines = picture_size(out)
    for line in [
        *fact_lines(dataset),
        *balance_lines(dataset),
        *sample_lines(dataset, samples, columns, lines, needs_ramp(out)),
    ]:
        out.print(line)


def show_table(path: Path, target: str | None, json: bool) -> None:
    """The columns of a table; with a target, how a run would take it."""
    from dataclasses import asdict

    from core.datasets import Where
    from core.datasets.csv_file import read_csv
    from core.datasets.survey import survey
    from core.datasets.table import prepare_table
    from tui.waiting import wait_for

    table = wait_for(read_csv(path))
    prepared = wait_for(prepare_table(path, Where(target=target))) if target else None
    facts = survey(table)
    if json:
        from tui.json_output import print_json
        from tui.table_lines import target_as_json

        columns = [asdict(f) for f in facts]
        found = {"name": str(path), "rows": len(table), "columns": columns}
        print_json(found | (target_as_json(prepared) if prepared else {}))
        return
    from tui.console import console
    from tui.table_lines import column_lines, target_lines

    out = console()
    for line in column_lines(str(path), len(table), facts, out.width):
        out.print(line)
    for line in target_lines(prepared) if prepared else []:
        out.print(line)


def describe_all(data_dir: Path | None) -> list[dict[str, Any]]:
    """Each data set with its state; imports no torch. Unknown is None."""
    from core.datasets import DATASETS, Where, availability

    found = []
    for declared in DATASETS.declared.values():
        here = availability(declared.name, Where(data_dir))
        facts = declared.facts
        found.append(
            {
                "name": declared.name,
                "summary": declared.summary,
                "state": here.state,
                "download_bytes": here.size,
                "path": None if here.path is None else str(here.path),
                "train_images": facts.get("train"),
                "test_images": facts.get("test"),
                "classes": facts.get("classes"),
                "shape": [facts["channels"], facts["side"], facts["side"]],
            }
        )
    return found


def print_table(found: list[dict[str, Any]]) -> None:
    """A row for each data set."""
    from rich.table import Column, Table
    from rich.text import Text

    from tui.console import console
    from tui.format import DASH, safe_text, shape, size

    table = Table(
        Column("name", no_wrap=True),
        Column("state", no_wrap=True),
        Column("images", justify="right", no_wrap=True),
        Column("shape", justify="right", no_wrap=True),
        Column("classes", justify="right", no_wrap=True),
        Column("where", overflow="fold"),
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for d in found:
        here = d["state"] != "to download"
        images = [d["train_images"], d["test_images"]]
        table.add_row(
            d["name"],
            Text(
                d["state"] if here else f"↓ {size(d['download_bytes'])}", "" if here else "yellow"
            ),
            DASH if None in images else " + ".join(f"{n:,}" for n in images),
            shape(tuple(d["shape"])),
            str(d["classes"] or DASH),
            Text(safe_text(d["path"] or ("comes with nnlab" if here else "not here yet"))),
        )
    console().print(table)


def as_json(dataset: "Dataset") -> dict[str, Any]:
    """Shapes, balance, mean and standard deviation (pixels from 0 to 1)."""
    mean, deviation = _moments(dataset)

    def part(images: "Images") -> dict[str, Any]:
        counts = images.labels.bincount(minlength=len(dataset.classes)).tolist()
        return {
            "images": len(images),
            "classes": dict(zip(dataset.classes, counts, strict=True)),
        }

    return {
        "name": dataset.name,
        "shape": list(dataset.train.pixels.shape[1:]),
        "classes": list(dataset.classes),
        "mean": mean,
        "std": deviation,
        "digest": dataset.digest,
        "train": part(dataset.train),
        "test": part(dataset.test),
    }


def fact_lines(dataset: "Dataset") -> "list[Text]":
    """What there is, in numbers."""
    from rich.text import Text

    from tui.format import safe_text, shape, size

    mean, deviation = _moments(dataset)
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


def balance_lines(dataset: "Dataset") -> "list[Text]":
    """A line for each class: how many images, beside those of the others."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    from tui.format import clip, percent

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
        line.append("█" * full, "#87afd7").append("░" * (BAR - full), "dim")
        lines.append(line.append(f"  {test:>7,}"))
    return lines


def sample_lines(
    dataset: "Dataset", samples: int, columns: int, lines: int, ramp: bool
) -> "list[Text]":
    """Training images with their labels: the first of every class, then the second, and so on."""
    from rich.text import Text

    from tui.images import Tile, caption, grid

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


def _moments(dataset: "Dataset") -> tuple[list[float], list[float]]:
    from core.batches import moments

    mean, deviation = moments(dataset.train.pixels)
    return (mean / 255).tolist(), (deviation / 255).tolist()
