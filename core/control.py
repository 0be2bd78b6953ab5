"""Requests to a run in progress: carried out between two steps, told by a ControlApplied.

Identical from the dashboard, from a command and from another process (core.mailbox).
"""

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from core.events import Notice

# What can be asked for, and the least and the largest value where it takes one.
REQUESTS: dict[str, tuple[float, float] | None] = {
    "pause": None,
    "resume": None,
    "checkpoint": None,
    "stop": None,
    "stop_after_epoch": None,
    "lr": (1e-12, 1e6),  # the new peak learning rate
    "scale_lr": (1e-6, 1e6),  # what to multiply it by; told as the "lr" that came of it
    "epochs": (1, 1_000_000),  # how many in all
    "extend": (-1_000_000, 1_000_000),  # how many to add; told as the "epochs" that came of it
}
WHOLE = ("epochs", "extend")  # what these count cannot be halved


@dataclass(frozen=True)
class Request:
    """One thing to do at the next step boundary."""

    kind: str  # one of REQUESTS
    value: float | None = None
    id: str = ""  # what the ControlApplied will carry too


def check_request(kind: str, value: float | None) -> None:
    """Raises ValueError, in words for people, if this is nothing that can be asked of a run."""
    if kind not in REQUESTS:
        raise ValueError(f"there is no request {kind!r}")
    limits = REQUESTS[kind]
    if limits is None:
        if value is not None:
            raise ValueError(f"{kind} takes no value, and got {value!r}")
        return
    least, largest = limits
    # In this order: a bool counts as a number, and so does an integer too large for a float.
    if type(value) not in (int, float) or value is None or not least <= value <= largest:
        raise ValueError(f"{kind} takes a number from {least:g} to {largest:g}, not {value!r:.40}")
    if kind in WHOLE and value != int(value):
        raise ValueError(f"{kind} takes a whole number, not {value!r}")


class Control:
    """The queue of requests between whoever controls a run and the thread that trains it."""

    def __init__(self) -> None:
        self._requests: deque[Request | Notice] = deque()
        # Not an Event: a signal handler that sets one while its own thread waits for it hangs.
        self._news: SimpleQueue[None] = SimpleQueue()
        self._others: tuple[Control, ...] = ()

    def pass_on_to(self, others: Iterable["Control"]) -> None:
        """Ask all `others` what waits here, and from now on whatever else comes; it stays here
        too."""
        self._others = tuple(others)
        for request in tuple(self._requests):
            for other in self._others:
                other._put(request)

    def send(self, kind: str, value: float | None = None, id: str = "") -> None:
        """Ask for `kind`. Callable from any thread and from a signal handler; never waits."""
        assert kind in REQUESTS, kind
        self._put(Request(kind, value, id))

    def note(self, text: str) -> None:
        """Put a line into the log of the run at the next step boundary. Callable like `send`."""
        self._put(Notice(text))

    def _put(self, request: Request | Notice) -> None:
        self._requests.append(request)
        self._news.put(None)
        for other in self._others:
            other._put(request)

    @property
    def pending(self) -> bool:
        """Whether a request waits; cheap enough to ask before every step."""
        return bool(self._requests)

    def wants(self, kind: str) -> bool:
        """Whether a request of this kind waits."""
        return any(isinstance(r, Request) and r.kind == kind for r in tuple(self._requests))

    def take(self) -> Request | Notice | None:
        """The oldest request that has not been taken yet, or a line for the log."""
        return self._requests.popleft() if self._requests else None

    def wait(self, seconds: float) -> None:
        """Sleep until a request comes, at most `seconds`; not at all for one taken meanwhile."""
        with suppress(Empty):
            self._news.get(timeout=seconds)
