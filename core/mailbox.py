"""Requests to a run in another process, as small files in its folder `control/`.

Files work where sockets do not: on network file systems, under long paths, from another machine.
One request is one file, `<id>.json`, renamed into place whole. The process that trains looks a few
times a second, removes the file and then hands what it asked to core.control, so that it is carried
out once at most. The answer is the ControlApplied with the same id in events.jsonl.

What is in that folder may be damaged or somebody else's: it is used only if it is a small regular
file of the run's own user, or of root, that says exactly one thing that a run can be asked.
"""

import errno
import json
import os
import re
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.control import Control, Request, check_request
from core.errors import RunError
from core.events import ControlApplied, from_row
from core.permissions import make_folder_below
from core.rows import OTHERS, parse_row

FOLDER = "control"
POLL_SECONDS = 0.25
MOST_BYTES = 4096
ID = re.compile(r"\d{20}-[0-9a-f]{8}")  # Unix nanoseconds, so that names sort by time, and chance
FIELDS = {"id", "kind", "value", "time"}
TOLD_AT_ONCE = 5  # refused files named in the log each time; the others are counted


class RemoteControl:
    """The Control of a run that another process trains, on this machine or on a shared folder."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def send(self, kind: str, value: float | None = None) -> str:
        """Post a request; `acknowledged` waits for the answer. Returns its id.

        Raises ValueError if no run can be asked that, RunError if this one is not the caller's or
        its folder cannot be written.
        """
        check_request(kind, value)
        id = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        request = {"id": id, "kind": kind, "value": value, "time": round(time.time(), 3)}
        folder = self.run / FOLDER
        try:
            owner = self.run.stat().st_uid
            if os.geteuid() not in (owner, 0):
                raise PermissionError(errno.EACCES, f"it belongs to user {owner}")
            make_folder_below(folder)
            _write(folder, f"{id}.json", json.dumps(request).encode())
        except OSError as error:
            raise RunError(
                f"{self.run.name} cannot be asked anything: {error.strerror}.",
                "Only whoever started a run can control it, and its folder must be writable.",
            ) from None
        return id

    def withdraw(self, id: str) -> bool:
        """Take a request back. Returns False if the run has it already."""
        try:
            (self.run / FOLDER / f"{id}.json").unlink()
        except OSError:
            return False
        return True


def acknowledged(run: Path, id: str, seconds: float) -> ControlApplied | None:
    """The news that the request `id` was carried out; None if it was not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(FileNotFoundError), (run / OTHERS).open("rb") as lines:
            for line in lines:
                if id.encode() in line and (row := parse_row(line)):
                    event = from_row(row)
                    if isinstance(event, ControlApplied) and event.id == id:
                        return event
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.05)


@contextmanager
def requests_reach(run: Path, control: Control) -> Iterator[None]:
    """While the context lasts, what is posted into the folder of `run` is handed to `control`.

    What was posted before is not carried out: it was meant for a process that is gone.
    """
    mailbox = Mailbox(run)
    if left := mailbox.clear():
        requests = "1 request" if left == 1 else f"{left} requests"
        control.note(f"{requests} from before this start not carried out")
    over = threading.Event()

    def look() -> None:
        while not over.wait(POLL_SECONDS):
            mailbox.deliver(control)

    # A thread of its own, for a paused or waiting run listens too, and a network file system may
    # take its time.
    thread = threading.Thread(target=look, name="mailbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Mailbox:
    """The receiving end of a run's control folder."""

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._seen: set[str] = set()  # a file that cannot be removed must not count again and again
        with suppress(OSError):  # then whoever sends makes the folder, or is told why not
            make_folder_below(self._folder)

    def clear(self) -> int:
        """Remove all that was posted so far, torn files too. Returns the number of requests."""
        found = self._posted()
        for name in [*found, *self._names(".tmp")]:
            self._remove(name)
        return len(found)

    def deliver(self, control: Control) -> None:
        """Hand what was posted to `control`, oldest first; what is refused is told in the log."""
        refused: list[str] = []
        for name in self._posted():
            self._seen.add(name)
            try:
                request = self._take(name)
            except FileNotFoundError:
                continue  # withdrawn
            except OSError as error:
                refused.append(f"{name} ({error.strerror})")
            except ValueError as error:
                refused.append(f"{name} ({error})")
            else:
                control.send(request.kind, request.value, request.id)
        for line in refused[:TOLD_AT_ONCE]:
            control.note(f"control request refused: {line}")
        if more := len(refused[TOLD_AT_ONCE:]):
            control.note(f"{more} more control requests refused")

    def _posted(self) -> list[str]:
        return [name for name in self._names(".json") if name not in self._seen]

    def _names(self, ending: str) -> list[str]:
        try:
            return sorted(p.name for p in self._folder.iterdir() if p.name.endswith(ending))
        except OSError:  # not there, or not just now
            return []

    def _remove(self, name: str) -> bool:
        try:
            (self._folder / name).unlink()
        except OSError:
            return False
        return True

    def _take(self, name: str) -> Request:
        """The request in the file, which is gone when this returns.

        Raises ValueError saying what is wrong with it, OSError if it cannot be read or removed.
        """
        path = self._folder / name
        try:
            content = _read(path)
        except FileNotFoundError:
            raise
        except (OSError, ValueError):
            self._remove(name)
            raise
        path.unlink()  # before anything is done: a request that stayed would be carried out again
        return _parse(name, content)


def _write(folder: Path, name: str, content: bytes) -> None:
    """The file `name` in `folder`, whole at once. Raises OSError."""
    temporary = folder / f".{name}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600)
    try:
        os.write(file, content)
    finally:
        os.close(file)
    temporary.rename(folder / name)


def _read(path: Path) -> bytes:
    """The content of a request's file. Raises ValueError for a file that no request is in."""
    try:
        # Not blocking: opening a named pipe would wait for somebody to write into it.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError("it is a symbolic link") from None
        raise
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("it is no regular file")
        if facts.st_uid not in (os.geteuid(), 0):
            raise ValueError(f"it belongs to user {facts.st_uid}")
        content = os.read(file, MOST_BYTES + 1)
    finally:
        os.close(file)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    return content


def _parse(name: str, content: bytes) -> Request:
    """Raises ValueError unless `content` is exactly what `RemoteControl.send` writes."""
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(found, dict) or found.keys() != FIELDS:
        raise ValueError(f"it must have the fields {', '.join(sorted(FIELDS))}, and no others")
    id, kind, value = found["id"], found["kind"], found["value"]
    if not isinstance(id, str) or not ID.fullmatch(id) or name != f"{id}.json":
        raise ValueError("its id is not its name")
    if not isinstance(kind, str):
        raise ValueError("its kind is no text")
    check_request(kind, value)
    return Request(kind, value, id)
