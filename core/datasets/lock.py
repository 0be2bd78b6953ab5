"""Waiting for another process that is at the same work, without standing still."""

from collections.abc import Callable, Generator

from filelock import FileLock, Timeout

from core.events import Notice, Progress

ASK_SECONDS = 0.25  # between two looks at the lock


def acquire(
    lock: FileLock, notice: str, progress: Callable[[], Progress]
) -> Generator[Progress | Notice, None, None]:
    """Acquire `lock`. While another process holds it: `notice` once, then `progress()` again and
    again. Raises OSError where no lock can be made."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield Notice(notice)
    while not lock.is_locked:
        yield progress()
        try:
            lock.acquire(timeout=ASK_SECONDS)
        except Timeout:
            continue
