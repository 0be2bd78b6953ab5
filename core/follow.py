"""A run of any process, live or over, as the events that its folder tells: what `nnlab attach`
shows."""

import heapq
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from core.events import (
    Event,
    Notice,
    Progress,
    Queued,
    RunEnd,
    RunStart,
    StartOver,
    Waiting,
    from_row,
)
from core.owner import lives
from core.record import placed
from core.rows import METRICS, OTHERS, parse_line
from core.run_lock import stopped_since
from core.runs import ACTIVE, RunInfo, in_line, read_info
from core.view import RunView, reduce

POLL_SECONDS = 0.25
ASK_SECONDS = 1.0  # between two looks whether the process is still there
UNREADABLE_SECONDS = 3.0  # without run.json: that of a new run comes with its first step


def follow(run: Path, left: Callable[[], bool]) -> Iterator[Event]:
    """Everything recorded in the folder `run` so far, then each new event as it is written.

    Ends with the RunEnd of a run that is over (one is made up for a run that ended without a
    word), or as soon as `left()` is true. When the rows are rewritten, as resuming does with those
    after its checkpoint, StartOver comes and then everything anew. A process that stands still is
    told as Waiting. Needs little memory, however long the run.
    """
    rows = Rows(run)
    view = RunView()
    over = False  # the last row says that the run has ended
    told = 0  # of the damaged rows
    line: Queued | None = None  # the last that was told of it
    waited = ""  # for what, though no row says so
    ask_at, readable_at = 0.0, time.monotonic()
    while not left():
        for event in rows.read():
            if isinstance(event, StartOver | RunStart | RunEnd):
                over = isinstance(event, RunEnd)
            if isinstance(event, StartOver):
                told = 0
            view = _without_memory(reduce(view, event))
            yield event
            if left():
                return
        if rows.damaged > told:
            told = rows.damaged
            yield Notice(f"{told} damaged row{'s' * (told > 1)} of the log left out")
        if over:
            return
        if (now := time.monotonic()) >= ask_at:
            ask_at = now + ASK_SECONDS
            [info] = in_line([read_info(run)])
            if (now_in_line := _in_line(info)) != line:
                line = now_in_line
                if line:
                    yield line
                elif view.start is None:
                    yield Progress("preparing", 0, None)
            if (waiting := _who_is_stopped(info)) != waited:
                waited = waiting
                yield Waiting(waiting)
            if info.state in (*ACTIVE, "silent"):
                readable_at = now
            elif info.state != "unreadable" or now - readable_at > UNREADABLE_SECONDS:
                # Its last rows may have come after they were read here and before it was asked.
                for event in rows.read():
                    view = _without_memory(reduce(view, event))
                    yield event
                if not view.end:
                    yield end_of(info, view)
                return
        time.sleep(POLL_SECONDS)


def _who_is_stopped(info: RunInfo) -> str:
    """What to tell of a process that lives and does nothing, not even say so; "" if it does."""
    if info.owner is None or info.state not in ACTIVE or not lives(info.owner):
        return ""
    if (since := stopped_since(info.path)) is None:
        return ""
    at = time.strftime("%H:%M:%S", time.localtime(since))
    return f"No sign of life from {info.owner} since {at}: is it stopped?"


def _without_memory(view: RunView) -> RunView:
    """The view without what `end_of` does not ask for: it would be copied for each row."""
    return replace(view, reports=(), layers=(), devices=(), log=())


def _in_line(info: RunInfo) -> Queued | None:
    """What a run that has no rows yet tells of its waiting; None if it does not wait."""
    if info.state != "queued":
        return None
    return Queued(info.standing.behind if info.standing else ())


def end_of(info: RunInfo, view: RunView) -> RunEnd:
    """The end of a run that has none in its rows, whose rows add up to `view`."""
    best = view.best
    if view.start is None and not info.path.exists():  # a run that has not begun leaves nothing
        return RunEnd("stopped", 0, 0, None, None, 0.0)
    return RunEnd(
        state="crashed" if info.state == "unreadable" else info.state,
        epoch=len(view.epoch_ends),
        step=view.step,
        best_epoch=best.epoch if best else None,
        best_test_score=best.test_score if best else None,
        seconds=sum(end.seconds for end in view.epoch_ends),
        problem=info.problem,
        fix=f"Go on with `nnlab resume {info.name}`." if info.problem else "",
    )


class Rows:
    """The rows of a run folder, read on and on."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._files = [Tail(run / METRICS), Tail(run / OTHERS)]
        self.damaged = 0  # rows that were left out

    def read(self) -> Iterator[Event]:
        """What was written since the last time, in order; StartOver first, if it was rewritten."""
        if any(file.replaced() for file in self._files):
            for file in self._files:
                file.rewind()
            self.damaged = 0
            yield StartOver()
        sizes = self._sizes()
        parts = [self._rows(file, size) for file, size in zip(self._files, sizes, strict=True)]
        for row in heapq.merge(*parts, key=lambda row: row["seq"]):
            with suppress(KeyError, TypeError):  # of a newer nnlab
                yield placed(from_row(row), self._run)

    def _sizes(self) -> list[int]:
        """The sizes of all files at one moment: no row is older than one that is left for later."""
        sizes = [file.size() for file in self._files]
        while sizes != (again := [file.size() for file in self._files]):
            sizes = again
        return sizes

    def _rows(self, file: "Tail", size: int) -> Iterator[dict[str, Any]]:
        for line in file.lines(size):
            parsed = parse_line(line)
            yield from parsed.rows
            self.damaged += parsed.damaged


class Tail:
    """One file that grows; it need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._read = 0  # bytes, up to the end of a line

    def size(self) -> int:
        """Bytes that can be read now."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except OSError:  # not there yet, or not any more
                return 0
        return os.fstat(self._file.fileno()).st_size

    def replaced(self) -> bool:
        """Whether there is another file in its place now, or it has become shorter."""
        if self._file is None:
            return False
        ours = os.fstat(self._file.fileno())
        try:
            there = self._path.stat()
        except OSError:  # what we have open stays readable
            return ours.st_size < self._read
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino) or (
            ours.st_size < self._read
        )

    def rewind(self) -> None:
        """Begin anew with the file that is there now."""
        if self._file is not None:
            self._file.close()
        self._file, self._read = None, 0

    def lines(self, size: int) -> Iterator[bytes]:
        """The lines that are whole within the first `size` bytes and were not read before."""
        if self._file is None:
            return
        self._file.seek(self._read)
        while self._read < size:
            line = self._file.readline(size - self._read)
            if not line.endswith(b"\n"):
                return  # still being written
            self._read += len(line)
            yield line
