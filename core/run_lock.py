"""One process at a time on one run.

The file `lock` in the run folder is locked with flock, which ends with the process however that
ends. It also names its holder, for whoever is refused and for other machines, where flock may not
be seen; there its age tells whether the holder is alive: it is touched every few seconds.
"""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from core.errors import RunError
from core.owner import Owner, boot_id, is_here, lives, this_process
from core.permissions import file_mode

LOCK = "lock"
BEAT_SECONDS = 10.0  # between two signs of life
SILENT_SECONDS = 60.0  # without one: clocks of two machines differ, and file systems are late
STOPPED_SECONDS = 30.0  # without one, of a process on this machine
NAMING_SECONDS = 1.0  # that a new holder is given to write its name
# What file systems without locks answer: NFS without its lock service, some FUSE and Lustre mounts.
NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


@contextmanager
def hold(run: Path, *, force: bool = False) -> Iterator[str | None]:
    """Keep every other process off the run in the folder `run` while the context lasts.

    Gives None, or a line of warning where the file system has no locks. The lock of a dead process
    is taken over without a word if it was one of this machine; that of another machine only with
    `force`, for its process cannot be seen from here.

    Raises RunError naming host, process and user of whoever has it.
    """
    lock = run / LOCK
    file, warning = _acquire(run, force)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(lock, stop), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield warning
    finally:
        stop.set()
        # The file stays: whoever opened it a moment ago would lock one that nobody else sees.
        with suppress(OSError):  # the folder is gone, or full: flock ends all the same
            os.ftruncate(file, 0)
        os.close(file)


def holder(run: Path) -> Owner | None:
    """Who has the run, as far as its lock tells: None if nobody, or if that cannot be read.

    Somebody who ended without a word is still named here.
    """
    try:
        with open(f"{run}/{LOCK}", "rb") as file:  # noqa: PTH123 (a Path costs as much again)
            return Owner.from_facts(json.loads(file.read()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def silence(run: Path) -> str | None:
    """How long there has been no sign of life, in words; None if that is not known or not long."""
    try:
        seconds = time.time() - (run / LOCK).stat().st_mtime
    except OSError:
        return None
    if seconds <= SILENT_SECONDS:  # below zero too: a clock was set back, and nothing is proven
        return None
    hours, minutes = divmod(int(seconds) // 60, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} m" if hours else f"{minutes} m"


def stopped_since(run: Path) -> float | None:
    """When a process of this machine that has the run gave its last sign of life, in Unix seconds;
    None if that is not long ago. It may be stopped, or swapped out."""
    try:
        last = (run / LOCK).stat().st_mtime
    except OSError:
        return None
    return last if time.time() - last > STOPPED_SECONDS else None


def _acquire(run: Path, force: bool) -> tuple[int, str | None]:
    """The locked file, with this process' name in it, and a warning if the lock is a weak one."""
    try:
        file, warning = _lock(run, force)
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(asdict(this_process())).encode(), 0)
    except OSError as error:
        raise RunError(
            f"{run / LOCK} cannot be written: {error.strerror}.",
            "Free space or mend the permissions of the run folder.",
        ) from None
    return file, warning


def _lock(run: Path, force: bool) -> tuple[int, str | None]:
    """Raises RunError if somebody has the lock, OSError if it cannot be made."""
    # Whom the folder lets read, the lock tells who works on the run.
    file = os.open(run / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    warning = None
    try:
        with suppress(PermissionError):  # of somebody else's lock, which flock will tell about
            os.fchmod(file, file_mode(run))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _refuse_or_force(run, _named_holder(run), force)
            (run / LOCK).unlink()  # a new file, for the old one stays locked
            os.close(file)
            return _lock(run, force=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            warning = (
                f"the file system of {run} has no locks: take care that no other process resumes "
                "this run at the same time"
            )
            if (named := holder(run)) and lives(named):
                _refuse(run, named)
        # A container's process has another host name, but the same kernel, whose flock it let go.
        if (named := holder(run)) and lives(named) is None and named.boot_id != boot_id():
            _refuse_or_force(run, named, force)
    except BaseException:
        os.close(file)
        raise
    return file, warning


def _refuse_or_force(run: Path, named: Owner | None, force: bool) -> None:
    """Raise RunError, but not if `named` is of another machine and that is forced."""
    if not force or named is None or is_here(named):
        _refuse(run, named)


def _refuse(run: Path, named: Owner | None) -> None:
    who = str(named) if named else "another process, which has not told its name"
    fix = "Wait for it, or stop it first; `nnlab runs` shows what it does."
    if named and not is_here(named):
        who += f", silent for {silent}" if (silent := silence(run)) else ""
        fix = (
            "It cannot be seen from here whether that process lives. If it is gone for good: "
            f"nnlab resume {run.name} --force"
        )
    raise RunError(f"{run.name} is in use by {who}.", fix)


def _named_holder(run: Path) -> Owner | None:
    """Who holds the lock just now. It writes its name after locking, so that a name of somebody
    who is gone is looked at again."""
    deadline = time.monotonic() + NAMING_SECONDS
    while True:
        named = holder(run)
        if (named and lives(named) is not False) or time.monotonic() > deadline:
            return named
        time.sleep(0.01)


def _beat(lock: Path, stop: threading.Event) -> None:
    """Touch the lock again and again. A thread of its own: a network file system that stands still
    must not hold up the training."""
    while not stop.wait(BEAT_SECONDS):
        with suppress(OSError):  # not written is not heard: that is what readers go by
            os.utime(lock)
