"""The line for this machine's devices: `nnlab train --queue` waits until one has nothing to do.

Every run of this user keeps a ticket while it lives, a small file in a folder of the user's: which
device it trains on, or which ones it would take. The CPU is one device, each GPU another. Tickets
are numbered, and the lowest number goes first: whoever has waited longest, unless somebody moved
another one before it. One whose process is gone does not count, however that ended; so nothing has
to be tidied up after a crash.
"""

import json
import re
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
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
from core.runs import Standing

POLL_SECONDS = 0.5
LOCK_SECONDS = 10.0  # others hold it for milliseconds
TICKET = re.compile(r"(\d{12})\.json")
FIRST = 500_000_000_000  # in the middle, so that there is room before the first one too


@dataclass(frozen=True)
class Ticket:
    """What others know of a run's place."""

    run: str  # its folder, absolute
    process: Owner
    accepts: tuple[str, ...]  # keys of the devices that it would take
    called: tuple[str, ...]  # the same as its process calls them: cuda:0
    uses: str | None = None  # key of the one that it trains on

    @property
    def name(self) -> str:
        return Path(self.run).name


class Place:
    """This run's place in the line; given up at the end of the context."""

    def __init__(self, run: Path) -> None:
        self._run = str(run.resolve())
        self._number: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._number is not None:
            with suppress(OSError), _locked():  # gone or not: the process that it names soon is
                self._look_for_number(_live_tickets())
                _path(self._number).unlink()

    def use(self, device: Device) -> None:
        """Train on `device` from now on, whoever else does. Raises OSError."""
        with _locked():
            self._write((device,), device)

    def wait(
        self, devices: Sequence[Device], control: Control
    ) -> Generator[Queued, None, Device | None]:
        """The first of `devices` (best first) that no other run trains on or comes before.

        Returns None when a stop is asked for meanwhile. Raises RunError if the line cannot be kept.
        """
        told: tuple[str, ...] = ()
        try:
            while not control.wants("stop"):
                with _locked():
                    device, behind = self._try(devices)
                if device is not None:
                    return device
                if behind != told:
                    told = behind
                    yield Queued(behind)
                control.wait(POLL_SECONDS)
        except OSError as error:
            raise RunError(
                f"The line for devices in {tickets_folder()} cannot be kept: {error.strerror}.",
                "Mend that folder, or start the run without --queue.",
            ) from None
        return None

    def _try(self, devices: Sequence[Device]) -> tuple[Device | None, tuple[str, ...]]:
        """The device that is this run's now, or the names of the runs that are before it."""
        self._look_for_number(_live_tickets())
        if self._number is None:
            self._write(devices, None)
        assert self._number is not None
        tickets = _live_tickets()
        behind: list[str] = []
        for device in devices:
            before = _before(self._number, key(device), tickets)
            if not before:
                self._write(devices, device)
                return device, ()
            behind += before
        return None, tuple(dict.fromkeys(behind))

    def _look_for_number(self, tickets: Mapping[int, Ticket]) -> None:
        """Somebody may have moved this run to the front."""
        for number, ticket in tickets.items():
            if ticket.run == self._run and ticket.process == this_process():
                self._number = number

    def _write(self, accepts: Sequence[Device], uses: Device | None) -> None:
        if self._number is None:
            self._number = max(_numbers(), default=FIRST - 1) + 1
        path = _path(self._number)
        temporary = path.with_suffix(".tmp")
        ticket = Ticket(
            self._run,
            this_process(),
            tuple(key(device) for device in accepts),
            tuple(device.torch_name for device in accepts),
            key(uses) if uses else None,
        )
        temporary.write_text(json.dumps(asdict(ticket)), encoding="utf-8")
        temporary.replace(path)


def standings() -> dict[Path, Standing]:
    """Where the runs stand that wait for a device of this machine, by their resolved folders.

    Empty if the line cannot be read.
    """
    try:
        tickets = dict(_read_tickets())
    except OSError:
        return {}
    tickets = {n: ticket for n, ticket in tickets.items() if lives(ticket.process)}
    found = {}
    for number, ticket in tickets.items():
        if ticket.uses is not None:
            continue
        behind = [run for device in ticket.accepts for run in _before(number, device, tickets)]
        earlier = [
            other
            for other_number, other in tickets.items()
            if other_number < number
            and other.uses is None
            and not set(other.accepts).isdisjoint(ticket.accepts)
        ]
        found[Path(ticket.run)] = Standing(
            len(earlier) + 1, ticket.called, tuple(dict.fromkeys(behind))
        )
    return found


def move_to_front(run: Path) -> bool:
    """Let the run in this folder go before all others that wait. Returns False if it does not wait.

    Raises RunError if the line cannot be kept.
    """
    try:
        with _locked():
            tickets = _live_tickets()
            folder = str(run.resolve())
            for number, ticket in tickets.items():
                if ticket.run == folder and ticket.uses is None:
                    # Its process looks for the new number before it does anything with it.
                    _path(number).rename(_path(min(tickets) - 1))
                    return True
    except OSError as error:
        raise RunError(
            f"The line for devices in {tickets_folder()} cannot be kept: {error.strerror}.",
            "Mend that folder.",
        ) from None
    return False


def tickets_folder() -> Path:
    """Where this user's runs on this machine keep their tickets: a home may be shared by many."""
    return user_state_path("nnlab", appauthor=False) / "devices" / socket.gethostname()


def key(device: Device) -> str:
    """What a device is called by all processes: cuda:0 is not the same GPU for each of them."""
    return device.uuid or device.torch_name


def _before(number: int, device: str, tickets: Mapping[int, Ticket]) -> list[str]:
    """The names of the runs that train on `device`, then of those that go before `number`."""
    others = [(n, ticket) for n, ticket in tickets.items() if n != number]
    training = [ticket.name for _, ticket in others if ticket.uses == device]
    waiting = [t.name for n, t in others if n < number and t.uses is None and device in t.accepts]
    return training + waiting


@contextmanager
def _locked() -> Iterator[None]:
    """Alone with the tickets. Raises OSError."""
    folder = tickets_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", mode=0o600, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise TimeoutError(0, "another process holds its lock") from None


def _live_tickets() -> dict[int, Ticket]:
    """The tickets of live processes, by number; those of dead ones are cleared away."""
    found = {n: ticket for n, ticket in _read_tickets() if lives(ticket.process)}
    for number in _numbers():
        if number not in found:
            _path(number).unlink(missing_ok=True)
    return found


def _read_tickets() -> Iterator[tuple[int, Ticket]]:
    """All tickets that are whole, by number. Raises OSError."""
    for number in _numbers():
        # Gone, or damaged: they are written whole or not at all.
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            yield number, _parse(_path(number).read_bytes())


def _numbers() -> list[int]:
    """The numbers of all tickets, smallest first. Raises OSError."""
    try:
        found = [TICKET.fullmatch(path.name) for path in tickets_folder().iterdir()]
    except FileNotFoundError:  # the first one makes the folder
        return []
    return sorted(int(match[1]) for match in found if match)


def _path(number: int) -> Path:
    return tickets_folder() / f"{number:012d}.json"


def _parse(content: bytes) -> Ticket:
    """Raises ValueError, KeyError or TypeError."""
    found = json.loads(content)
    return Ticket(
        str(found["run"]),
        Owner.from_facts(found["process"]),
        tuple(map(str, found["accepts"])),
        tuple(map(str, found["called"])),
        found["uses"],
    )
