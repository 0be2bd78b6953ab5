"""The line for this machine's devices: `nnlab train --queue` waits until one has nothing to do.

Every run of this user keeps a ticket while it lives, a small file in a folder of the user's: which
device it trains on, or which ones it would take. The CPU is one device, each GPU another. Tickets
are numbered, and whoever has waited longest goes first. One whose process is gone does not count,
however that ended; so nothing has to be tidied up after a crash.
"""

import json
import re
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from core.control import Control
from core.device import Device
from core.errors import RunError
from core.events import Queued
from core.owner import Owner, lives, this_process

POLL_SECONDS = 0.5
LOCK_SECONDS = 10.0  # others hold it for milliseconds
TICKET = re.compile(r"(\d{12})\.json")


@dataclass(frozen=True)
class Ticket:
    """What others know of a run's place."""

    run: str  # its name
    process: Owner
    accepts: tuple[str, ...]  # keys of the devices that it would take
    uses: str | None = None  # the one that it trains on


class Place:
    """This run's place in the line; given up at the end of the context."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._folder = tickets_folder()
        self._number: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._number is not None:
            with suppress(OSError):  # gone or not: the process that it names soon is
                self._path(self._number).unlink()

    def use(self, device: Device) -> None:
        """Train on `device` from now on, whoever else does. Raises OSError."""
        with self._locked():
            self._write((key(device),), key(device))

    def wait(
        self, devices: Sequence[Device], control: Control
    ) -> Generator[Queued, None, Device | None]:
        """The first of `devices` (best first) that no other run trains on or has waited for longer.

        Returns None when a stop is asked for meanwhile. Raises RunError if the line cannot be kept.
        """
        told: tuple[str, ...] = ()
        try:
            while not control.wants("stop"):
                with self._locked():
                    device, behind = self._try(devices)
                if device is not None:
                    return device
                if behind != told:
                    told = behind
                    yield Queued(behind)
                control.wait(POLL_SECONDS)
        except OSError as error:
            raise RunError(
                f"The line for devices in {self._folder} cannot be kept: {error.strerror}.",
                "Mend that folder, or start the run without --queue.",
            ) from None
        return None

    def _try(self, devices: Sequence[Device]) -> tuple[Device | None, tuple[str, ...]]:
        """The device that is this run's now, or the names of the runs that are before it."""
        accepts = tuple(key(device) for device in devices)
        if self._number is None:
            self._write(accepts, None)
        assert self._number is not None
        others = [(n, t) for n, t in self._tickets() if n != self._number]
        behind: list[str] = []
        for device in devices:
            before = [
                ticket.run
                for number, ticket in others
                if ticket.uses == key(device)
                or (ticket.uses is None and number < self._number and key(device) in ticket.accepts)
            ]
            if not before:
                self._write(accepts, key(device))
                return device, ()
            behind += before
        return None, tuple(dict.fromkeys(behind))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the tickets. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / ".lock", mode=0o600, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise TimeoutError(0, "another process holds its lock") from None

    def _tickets(self) -> Iterator[tuple[int, Ticket]]:
        """The tickets of live processes, by number; those of dead ones are cleared away."""
        for number in self._numbers():
            try:
                ticket = _parse(self._path(number).read_bytes())
            except (ValueError, KeyError, TypeError):
                ticket = None  # written whole or not at all, so this is damage
            if ticket and lives(ticket.process):
                yield number, ticket
            else:
                self._path(number).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        """The numbers of all tickets, smallest first."""
        found = [TICKET.fullmatch(path.name) for path in self._folder.iterdir()]
        return sorted(int(match[1]) for match in found if match)

    def _write(self, accepts: tuple[str, ...], uses: str | None) -> None:
        if self._number is None:
            self._number = max(self._numbers(), default=0) + 1
        path = self._path(self._number)
        temporary = path.with_suffix(".tmp")
        ticket = Ticket(self._run.name, this_process(), accepts, uses)
        temporary.write_text(json.dumps(asdict(ticket)), encoding="utf-8")
        temporary.replace(path)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.json"


def tickets_folder() -> Path:
    """Where this user's runs on this machine keep their tickets: a home may be shared by many."""
    return user_state_path("nnlab", appauthor=False) / "devices" / socket.gethostname()


def key(device: Device) -> str:
    """What a device is called by all processes: cuda:0 is not the same GPU for each of them."""
    return device.uuid or device.torch_name


def _parse(content: bytes) -> Ticket:
    """Raises ValueError, KeyError or TypeError."""
    found = json.loads(content)
    owner = Owner.from_facts(found["process"])
    return Ticket(str(found["run"]), owner, tuple(found["accepts"]), found["uses"])
