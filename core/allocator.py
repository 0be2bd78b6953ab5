"""Memory that one step of training frees serves the next one, instead of going back to the system.

The GNU C library may return large blocks as they are freed, and then each page of the next ones has
to be mapped and zeroed again: 4,000 pages in a step of LeNet, a quarter of its time. By itself it
keeps blocks only once larger ones have been freed, which reading a large data set does, and a small
one does not. Other C libraries, of macOS, Windows and Alpine Linux, have no such settings and are
left as they are.
"""

import ctypes
from typing import Any

# Parameters of mallopt(3), from malloc.h.
M_TRIM_THRESHOLD = -1  # bytes at the end of the heap that are given back when so many are free
M_MMAP_MAX = -4  # blocks that may be mapped, each for itself, outside of the heap
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Have this process keep what it frees, from now on to its end."""
    mallopt = _c_function("mallopt")
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, NEVER)


def give_back_freed_memory() -> None:
    """Give the system the pages on which nothing lies now."""
    malloc_trim = _c_function("malloc_trim")
    if malloc_trim:
        malloc_trim(0)


def _c_function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # Windows: no library by that name
        return None
