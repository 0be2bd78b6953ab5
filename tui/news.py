"""What the training thread hands to the screen."""

import threading

from core.events import Event, Progress, StepReport

LIMIT = 10_000


class News:
    """A queue of events that never makes training wait and never grows without end.

    The screen empties it a few times a second. If it cannot (a terminal that stops reading, a
    laptop lid), the older half loses its step reports and progress; what happens once stays.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = self._full = limit
        self._events: list[Event] = []
        self._lock = threading.Lock()  # held for a list operation, never while anything is drawn

    def append(self, event: Event) -> None:
        """Add an event; called by the training thread."""
        with self._lock:
            self._events.append(event)
            if len(self._events) > self._full:
                middle = len(self._events) // 2
                kept = [
                    e for e in self._events[:middle] if not isinstance(e, StepReport | Progress)
                ]
                self._events = kept + self._events[middle:]
                # What is left may be over the limit: don't search it again for every event.
                self._full = max(self._limit, 2 * len(kept))

    def take(self) -> list[Event]:
        """Everything since the last time, oldest first."""
        with self._lock:
            events, self._events, self._full = self._events, [], self._limit
        return events

    def __len__(self) -> int:
        return len(self._events)
