"""nnlab data: the data sets, and what is in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.options import DataDir, Json, completion

if TYPE_CHECKING:
    from core.datasets import Dataset, Images

data = typer.Typer(
    name="data",
    no_args_is_help=True,
    help="Look at the data sets: which there are, and what is in them.",
)


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
    from tui.draw_dataset import balance_lines, fact_lines, sample_lines
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
    from tui.draw_dataset import pixel_moments

    mean, deviation = pixel_moments(dataset)

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
