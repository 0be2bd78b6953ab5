"""From image files to one uint8 array, in threads."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import DataError
from core.events import Progress

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

THREADS = min(8, os.cpu_count() or 1)
# Pixels of an image from which on threads decode faster: below, they mostly wait for each other
# in Python's own part of the work (32x32 JPEGs took 1.5 times as long with two as with one).
WORTH_THREADS = 64 * 64
CHUNK = 64  # images that a thread takes at a time
LONGEST_SHORT_SIDE = 256  # pixels; networks take 224, and photos of 12 megapixels fill any memory
GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes
ORIENTATION = 0x0112  # EXIF tag; from 5 on, width and height change places


@dataclass(frozen=True)
class Decoded:
    """Images in memory, and what was done to them that their owner should know."""

    pixels: "np.ndarray"  # uint8, (N, C, H, W)
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """What an image file says of itself, turned upright."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True)
class Damage:
    """Why an image cannot be read."""

    path: str
    reason: str


def decode(folder: Path, paths: Sequence[str]) -> Generator[Progress, None, Decoded]:
    """Read the images at `paths` below `folder`; C = 1 if all of them are grey, else 3.

    H and W are those of most images, reduced to a short side of 256 if they are larger; the other
    images are resized to cover that and cut at the centre. Photos are turned upright.

    Raises DataError naming the files that cannot be read, or if memory does not suffice.
    """
    import numpy as np

    # From 90 megapixels on Pillow suspects a decompression bomb, but merely warns.
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    headers = yield from _in_threads(
        lambda p: _read_header(folder / p), paths, "looking at images", THREADS
    )
    channels = 1 if all(h.grey for h in headers) else 3
    counts = Counter((h.height, h.width) for h in headers)
    common = max(counts, key=lambda size: (counts[size], size))
    height, width = _reduced(*common)
    shape = (len(paths), channels, height, width)
    check_memory(folder, shape)
    pixels = np.empty(shape, np.uint8)
    rows = dict(zip(paths, pixels, strict=True))  # views

    def read(path: str) -> None:
        rows[path][:] = _read_pixels(folder / path, channels, height, width)

    threads = THREADS if common[0] * common[1] >= WORTH_THREADS else 1
    yield from _in_threads(read, paths, "decoding images", threads)
    return Decoded(pixels, _explain(counts, common, (height, width)))


def read_image(path: Path, shape: tuple[int, int, int] | None = None) -> "np.ndarray":
    """One image file as uint8 (C, H, W), treated as `decode` treats those of a data set.

    In `shape` if that is given; else grey or in colour as it is, in its own size, reduced to a
    short side of 256. Raises DataError.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
            if shape is None:
                header = _read_header(path)
                shape = (1 if header.grey else 3, *_reduced(header.height, header.width))
            return _read_pixels(path, *shape).copy()  # Pillow's own cannot be written to
    except Exception as error:  # of a damaged file, Pillow's decoders raise nearly everything
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        if isinstance(error, UnidentifiedImageError):
            why = "it is no image of a known format"
        raise DataError(
            f"The image {path} cannot be read: {why}.",
            "Give an image file, such as a PNG or a JPEG.",
        ) from None


def check_memory(folder: Path, shape: tuple[int, int, int, int]) -> None:
    """Raises DataError if an array of bytes of this shape does not fit into the free memory."""
    count, channels, height, width = shape
    needed, free = count * channels * height * width, psutil.virtual_memory().available
    if needed > free * 0.9:
        raise DataError(
            f"The {count:,} images in {folder} need {needed / 1e9:.1f} GB of memory as "
            f"{width}x{height} pixels; {free / 1e9:.1f} GB are free.",
            "Give fewer or smaller images.",
        )


def _reduced(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SHORT_SIDE / min(height, width))
    return round(height * scale), round(width * scale)


def _explain(
    counts: Counter[tuple[int, int]], common: tuple[int, int], chosen: tuple[int, int]
) -> tuple[str, ...]:
    before, after = (f"{width}x{height}" for height, width in (common, chosen))
    notices = []
    if other := counts.total() - counts[common]:
        notices.append(
            f"{other:,} of {counts.total():,} images are not {before} like most of them: they were "
            f"resized and cut at the centre to {after}."
        )
    if before != after:
        notices.append(f"Images of {before} pixels were reduced to {after}.")
    return tuple(notices)


def _in_threads(
    work: Callable[[str], T], paths: Sequence[str], doing: str, threads: int
) -> Generator[Progress, None, list[T]]:
    """`work` on every path, in order. Raises DataError naming those where it failed, and why."""

    def work_on(chunk: Sequence[str]) -> list[T | Damage]:
        return [_guarded(work, path) for path in chunk]

    results: list[T] = []
    damaged: list[Damage] = []
    with ThreadPoolExecutor(threads) as pool:
        chunks = [pool.submit(work_on, paths[i : i + CHUNK]) for i in range(0, len(paths), CHUNK)]
        try:
            for chunk in chunks:
                for result in chunk.result():
                    if isinstance(result, Damage):
                        damaged.append(result)
                    else:
                        results.append(result)
                yield Progress(doing, len(results) + len(damaged), len(paths), "images")
        finally:  # also when nobody wants the rest
            pool.shutdown(cancel_futures=True)
    if damaged:
        named = "; ".join(f"{d.path} ({d.reason})" for d in damaged[:5])
        more = f" and {len(damaged) - 5:,} more" if len(damaged) > 5 else ""
        raise DataError(
            f"{len(damaged):,} of {len(paths):,} images cannot be read: {named}{more}.",
            "Mend them or move them elsewhere.",
        )
    return results


def _guarded(work: Callable[[str], T], path: str) -> T | Damage:
    try:
        return work(path)
    except Exception as error:  # of a damaged file, Pillow's decoders raise nearly everything
        return Damage(path, f"{type(error).__name__}: {error}")


def _read_header(path: Path) -> Header:
    with Image.open(path) as image:
        width, height = image.size
        # Looked up only where there is any, because it doubles the time for a small image.
        if "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        return Header(height, width, image.mode in GREY)


def _read_pixels(path: Path, channels: int, height: int, width: int) -> "np.ndarray":
    """(C, H, W) of one image."""
    import numpy as np

    with Image.open(path) as opened:
        image: Image.Image = opened
        if "exif" in image.info:
            image = ImageOps.exif_transpose(image)
        image = _to_bytes(image).convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)


def _to_bytes(image: Image.Image) -> Image.Image:
    """The same image with 8 bits a channel. Pillow itself would clip 16 bits, to white mostly."""
    import numpy as np

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("its pixels are numbers of 32 bits, whose range is not known")
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA")
    return image
