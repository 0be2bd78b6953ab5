"""The time that this process has had: it stands still while Ctrl-Z has stopped it.

Otherwise an epoch during which somebody was at lunch would count as a slow one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

_stopped = 0.0


def seconds() -> float:
    """Seconds since some moment; only differences mean something. No setting of the time of day
    moves it."""
    return perf_counter() - _stopped


def leave_out(stopped: float) -> None:
    """Count the last `stopped` seconds as none: the process was not running."""
    global _stopped
    _stopped += stopped


class Stopwatch:
    """Seconds that can be held while nothing happens."""

    def __init__(self, already: float = 0.0) -> None:
        self._from = seconds() - already
        self._held: float | None = None

    @property
    def seconds(self) -> float:
        return (self._held or seconds()) - self._from

    def hold(self) -> None:
        self._held = self._held or seconds()

    def go(self) -> None:
        if self._held:
            self._from += seconds() - self._held
            self._held = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Hold it for a while; if it was held already, it stays so."""
        held = self._held is not None
        self.hold()
        try:
            yield
        finally:
            if not held:
                self.go()
