"""Recorded runs as screens show them, kept in memory while their files stay the same."""

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

from core.rows import METRICS, OTHERS
from core.tail import Rows
from core.view import RunView, reduce_all

MOST = 64  # views in memory; one of a long run takes some MB

Stamp = tuple[int, ...]


class RunViews:
    """The views of some runs. Any thread may read one; two that read the same do it twice."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, RunView]] = {}

    def get(self, run: Path) -> RunView | None:
        """What was read of the run in the folder `run`, without looking again."""
        known = self._known.get(run)
        return known[1] if known else None

    def read(self, run: Path, left: Callable[[], bool] = lambda: False) -> RunView | None:
        """The view of everything recorded in the folder `run`; None if `left` says so midway."""
        stamp = _stamp(run)
        known = self._known.get(run)
        if known and known[0] == stamp:
            return known[1]
        view = reduce_all(RunView(), takewhile(lambda _: not left(), Rows(run).read()))
        if left():
            return None
        self._known.pop(run, None)
        self._known[run] = stamp, view  # at the end: the first is the oldest
        for oldest in list(self._known)[:-MOST]:
            self._known.pop(oldest, None)
        return view


def _stamp(run: Path) -> Stamp:
    """What changes with every row."""
    found: Stamp = ()
    for name in (METRICS, OTHERS):
        try:
            facts = (run / name).stat()
        except OSError:
            continue
        found += (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found
