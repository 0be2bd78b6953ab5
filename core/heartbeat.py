"""Signs of life of the processes that train one run together.

Whoever is stopped, or on a machine that cannot be reached, holds up all others in the midst of a
step, where none of them can say a word. So each has a thread beside, which tells the others every
few seconds that it runs; the one of rank 0 looks who does not.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from torch.distributed.distributed_c10d import Store

BEAT_SECONDS = 2.0  # between two signs of life
SILENT_BEATS = 15  # without one: half a minute
MOST_NAMED = 3


class Silence:
    """Who is silent, of processes called `names`, by what is heard of them each BEAT_SECONDS.

    Beats are counted, not seconds: after the whole machine has slept, nobody is late.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._beats: list[bytes] = [b""] * len(names)
        self._heard = [0.0] * len(names)  # when, in Unix seconds
        self._missed = [0] * len(names)
        self._told: list[int] = []

    def look(self, beats: Sequence[bytes], now: float) -> str | None:
        """What to tell of the newest `beats`: a line on those who are silent, "" when nobody is any
        more, None when nothing has changed."""
        for rank, beat in enumerate(beats):
            if beat != self._beats[rank]:
                self._beats[rank], self._heard[rank], self._missed[rank] = beat, now, 0
            else:
                self._missed[rank] += 1
        silent = [rank for rank, missed in enumerate(self._missed) if missed >= SILENT_BEATS]
        if silent == self._told:
            return None
        self._told = silent
        if not silent:
            return ""
        names = [self._names[rank] for rank in silent[:MOST_NAMED]]
        if len(silent) > MOST_NAMED:
            names.append(f"{len(silent) - MOST_NAMED} more")
        since = time.strftime("%H:%M:%S", time.localtime(min(self._heard[r] for r in silent)))
        return f"Waiting for {' and '.join(names)}, silent since {since}."


class Heartbeat:
    """The thread of one process, `rank` of those called `names`, from now until `stop`.

    Each has to make one before any of them hears the others.
    """

    def __init__(self, store: Store, rank: int, names: Sequence[str]) -> None:
        # A connection of its own: on the other one, somebody may be waiting.
        self._store = store.clone()
        self._names = names
        self._keys = [f"beat/{other}" for other in range(len(names))]
        self._mine = self._keys[rank]
        self._store.set(self._mine, "0")  # who is stopped right away is missed too
        self._over = threading.Event()
        self._telling = threading.Lock()
        self._tell: Callable[[str], None] | None = None
        self._thread = threading.Thread(target=self._beat, name="signs of life", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Fall silent."""
        self._over.set()
        self._thread.join()

    @contextmanager
    def heard(self, tell: Callable[[str], None]) -> Iterator[None]:
        """While the context lasts, `tell` is called, from the thread, with what Silence tells."""
        self._tell = tell
        try:
            yield
        finally:
            with self._telling:
                self._tell = None

    def _beat(self) -> None:
        silence = Silence(self._names)
        beats = 0
        with suppress(RuntimeError):  # the store is gone, which the training will notice itself
            while not self._over.wait(BEAT_SECONDS):
                beats += 1
                self._store.set(self._mine, str(beats))
                if self._tell is not None and self._store.check(self._keys):
                    news = silence.look(self._store.multi_get(self._keys), time.time())
                    with self._telling:
                        tell = self._tell
                        if tell is not None and news is not None:
                            tell(news)
