"""Waiting for a folder that cannot be written now: a full disk, a quota, a server that is away.

Hours of training should not be lost to a disk that is full for a minute. So the run stands still,
says what it waits for, and goes on by itself once there is room.
"""

import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TypeVar

from core.control import Control
from core.errors import RunError
from core.events import Waiting

RETRY_SECONDS = 3.0
PATIENCE_SECONDS = 3600.0

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Who may end a wait, and what has to stand still meanwhile."""

    control: Control
    stopping: Callable[[], bool] = lambda: False  # whether a request to stop was taken already
    standing_still: Callable[[], AbstractContextManager] = nullcontext  # holds a stopwatch


def until_written(
    write: Callable[[], T], what: str, place: Path, size: int, patience: Patience
) -> Generator[Waiting, None, T]:
    """What `write()` returns, trying again every few seconds while it raises OSError.

    `what` (such as "the checkpoint of step 500"), `place` and `size` (bytes) are told to the user.
    Yields a Waiting for each new kind of problem, and one without a problem at the end.

    Raises RunError after an hour, or at once when the run is asked to stop.
    """
    known: int | None = None  # the error number that was told
    until = monotonic() + PATIENCE_SECONDS
    with patience.standing_still():
        while True:
            try:
                written = write()
            except OSError as error:
                problem = _explain(error, what, place, size)
                if patience.stopping() or patience.control.wants("stop") or monotonic() > until:
                    raise _give_up(problem) from error
                if error.errno != known:
                    known = error.errno
                    yield Waiting(f"{problem} Training waits and tries again by itself.")
                patience.control.wait(RETRY_SECONDS)
            else:
                if known is not None:
                    yield Waiting("")
                return written


def _give_up(problem: str) -> RunError:
    return RunError(
        problem,
        "Free space or mend the folder, then continue with `nnlab resume`: what was written before "
        "is whole.",
    )


def _explain(error: OSError, what: str, place: Path, size: int) -> str:
    try:
        free = f", {_size(shutil.disk_usage(place).free)} free"
    except OSError:  # the folder is gone
        free = ""
    reason = error.strerror or type(error).__name__
    return f"{what} cannot be written to {place}: {reason} ({_size(size)} needed{free})."


def _size(number: int) -> str:
    units = ("bytes", 1), ("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)
    name, unit = next((u for u in reversed(units) if number >= u[1]), units[0])
    return f"{number / unit:.{0 if unit == 1 else 1}f} {name}"
