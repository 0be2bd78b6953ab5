"""Requests to a run in progress: carried out between two steps, told by a ControlApplied."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

REQUESTS = ("pause", "resume", "checkpoint", "stop", "stop_after_epoch", "lr", "epochs")


@dataclass(frozen=True)
class Request:
    """One thing to do at the next step boundary."""

    kind: str  # one of REQUESTS
    value: float | None = None  # the new learning rate, the new number of epochs


class Control:
    """The queue of requests between whoever controls a run and the thread that trains it."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        # Not an Event: a signal handler that sets one while its own thread waits for it hangs.
        self._news: SimpleQueue[None] = SimpleQueue()

    def send(self, kind: str, value: float | None = None) -> None:
        """Ask for `kind`. Callable from any thread and from a signal handler; never waits."""
        assert kind in REQUESTS, kind
        self._requests.append(Request(kind, value))
        self._news.put(None)

    @property
    def pending(self) -> bool:
        """Whether a request waits; cheap enough to ask before every step."""
        return bool(self._requests)

    def wants(self, kind: str) -> bool:
        """Whether a request of this kind waits."""
        return any(request.kind == kind for request in tuple(self._requests))

    def take(self) -> Request | None:
        """The oldest request that has not been taken yet."""
        return self._requests.popleft() if self._requests else None

    def wait(self, seconds: float) -> None:
        """Sleep until a request comes, at most `seconds`; not at all for one taken meanwhile."""
        with suppress(Empty):
            self._news.get(timeout=seconds)
