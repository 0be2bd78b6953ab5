"""Writing a file so that nobody ever sees half of it."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Replace the file at `path`, at once and as a whole.

    For files whose content is known by a checksum when they are read: so a power cut soon after
    may cost the file, and nothing waits for the disk here. Raises OSError, leaving nothing behind.
    """
    # A name of its own for each writer, in the same folder: a rename works only on one file system.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
