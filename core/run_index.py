"""The runs of a folder, kept in memory, so that looking again costs little.

Reading a run means two or three files and checking its settings; looking whether it changed means
asking for their times. With 10,000 runs that is a second against a twentieth of one
(benchmarks/runs.py).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from core.notes import NOTES
from core.runs import ACTIVE, RunInfo, in_line, read_info

# Runs read before they are shown, some hundredths of a second; then more and more, for showing
# sorts them all.
CHUNK, MOST = 250, 4000

# What is different after a run or its notes were written. Times alone are as coarse as some
# milliseconds, but a file that replaces another has another number.
Stamp = tuple[int, ...]


class RunIndex:
    """What is known of the runs in a folder. One thread may refresh it, any may read `runs`."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self.runs: tuple[RunInfo, ...] = ()  # newest first; replaced, never changed
        self._known: dict[str, tuple[Stamp, RunInfo]] = {}

    def refresh(self) -> Iterator[bool]:
        """Look again, the newest folders first; after each part, say whether `runs` changed.

        Runs that seem to be in progress are read each time: their process may be gone.
        """
        stamps = _stamps(self.runs_dir)
        gone = self._known.keys() - stamps.keys()
        for name in gone:
            del self._known[name]
        if gone:
            self._publish()
        stale = sorted(
            (name for name, stamp in stamps.items() if self._is_stale(name, stamp)),
            key=lambda name: stamps[name],
            reverse=True,
        )
        yield bool(gone)
        first, size = 0, CHUNK
        while first < len(stale):
            changed = False
            part = stale[first : first + size]
            infos = in_line([read_info(self.runs_dir / name) for name in part])
            for name, info in zip(part, infos, strict=True):
                changed |= name not in self._known or self._known[name][1] != info
                self._known[name] = stamps[name], info
            if changed:
                self._publish()
            yield changed
            first, size = first + size, min(2 * size, MOST)

    def _is_stale(self, name: str, stamp: Stamp) -> bool:
        known = self._known.get(name)
        return known is None or known[0] != stamp or known[1].state in ACTIVE

    def _publish(self) -> None:
        found = [info for _, info in self._known.values()]
        self.runs = tuple(sorted(found, key=lambda run: (run.started, run.name), reverse=True))


def _stamps(runs_dir: Path) -> dict[str, Stamp]:
    """The runs in the folder, by name, with times, numbers and size of run.json and the notes."""
    try:
        with os.scandir(runs_dir) as entries:
            folders = [(entry.name, entry.path) for entry in entries]
    except FileNotFoundError:
        return {}  # it comes with the first run
    found: dict[str, Stamp] = {}
    for name, path in folders:
        # Any one of them may be lost, as in list_runs.
        stats = (_stat(f"{path}/{file}") for file in ("run.json", "config.json", "events.jsonl"))
        if facts := next(filter(None, stats), None):
            notes = _stat(f"{path}/{NOTES}")
            found[name] = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
            if notes:
                found[name] += (notes.st_mtime_ns, notes.st_ino)
    return found


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (a Path for each would take as long again)
    except OSError:
        return None
