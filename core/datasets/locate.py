"""Where data sets lie on this machine."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from core.datasets import Where
from core.errors import DataError

SYSTEM = Path("/usr/share/datasets")  # Debian's packages, such as dataset-fashion-mnist


def places(where: Where) -> tuple[Path, ...]:
    """The data directories to look in, in order; the first is the one to download to.

    Raises DataError for the home of a user who is not there.
    """
    if where.data_dir is not None:
        try:
            return (where.data_dir.expanduser(),)
        except RuntimeError:  # the home of an unknown user
            raise DataError(f"There is no folder {where.data_dir}.", "Check --data-dir.") from None
    return cache_folder("data"), SYSTEM


def cache_folder(name: str) -> Path:
    """A folder of nnlab's own in the platform's cache folder; not made yet."""
    return user_cache_path("nnlab", appauthor=False) / name


def find_folder(
    where: Where, folders: Sequence[str], is_complete: Callable[[Path], bool]
) -> Path | None:
    """The first of `folders`, below the first data directory, that has everything."""
    for place in places(where):
        for folder in folders:
            with suppress(OSError):  # it cannot be looked into, or its name is absurdly long
                if is_complete(place / folder):
                    return place / folder
    return None


def download_folder(where: Where, folder: str) -> Path:
    """Where to put files that were found nowhere."""
    return places(where)[0] / folder
