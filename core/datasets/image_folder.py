"""A user's own images: a folder with a sub-folder for each class.

flowers/train/rose/1.jpg    flowers/test/rose/9.jpg     (or val, valid, validation)
flowers/rose/1.jpg                                      (a fifth of each class is set apart)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from core.datasets import Loading, Where
from core.datasets.locate import cache_folder
from core.datasets.pixel_cache import ImageFile, cached_pixels
from core.datasets.split import split
from core.errors import DataError
from core.events import Notice

if TYPE_CHECKING:
    import numpy as np

KINDS = frozenset({"jpg", "jpeg", "png", "bmp", "gif", "webp", "ppm", "pgm"})
TEST_FOLDERS = ("test", "val", "valid", "validation")  # the first one that is there counts


@dataclass(frozen=True)
class FolderContents:
    """The images of a folder, class by class, each class in the order of the files' names."""

    classes: tuple[str, ...]
    train: tuple[ImageFile, ...]
    test: tuple[ImageFile, ...]  # empty: to be split off
    ignored: int  # files that are no images
    unused: tuple[str, ...]  # folders of a second test part


def load_folder(name: str, where: Where, cache: Path | None = None) -> Loading:
    """Read the images below the folder `name`, or their pixels from the cache. Raises DataError.

    Without a test part, `where.seed` decides which images are set apart: the same ones each time.
    """
    import numpy as np

    from core.datasets.checked import checked_dataset

    folder = Path(name).expanduser()
    contents = list_images(folder)
    if contents.ignored:
        yield Notice(f"Files in {name} that are no images, left out: {contents.ignored:,}.")
    if contents.unused:
        yield Notice(f"Not used: {', '.join(contents.unused)} in {name}.")
    files = contents.train + contents.test
    pixels = yield from cached_pixels(folder, files, cache or cache_folder("folders"))
    labels = np.array([f.label for f in files])
    if contents.test:
        count = len(contents.train)
        train, test = (pixels[:count], labels[:count]), (pixels[count:], labels[count:])
    else:
        train_at, test_at = split(labels, where.seed)
        test_pixels = pixels[test_at]
        train = _keep(pixels, train_at), labels[train_at]
        test = test_pixels, labels[test_at]
        yield Notice(
            f"{name} has no test folder: {len(test_at):,} of {len(files):,} images were set apart "
            f"for testing (seed {where.seed})."
        )
    return checked_dataset(name, contents.classes, train, test)


def _keep(pixels: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """The rows of `pixels` at `positions` (ascending), moved to its front: a copy of the training
    part might not fit into memory."""
    for start in range(0, len(positions), 1024):
        some = positions[start : start + 1024]
        pixels[start : start + len(some)] = pixels[some]
    return pixels[: len(positions)]


def list_images(folder: Path) -> FolderContents:
    """Find classes and images, opening none. Raises DataError for a folder of another shape."""
    parts = {entry.name.lower(): entry for entry in _folders(folder)}
    tests = [parts[n] for n in TEST_FOLDERS if n in parts]
    if "train" not in parts and tests:
        raise DataError(
            f"{folder} has a folder {tests[0].name!r} but none called 'train'.",
            "Name the training part 'train', or give the class folders alone.",
        )
    if "train" not in parts:
        classes, train, ignored = _list_classes(folder, folder)
        _check_all_present(folder, classes, train, least=2)
        return FolderContents(classes, train, (), ignored, ())
    classes, train, ignored = _list_classes(folder, parts["train"])
    _check_all_present(parts["train"], classes, train, least=1 if tests else 2)
    if not tests:
        return FolderContents(classes, train, (), ignored, ())
    test_classes, test, also_ignored = _list_classes(folder, tests[0])
    if test_classes != classes:
        lacking = [
            f"{c!r} is missing in {at.name}"
            for at, there in ((tests[0], test_classes), (parts["train"], classes))
            for c in sorted({*classes, *test_classes} - set(there))
        ]
        raise DataError(
            f"The parts of {folder} have different classes: {_some(lacking)}.",
            "Give both the same class folders.",
        )
    _check_all_present(tests[0], classes, test, least=1)
    unused = tuple(t.name for t in tests[1:])
    return FolderContents(classes, train, test, ignored + also_ignored, unused)


def _list_classes(folder: Path, part: Path) -> tuple[tuple[str, ...], tuple[ImageFile, ...], int]:
    """Class names, images and the number of other files of one part of `folder`."""
    images: list[ImageFile] = []
    ignored = 0
    class_folders = _folders(part)
    if len(class_folders) < 2:
        raise DataError(
            f"{part} has {len(class_folders) or 'no'} class folder{'s' * (not class_folders)}; "
            "two at least are needed to tell apart.",
            f"Sort the images into one folder for each class, such as {part / 'rose'}/1.jpg.",
        )
    for label, class_folder in enumerate(class_folders):
        for path, facts in _files(class_folder, str(class_folder.relative_to(folder)), ()):
            if path.rpartition(".")[2].lower() in KINDS:
                images.append(ImageFile(path, label, facts.st_size, facts.st_mtime_ns))
            else:
                ignored += 1
    return tuple(f.name for f in class_folders), tuple(images), ignored


def _folders(folder: Path) -> list[Path]:
    """The visible sub-folders in the order of their names."""
    return [Path(e.path) for e in _entries(folder) if S_ISDIR(_facts(e).st_mode)]


def _files(
    folder: Path, relative: str, above: tuple[str, ...]
) -> Iterator[tuple[str, os.stat_result]]:
    """All visible files below `folder` in order, each with its path from the data set's folder.

    `relative` is that of `folder`, and `above` are the real paths of the folders it was reached by.
    """
    here = os.path.realpath(folder)
    if here in above:
        raise DataError(f"{folder} is a link to a folder above it: it has no end.", "Remove it.")
    for entry in _entries(folder):
        path = f"{relative}/{entry.name}"
        facts = _facts(entry)
        if S_ISDIR(facts.st_mode):
            yield from _files(Path(entry.path), path, (*above, here))
        else:
            yield path, facts


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [e for e in entries if not e.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.", "Check the path.") from None
    return sorted(visible, key=lambda e: e.name)


def _facts(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat()
    except OSError as error:  # a link to nothing, or to itself
        raise DataError(f"{entry.path} cannot be read: {error.strerror}.", "Remove it.") from None


def _check_all_present(
    part: Path, classes: tuple[str, ...], images: tuple[ImageFile, ...], least: int
) -> None:
    counts = [0] * len(classes)
    for image in images:
        counts[image.label] += 1
    if lacking := [f"{c} ({n})" for c, n in zip(classes, counts, strict=True) if n < least]:
        raise DataError(
            f"In {part}, too few images of: {_some(lacking)}; each class needs {least}.",
            f"Add images ({', '.join(sorted(KINDS))}), or move these folders elsewhere.",
        )


def _some(things: list[str]) -> str:
    """The first five of them."""
    return ", ".join(things[:5]) + (f" and {len(things) - 5} more" if len(things) > 5 else "")
