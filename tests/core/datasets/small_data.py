"""Small data for the tests of the data sets, and a web server that can misbehave."""

import hashlib
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.datasets import Dataset
from core.datasets.download import RemoteFile
from core.events import Notice, Progress


def finish(loading: Generator[Any, None, Any]) -> tuple[Any, list[Progress | Notice]]:
    """The result of a loading generator, and all that it said on the way."""
    said = []
    while True:
        try:
            said.append(next(loading))
        except StopIteration as end:
            return end.value, said


def notices(said: list[Progress | Notice]) -> list[str]:
    return [s.text for s in said if isinstance(s, Notice)]


def load_now(loading: Generator[Any, None, Dataset]) -> Dataset:
    return finish(loading)[0]


def idx_bytes(array: np.ndarray) -> bytes:
    """`array` (uint8) in the IDX format, not packed."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def remote(name: str, content: bytes) -> RemoteFile:
    return RemoteFile(name, len(content), hashlib.md5(content).hexdigest())


@dataclass
class Mirror:
    """A web server on this machine that can misbehave in the ways servers do."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)  # path -> address to go to instead
    ranges: list[str | None] = field(default_factory=list)  # the Range header of each request
    knows_ranges: bool = True
    breaks_after: list[int | None] = field(default_factory=list)  # bytes, for one request each
    silent: threading.Event | None = None  # answers only when it is set
    declares_length: bool = True


def save_image(
    path: Path, size: tuple[int, int] = (12, 8), seed: int = 0, mode: str = "RGB"
) -> None:
    """A noisy image, of (width, height) `size`, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    shape = (height, width) if mode == "L" else (height, width, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
