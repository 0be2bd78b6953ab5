"""Files and folders that are there, whole, after the power has failed.

A write is on the disk after fsync of the file; that a file has been made, renamed or removed, after
fsync of its folder. Everything here raises OSError.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from core.permissions import open_private


def write_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """A file with this content, on the disk when this returns; its name may not be yet."""
    with open_private(path, "wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace the file at `path`, as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    write_file(temporary, content)
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until what was made, renamed and removed in `path` is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
