"""Pixels of a folder's images, kept after the first time: decoding is slow, reading bytes is not.

A cache is `pixels.bin` (uint8, N x C x H x W) and `manifest.json`, which says of what files it was
made (name, size and time of each) and the SHA-256 of the pixels. It is used only while all of that
holds.
"""

import hashlib
import json
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from core.datasets.atomic import write_whole
from core.datasets.decode import Decoded, check_memory, decode
from core.datasets.lock import acquire
from core.events import Notice, Progress
from core.permissions import PRIVATE

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1  # to be raised when the same files would give other pixels


@dataclass(frozen=True)
class ImageFile:
    """One image, as the file system knows it: what the cache is known by."""

    path: str  # below the data set's folder
    label: int
    size: int  # bytes
    modified_ns: int


def cached_pixels(
    folder: Path, files: Sequence[ImageFile], cache: Path
) -> Generator[Progress | Notice, None, "np.ndarray"]:
    """The pixels of `files` below `folder`, decoded once and then read from a folder in `cache`.

    Where the cache cannot be written, the images are decoded all the same, and a Notice says so.
    Raises DataError as `decode` does.
    """
    place = cache / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    try:
        cache.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        place.mkdir(mode=PRIVATE, exist_ok=True)  # the images may be nobody else's business
        lock = FileLock(place / ".lock", mode=PRIVATE & 0o666, thread_local=False)
        yield from acquire(
            lock,
            f"Another process is decoding the images in {folder}: waiting.",
            lambda: Progress("waiting for another process", 0, len(files), "images"),
        )
    except OSError as error:
        yield Notice(f"No cache for decoded images at {place}: {error.strerror or error}.")
        decoded = yield from _decode(folder, files)
    else:
        try:
            decoded = yield from _read_or_decode(folder, files, place)
        finally:
            lock.release()
    for notice in decoded.notices:
        yield Notice(notice)
    return decoded.pixels


def _read_or_decode(
    folder: Path, files: Sequence[ImageFile], place: Path
) -> Generator[Progress | Notice, None, Decoded]:
    sources = hashlib.sha256(
        json.dumps([(f.path, f.size, f.modified_ns) for f in files]).encode()
    ).hexdigest()
    if (place / "manifest.json").exists():
        found = _read(folder, place, sources)
        if isinstance(found, Decoded):
            return found
        yield Notice(f"The images in {folder} are decoded again: {found}.")
    decoded = yield from _decode(folder, files)
    content = decoded.pixels.data.cast("B")
    manifest = {
        "format": FORMAT,
        "folder": str(folder.resolve()),
        "sources": sources,
        "shape": decoded.pixels.shape,
        "sha256": hashlib.sha256(content).hexdigest(),
        "notices": decoded.notices,
    }
    try:
        write_whole(place / "pixels.bin", content)
        write_whole(place / "manifest.json", json.dumps(manifest, indent=1).encode())
    except OSError as error:
        yield Notice(f"The decoded images could not be kept in {place}: {error.strerror}.")
    return decoded


def _decode(folder: Path, files: Sequence[ImageFile]) -> Generator[Progress, None, Decoded]:
    return (yield from decode(folder, [f.path for f in files]))


def _read(folder: Path, place: Path, sources: str) -> Decoded | str:
    """What the cache holds, or in words why it cannot be used."""
    import numpy as np

    try:
        manifest = json.loads((place / "manifest.json").read_bytes())
        if manifest["format"] != FORMAT:
            return "the cache was written by another version of nnlab"
        if manifest["sources"] != sources:
            return "files in it have changed"
        count, channels, height, width = manifest["shape"]
        shape = (count, channels, height, width)
        if (place / "pixels.bin").stat().st_size != math.prod(shape):
            return "the cache is damaged"
        check_memory(folder, shape)
        pixels = np.fromfile(place / "pixels.bin", np.uint8).reshape(shape)
        if hashlib.sha256(pixels.data.cast("B")).hexdigest() != manifest["sha256"]:
            return "the cache is damaged"
        return Decoded(pixels, tuple(map(str, manifest["notices"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"the cache cannot be read ({type(error).__name__})"
