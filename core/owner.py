"""Which process works on a run, told apart from any other one on any machine, for all time.

A process id alone says little: it is used again, soon after a reboot, and on another machine it
means another process.
"""

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Self

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SAME_BEGIN = 2.0  # seconds; psutil's figure moves with the clock where there is no /proc


@dataclass(frozen=True)
class Owner:
    """A process, as it is named in run.json and in a run's lock."""

    host: str
    pid: int
    process_began: float  # seconds since the machine started; without /proc, Unix time
    user: str
    boot_id: str | None = None  # new with every start of the machine; None: it does not tell

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The owner that `facts`, such as run.json, name among other things.

        Raises KeyError or TypeError where they name none.
        """
        owner = cls(**{f.name: facts[f.name] for f in fields(cls)})
        if type(owner.pid) is not int or not isinstance(owner.process_began, int | float):
            raise TypeError(f"no process: {owner}")
        return owner

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"


def this_process() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    return Owner(socket.gethostname(), pid, _began(pid) or 0.0, _user(), boot_id())


def boot_id() -> str | None:
    """What the system calls the time since its last start, where it has a word for it."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None


def is_here(owner: Owner) -> bool:
    """Whether the owner's machine is this one, so that its processes can be seen from here."""
    return owner.host == socket.gethostname()


def restarted_since(owner: Owner) -> bool:
    """Whether this machine, the owner's, has been started anew since then."""
    return owner.boot_id != boot_id()


def lives(owner: Owner) -> bool | None:
    """Whether the process still runs. None: that can only be seen on its own machine."""
    if not is_here(owner):
        return None
    if restarted_since(owner):
        return False
    began = _began(owner.pid)
    return began is not None and abs(began - owner.process_began) < SAME_BEGIN


def _began(pid: int) -> float | None:
    """When the process with this id began; None if there is none.

    Not psutil's create_time where /proc tells: that is a time of day, which a corrected clock
    moves, and a live run would be called crashed.
    """
    try:
        # The name of the program, in parentheses, may hold anything; the 22nd field counts.
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        state, ticks = after_name[0], int(after_name[19])
        return None if state == "Z" else ticks / os.sysconf("SC_CLK_TCK")
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


@cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return str(os.getuid())
