"""Runs that were deleted: moved to .trash in the folder of runs, until it is emptied.

A deleted run is .trash/<when>~<name>, whole and unchanged, so that undoing is moving it back.
"""

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError
from core.runs import ACTIVE, read_info

TRASH = ".trash"


@dataclass(frozen=True)
class Deleted:
    """A run in the trash."""

    name: str  # that it had
    path: Path
    when: float  # Unix seconds


def delete_run(run: Path, when: int | None = None) -> Deleted:
    """Move the run in the folder `run` to the trash. Raises RunError if it is in progress.

    `when` in Unix nanoseconds is the same for runs that are deleted together; default: now.
    """
    state = read_info(run).state
    if state in ACTIVE:
        raise RunError(f"{run.name} cannot be deleted: it is {state}.", "Stop it first.")
    when = when or time.time_ns()
    path = run.parent / TRASH / f"{when}~{run.name}"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        run.rename(path)
    except OSError as error:
        raise RunError(
            f"{run.name} cannot be deleted: {error.strerror}.", f"Mend the rights of {run.parent}."
        ) from None
    return Deleted(run.name, path, when / 1e9)


def list_trash(runs_dir: Path) -> list[Deleted]:
    """The deleted runs, the last one first. Raises RunError if the folder cannot be read."""
    found = []
    try:
        paths = list((runs_dir / TRASH).glob("*~*"))
    except OSError as error:
        raise RunError(
            f"The trash in {runs_dir} cannot be read: {error.strerror}.",
            "Choose another --runs-dir.",
        ) from None
    for path in paths:
        when, _, name = path.name.partition("~")
        if when.isdecimal() and name:
            found.append(Deleted(name, path, int(when) / 1e9))
    return sorted(found, key=lambda run: run.when, reverse=True)


def last_deleted(runs_dir: Path) -> list[Deleted]:
    """The runs that were deleted last, together."""
    found = list_trash(runs_dir)
    return [run for run in found if run.when == found[0].when]


def restore_run(run: Deleted) -> Path:
    """Move `run` back to where it was, and return that. Raises RunError if its name is taken."""
    path = run.path.parent.parent / run.name
    if path.exists():  # a rename would replace an empty folder
        raise RunError(
            f"There is another run called {run.name!r} now.", "Rename its folder, then try again."
        )
    try:
        run.path.rename(path)
    except OSError as error:
        raise RunError(
            f"{run.name} cannot be brought back: {error.strerror}.", f"Look into {run.path.parent}."
        ) from None
    return path


def empty_trash(runs: Iterable[Deleted]) -> int:
    """Delete `runs` for good and return their bytes. Raises RunError if one cannot be."""
    freed = 0
    for run in runs:
        try:
            freed += sum(file.lstat().st_size for file in run.path.rglob("*"))
            shutil.rmtree(run.path)
        except OSError as error:
            raise RunError(
                f"{os.fspath(run.path)} cannot be deleted: {error.strerror}.",
                "Mend its rights, then try again.",
            ) from None
    return freed
