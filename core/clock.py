"""The time that this process has had: it stands still while Ctrl-Z has stopped it.

Otherwise an epoch during which somebody was at lunch would count as a slow one.
"""

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
