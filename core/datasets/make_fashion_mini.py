"""Makes `fashion_mini/`: the first images of each class of Fashion-MNIST, in the files' order.

    python -m core.datasets.make_fashion_mini path/to/FashionMNIST/raw

The same source and the same zlib give the same bytes. The sums printed are those that
fashion_mnist.py has to know.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

from core.datasets.fashion_mnist import MINI, MINI_FOLDER, WHOLE
from core.datasets.idx import IdxFile, read_idx


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Positions of the first `per_class` labels of each class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in range(10)]))


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write `array` (uint8) as a gzip IDX file, printing its sums."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + array.tobytes()
    packed = gzip.compress(content, 9, mtime=0)  # no time stamp: made again, it is the same
    path.write_bytes(packed)
    print(f"{path.name}  size={len(packed)}  md5={hashlib.md5(packed).hexdigest()}")
    print(f"    content_sha256={hashlib.sha256(content).hexdigest()}")


def make(source: Path, target: Path) -> None:
    """Write the four files into `target` from the complete ones in `source`."""

    def read(file: IdxFile) -> np.ndarray:
        return read_idx(source / file.name, file.shape, file.content_sha256, "Fetch it again.")

    for whole, mini in ((WHOLE.train, MINI.train), (WHOLE.test, MINI.test)):
        images, labels = (read(file) for file in whole)
        chosen = first_of_each_class(labels, per_class=mini[1].shape[0] // 10)
        write_idx(target / mini[0].name, images[chosen])
        write_idx(target / mini[1].name, labels[chosen])


if __name__ == "__main__":
    make(Path(sys.argv[1]), MINI_FOLDER)
