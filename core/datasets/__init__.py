"""Data sets, one family per file. A new file in this folder is found by itself.

Each is a generator function of a `Where` that yields Progress while it finds, downloads or decodes,
and returns a `Dataset`: `dataset = yield from load("mnist", where)`. A name that is not registered
is a folder of the user's own images, or a CSV file with a table of theirs.

The facts that `register` takes let others plan without reading an image: `channels`, `classes`,
`train` and `test` (images), `side` (pixels), and `size`, the bytes to download. 0 means that the
images come with nnlab; otherwise the file defines `find(where)`, the path of a complete copy or
None.
"""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import DataError
from core.events import Notice, Progress
from core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from core.datasets.columns import Encoding
    from core.task import Task

TABLES = (".csv", ".tsv")  # how the name of a table ends

DATASETS: Registry[Callable[["Where"], "Loading"]] = Registry("data set", __name__)


@dataclass(frozen=True)
class Images:
    """Images, or rows of a table, as they lie in memory, not yet scaled."""

    pixels: "Tensor"  # uint8, (N, C, H, W); of a table float32, (N, D, 1, 1)
    labels: "Tensor"  # int64, (N,), each from 0 to the number of classes - 1; or float32 numbers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """The training and the test part of one set of labelled images, or of a table."""

    name: str
    classes: tuple[str, ...]  # none where a number is to be predicted
    train: Images
    test: Images
    digest: str  # SHA-256 (hex) over pixels and labels: what a run was trained on
    encoding: "Encoding | None" = None  # of a table
    test_lines: tuple[int, ...] = ()  # of a table's file, from 1: where each test row begins

    @property
    def task(self) -> "Task":
        """What can be learned from it."""
        from core.task import CLASSIFICATION, REGRESSION

        return CLASSIFICATION if self.classes else REGRESSION

    @property
    def outputs(self) -> int:
        """How many a network needs."""
        return len(self.classes) or 1


@dataclass(frozen=True)
class Where:
    """Where to look for a data set."""

    data_dir: Path | None = None  # --data-dir or NNLAB_DATA; the only place when set
    seed: int = 0  # for splitting a table, or a folder that has no test part
    target: str | None = None  # of a table: the column to predict
    task: "Task | None" = None  # of a table: what the target is for, where it could be either


@dataclass(frozen=True)
class Availability:
    """Whether a data set can be used at once."""

    state: str  # "built-in", "ready" or "to download"
    size: int  # bytes to download, 0 when it is here
    path: Path | None  # where it was found


Loading = Generator[Progress | Notice, None, Dataset]


def load(name: str, where: Where) -> Loading:
    """Find (or download, or decode) the data set called `name`.

    Raises UnknownName or DataError.
    """
    if check_data_name(name) in DATASETS:
        return (yield from DATASETS[name](where))
    if is_table(name):
        from core.datasets.table import load_table

        return (yield from load_table(name, where))
    from core.datasets.image_folder import load_folder

    return (yield from load_folder(name, where))


def check_data_name(name: str) -> str:
    """`name` itself if it is a data set, an existing folder or a table.

    Raises UnknownName or DataError.
    """
    if name in DATASETS or _is(Path.is_dir, name) or (is_table(name) and _is(Path.is_file, name)):
        return name
    if is_table(name):
        raise DataError(f"There is no file {name!r}.", "Check the path.")
    if _is(Path.is_file, name):
        raise DataError(
            f"{name} is neither a folder of images nor a table.",
            f"A table's name ends in {' or '.join(TABLES)}.",
        )
    if "/" not in name and os.sep not in name:
        return DATASETS.check(name)  # raises
    raise DataError(
        f"There is no folder {name!r}.",
        f"Check the path, or choose a data set: {', '.join(DATASETS)}.",
    )


def availability(name: str, where: Where) -> Availability:
    """Whether `name` is here, without reading it or importing torch.

    Raises UnknownName or DataError.
    """
    if check_data_name(name) not in DATASETS:
        return Availability("ready", 0, Path(name).expanduser())
    declared = DATASETS.declared[name]
    if not declared.facts["size"]:
        return Availability("built-in", 0, None)
    path = import_module(declared.module).find(where)
    if path is None:
        return Availability("to download", declared.facts["size"], None)
    return Availability("ready", 0, path)


def is_table(name: str) -> bool:
    """Whether `name` can only mean a table, whether it is there or not."""
    return name not in DATASETS and name.lower().endswith(TABLES) and not _is(Path.is_dir, name)


def check_images(name: str) -> str:
    """`name` itself, if it means images. Raises DataError."""
    if is_table(name):
        raise DataError(f"{name} is a table, and this is for images.", "Choose a data set.")
    return name


def _is(kind: Callable[[Path], bool], name: str) -> bool:
    try:
        return bool(name) and kind(Path(name).expanduser())
    except (OSError, RuntimeError):  # an absurdly long name; the home of an unknown user
        return False
