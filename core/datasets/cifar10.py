"""CIFAR-10: 32x32 colour images of animals and vehicles, in the "python version" of its authors.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
https://www.cs.toronto.edu/~kriz/cifar.html. Its files are Python 2 pickles, and unpickling runs
code: so each file has to have the published MD5 first, and is then read without any code of its
choosing.
"""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.datasets import DATASETS, Loading, Where
from core.datasets.atomic import write_whole
from core.datasets.download import RemoteFile, download
from core.datasets.locate import download_folder, find_folder
from core.errors import DataError
from core.events import Notice, Progress

if TYPE_CHECKING:
    import numpy as np

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
FOLDER = "cifar-10-batches-py"  # torchvision's
SHAPE = (3, 32, 32)
LARGEST_FILE = 32_000_000  # bytes; the batches have 31 million


@dataclass(frozen=True)
class CifarFiles:
    """The published files, each with its MD5."""

    archive: RemoteFile
    mirrors: tuple[str, ...]
    train: Mapping[str, str]
    test: Mapping[str, str]
    images_per_file: int

    @property
    def md5s(self) -> Mapping[str, str]:
        return {**self.train, **self.test}


PUBLISHED = CifarFiles(
    RemoteFile("cifar-10-python.tar.gz", size=170_498_071, md5="c58f30108f718f92721af3b95e74349a"),
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    images_per_file=10_000,
)


@DATASETS.register(size=170_498_071, channels=3, classes=10, side=32, train=50_000, test=10_000)
def cifar10(where: Where) -> Loading:
    """Animals and vehicles, 50,000 + 10,000 of 32x32, colour."""
    return (yield from load_cifar10(where, PUBLISHED))


def find(where: Where, files: CifarFiles = PUBLISHED) -> Path | None:
    """The folder with all batches or, failing that, the archive."""
    folder = find_folder(where, [FOLDER], lambda f: all((f / n).is_file() for n in files.md5s))
    if folder is not None:
        return folder
    above = find_folder(where, ["."], lambda f: (f / files.archive.name).is_file())
    return above / files.archive.name if above else None


def load_cifar10(where: Where, files: CifarFiles) -> Loading:
    """Find, or else download and unpack, and read. Raises DataError."""
    from core.datasets.checked import checked_dataset

    path = find(where, files)
    if path is None:
        place = download_folder(where, ".")
        yield from download(files.archive, place, files.mirrors)
        path = place / files.archive.name
    if path.is_file():
        path = yield from _unpack(path, files)
    train, test = (
        _join([_read_batch(path / name, md5, files.images_per_file) for name, md5 in part.items()])
        for part in (files.train, files.test)
    )
    return checked_dataset("cifar10", CLASSES, train, test)


def _unpack(archive: Path, files: CifarFiles) -> Generator[Progress | Notice, None, Path]:
    """Unpack the batches beside the archive, where torchvision does. Returns their folder."""
    advice = f"Delete it: the next start fetches it anew ({files.archive.size:,} bytes)."
    folder = archive.parent / FOLDER
    doing = f"unpacking {archive.name}"
    try:
        with archive.open("rb") as file:
            # Before a byte of it is interpreted: after this, nothing in it can surprise.
            if hashlib.file_digest(file, "md5").hexdigest() != files.archive.md5:
                raise DataError(f"{archive} is not the published file: its MD5 differs.", advice)
            file.seek(0)
            # As a stream, because the batches lie in it in no order and gzip cannot go back.
            with tarfile.open(fileobj=file, mode="r|gz") as tar:
                folder.mkdir(exist_ok=True)
                for member in tar:
                    name = member.name.removeprefix(f"{FOLDER}/")
                    content = tar.extractfile(member) if member.isreg() else None
                    if name in files.md5s and content:
                        yield Progress(doing, file.tell(), files.archive.size, "bytes")
                        write_whole(folder / name, content.read(LARGEST_FILE))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}.", advice) from None
    except OSError as error:
        raise DataError(
            f"{archive} cannot be unpacked to {folder}: {error.strerror or error}.",
            "Copy it to a folder that can be written and name that with --data-dir.",
        ) from None
    yield Progress(doing, files.archive.size, files.archive.size, "bytes")
    return folder


class _StandIn:
    """Takes the place of numpy's classes in a batch: keeps what it is given, and runs nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _BatchUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }:
            return _StandIn
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _read_batch(path: Path, md5: str, count: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Pixels (count, 3, 32, 32), uint8, and labels (count,). Raises DataError."""
    import numpy as np

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", "Check its permissions."
        ) from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is damaged or another file: its MD5 differs from the published one.",
            f"Delete {path.parent}: the next start unpacks or fetches it anew.",
        )
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        _version, shape, dtype, fortran_order, pixels = batch[b"data"].state
        kind = dtype.args[0]
        labels = np.array(batch[b"labels"], np.int64)
        if shape != (count, 3072) or kind not in (b"u1", "u1"):
            raise ValueError(f"its data is {shape} of {kind!r}, not ({count}, 3072) of bytes")
        if labels.shape != (count,):
            raise ValueError(f"it has {labels.shape} labels for {count} images")
        rows = np.frombuffer(pixels, np.uint8).reshape(shape, order="F" if fortran_order else "C")
        return rows.reshape(count, *SHAPE), labels
    except (pickle.UnpicklingError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no batch of CIFAR-10: {error}.", "Fetch it again.") from None


def _join(
    batches: list[tuple["np.ndarray", "np.ndarray"]],
) -> tuple["np.ndarray", "np.ndarray"]:
    import numpy as np

    pixels, labels = zip(*batches, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)
