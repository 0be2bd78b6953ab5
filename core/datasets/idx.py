"""The IDX format of MNIST and its relatives, and data sets of four such files.

A file is 0, 0, 8 (unsigned bytes), the number of dimensions, each dimension as a big-endian 32-bit
number, and the bytes: http://yann.lecun.com/exdb/mnist. Nothing in it is believed: its size is
bounded before it is read, and what it holds has to have the SHA-256 that is known.
"""

import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.datasets import Dataset, Loading, Where
from core.datasets.download import RemoteFile, download
from core.datasets.locate import download_folder, find_folder
from core.errors import DataError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class IdxFile(RemoteFile):
    """One published file, and what it has to hold."""

    shape: tuple[int, ...]
    # Of what is inside: the same digits are about in several packings (Debian's has no file name in
    # its gzip header) and unpacked, as torchvision leaves them.
    content_sha256: str


@dataclass(frozen=True)
class IdxDataset:
    """A data set of images and labels, for training and test."""

    name: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]  # where copies lie, below a data directory; the first is torchvision's
    mirrors: tuple[str, ...]  # addresses of folders
    train: tuple[IdxFile, IdxFile]  # images, labels
    test: tuple[IdxFile, IdxFile]

    @property
    def files(self) -> tuple[IdxFile, ...]:
        return self.train + self.test

    def find(self, where: Where) -> Path | None:
        """The folder that holds all four files, packed or not."""
        return find_folder(
            where,
            self.folders,
            lambda folder: all(local_copy(folder, f.name) for f in self.files),
        )


def load_idx_dataset(dataset: IdxDataset, where: Where) -> Loading:
    """Find, or else download, and read a data set of four IDX files. Raises DataError."""
    folder = dataset.find(where)
    if folder is None:
        folder = download_folder(where, dataset.folders[0])
        for file in dataset.files:
            if local_copy(folder, file.name) is None:
                yield from download(file, folder, dataset.mirrors)
    return read_idx_dataset(dataset, folder, "Delete it: the next start fetches it anew.")


def read_idx_dataset(dataset: IdxDataset, folder: Path, advice: str) -> Dataset:
    """The data set from the four files in `folder`. Raises DataError, with `advice`."""
    from core.datasets.checked import checked_dataset

    def read(file: IdxFile) -> "np.ndarray":
        path = local_copy(folder, file.name) or folder / file.name
        return read_idx(path, file.shape, file.content_sha256, advice)

    (train_images, train_labels), (test_images, test_labels) = (
        (read(images), read(labels)) for images, labels in (dataset.train, dataset.test)
    )
    return checked_dataset(
        dataset.name,
        dataset.classes,
        (train_images[:, None], train_labels),  # (N, H, W) -> (N, 1, H, W)
        (test_images[:, None], test_labels),
    )


def local_copy(folder: Path, name: str) -> Path | None:
    """The file `name` (ends in .gz) in `folder`, unpacked or as it is; None if there is neither."""
    # Unpacked first: it is read in a tenth of the time.
    for path in (folder / name.removesuffix(".gz"), folder / name):
        if path.is_file():
            return path
    return None


def read_idx(path: Path, shape: tuple[int, ...], sha256: str, advice: str) -> "np.ndarray":
    """The uint8 array in an IDX file, unpacked if its name ends in .gz.

    Raises DataError, naming the file and giving `advice`, unless the file holds exactly an array
    of `shape` whose content, header and all, has the given SHA-256.
    """
    import numpy as np

    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    size = len(header) + math.prod(shape)
    try:
        content = _read(path, size)
        if content[:4] != header[:4]:
            raise ValueError(f"begins with {content[:4].hex(' ')}, not {header[:4].hex(' ')}")
        found = tuple(int(n) for n in np.frombuffer(content[4 : len(header)], ">u4"))
        if len(found) == len(shape) and found != shape:
            raise ValueError(f"says that it holds {_times(found)}, not {_times(shape)}")
        if len(content) != size:
            kind = "is cut short" if len(content) < size else "is too long"
            raise ValueError(f"{kind}: {_times(shape)} need {size:,} bytes")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("does not hold what was published (its SHA-256 is another one)")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", advice) from None
    except ValueError as error:
        raise DataError(f"{path} is damaged or another file: it {error}.", advice) from None
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def _read(path: Path, size: int) -> bytes:
    """At most `size` + 1 bytes of what the file holds, however much it would unpack to."""
    with path.open("rb") as file:
        if path.suffix != ".gz":
            return file.read(size + 1)
        # What cannot be packed grows by less than a thousandth.
        packed = file.read(size + size // 1000 + 1024)
    if packed[:2] != b"\x1f\x8b":
        raise ValueError("is not a gzip file")
    unpacker = zlib.decompressobj(wbits=31)  # 31: with a gzip header
    try:
        content = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"cannot be unpacked ({error})") from None
    if len(content) <= size and not unpacker.eof:
        raise ValueError("is cut short: the gzip stream has no end")
    return content


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(f"{n:,}" for n in shape) + " bytes"
