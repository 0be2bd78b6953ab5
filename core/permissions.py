"""Who may read and write what nnlab keeps.

The mode of a run's folder is the one setting: 0700, or 0750 for a run whose group may look at it.
Every file and folder below it follows, whatever the umask. What is in a folder of somebody else's,
or of one that anybody can write to, may be looked at but not used: a run names the file of its
network, and loading that runs the code in it.
"""

import os
import pwd
import stat
from pathlib import Path
from typing import IO, Any

from core.errors import RunError

PRIVATE, SHARED = 0o700, 0o750  # folders; files have the same without the right to enter


def make_folder(path: Path, *, share: bool = False) -> None:
    """A new folder for its owner alone or, to `share`, for the group to read. Raises OSError."""
    path.mkdir(mode=PRIVATE)
    _set_mode(path, SHARED if share else PRIVATE)  # the umask had its say in mkdir


def make_folder_below(path: Path) -> None:
    """The folder `path`, if it is not there yet, with the mode of the one that it is in.

    Raises OSError.
    """
    try:
        make_folder(path, share=_is_shared(path.parent))
    except FileExistsError:
        if not path.is_dir():
            raise


def open_private(path: Path, mode: str, **options: Any) -> IO[Any]:
    """Open a file for writing, for those to read who may read the folder that it is in.

    A symbolic link in its place is not followed. Raises OSError.
    """
    flags = {"w": os.O_TRUNC, "a": os.O_APPEND, "x": os.O_EXCL}[mode[0]]
    handle = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, PRIVATE & 0o666
    )
    try:
        os.fchmod(handle, file_mode(path.parent))
        return os.fdopen(handle, mode, **options)
    except BaseException:
        os.close(handle)
        raise


def file_mode(folder: Path) -> int:
    """What the mode of a file in `folder` is to be. Raises OSError."""
    return (SHARED if _is_shared(folder) else PRIVATE) & 0o666


def share_folder(path: Path) -> None:
    """Let the group read the folder `path` and all that is in it. Raises OSError."""
    for folder, _, files in os.walk(path):
        _set_mode(Path(folder), SHARED)
        for name in files:
            if not Path(folder, name).is_symlink():
                Path(folder, name).chmod(SHARED & 0o666)


def check_own(run: Path) -> None:
    """Raises RunError if the folder `run` is somebody else's, or if anybody can write to it."""
    for folder in (run, run / "checkpoints", run / "control"):
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RunError(
                f"{folder} cannot be read: {error.strerror}.", "Ask its owner."
            ) from None
        if found.st_uid != os.geteuid():
            raise RunError(
                f"{folder} belongs to {user_name(found.st_uid)}, not to you.",
                f"Look at it with `nnlab show`; to use it, copy it: cp -r {run} and a folder of "
                "your own.",
            )
        if found.st_mode & stat.S_IWOTH:
            raise RunError(
                f"Anybody can write to {folder}: what is in it may not be yours.",
                f"If you trust it all the same: chmod -R go-w {run}",
            )


def user_name(uid: int) -> str:
    """The name of a user, or "user 1000" for one that this machine does not know."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _set_mode(folder: Path, mode: int) -> None:
    # The set-group bit of a group's folder stays: what is made in it belongs to the group.
    folder.chmod(mode | folder.stat().st_mode & stat.S_ISGID)


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IRGRP)
