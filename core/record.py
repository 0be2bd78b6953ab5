"""The rows of a run folder: written while it runs, read back by anyone.

A row is with the operating system before its event is passed on, and so survives the process; it is
on the disk before a checkpoint that counts on it. core.rows knows what is in one.
"""

import errno
import heapq
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from core.control import Control
from core.durable import replace_file, sync_folder
from core.errors import NNLabError
from core.events import (
    CheckpointSaved,
    ControlApplied,
    DeviceFigures,
    EpochEnd,
    Event,
    LayerFigures,
    Notice,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
    Waiting,
    from_row,
)
from core.patience import Patience, until_written
from core.permissions import file_mode
from core.rows import METRICS, OF_NUMBERS, OTHERS, last_row, line_of, lines_of, rewritten, rows_of
from core.runs import config_crc, process_facts, read_facts, write_facts
from core.view import RunView, describe, reduce_all

LOG = "log.txt"
# With these, run.json is brought up to date; at the end of an epoch only while that costs less than
# FACTS_SHARE of the time.
AT_ONCE = (RunStart, ControlApplied, Waiting, RunEnd)
FACTS_SHARE = 0.001
MEBIBYTE = 2**20
LOOK_SECONDS = 1.0  # between two looks whether a log is still there
OF_TRAINING = ("StepReport", "LayerFigures", "EpochEnd", "ControlApplied")
# Of these, run.json tells nothing.
NOT_IN_FACTS = (LayerFigures, DeviceFigures, CheckpointSaved, Notice)


class RowWriter:
    """Appends to the three logs of the run folder `path`, in order, and each line once.

    Threads that share one hold its `lock` meanwhile.

    What cannot be written stays in memory, and goes first the next time. Opening and writing raise
    OSError; of a line that was cut short by it, nothing stays in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lasts = [last_row(path / name) for name in (METRICS, OTHERS)]
        self.seq = max((row["seq"] for row in lasts if row), default=0)
        self.lock = threading.RLock()
        self._waiting: list[tuple[str, bytes]] = []
        self._files: dict[str, _Appending] = {}

    @property
    def waiting_bytes(self) -> int:
        return sum(len(line) for _, line in self._waiting)

    def add(self, event: Event) -> None:
        """Take an event in; `write` brings it to the folder."""
        self.seq += 1
        name = METRICS if isinstance(event, OF_NUMBERS) else OTHERS
        self._waiting.append((name, line_of(event, self.seq)))
        if text := describe(event):
            text = " ".join(text.splitlines())
            self._waiting.append((LOG, f"{datetime.now():%Y-%m-%d %H:%M:%S}  {text}\n".encode()))

    def write(self) -> None:
        """Append what waits. Raises OSError."""
        while self._waiting:
            name, line = self._waiting[0]
            self._open(name).append(line)
            del self._waiting[0]

    def sync(self) -> int:
        """Write and wait until all rows are on the disk; the `seq` of the last. Raises OSError."""
        with self.lock:
            self.write()
            for name in (METRICS, OTHERS):
                os.fsync(self._open(name).descriptor)
            return self.seq

    def close(self) -> None:
        """Close the files. What waits is dropped."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _open(self, name: str) -> "_Appending":
        if name not in self._files:
            new = not (self.path / name).exists()
            self._files[name] = _Appending(self.path / name)
            if new:
                sync_folder(self.path)
        return self._files[name]


class _Appending:
    """A file that grows by whole lines. Everything here raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1
        self._cut_short = False  # the last attempt to append
        self._looked = 0.0  # whether the file is still there
        self._reopen()

    def append(self, line: bytes) -> None:
        if (now := time.monotonic()) - self._looked > LOOK_SECONDS:
            self._looked = now
            if os.fstat(self.descriptor).st_nlink == 0:  # deleted: what is written there is lost
                self.close()
                self._reopen()
        if self._cut_short:
            os.ftruncate(self.descriptor, self._size)
        self._cut_short = True
        if os.write(self.descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._cut_short = False
        self._size += len(line)

    def close(self) -> None:
        os.close(self.descriptor)

    def _reopen(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(self._path, flags, 0o600)
        os.fchmod(self.descriptor, file_mode(self._path.parent))
        self._size = os.fstat(self.descriptor).st_size
        # A line that a power cut tore must not spoil the next one.
        if self._size and os.pread(self.descriptor, 1, self._size - 1) != b"\n":
            self.append(b"\n")


def record(
    path: Path,
    events: Iterable[Event],
    data_digest: str,
    *,
    rows: RowWriter | None = None,
    patience: Patience | None = None,
    beside: Callable[[Callable[[Event], None]], AbstractContextManager] | None = None,
) -> Generator[Event, None, None]:
    """Pass `events` on unchanged, each written to the run folder `path` first.

    Continues a folder that has rows already. While it cannot be written, nothing more is taken
    from `events`. Raises RunError when `patience` is at an end.

    `beside` makes a context that lasts as long. It is given what records one more event, from any
    thread, also while `events` does not come back; such an event is not passed on.
    """
    rows = rows or RowWriter(path)
    patience = patience or Patience(Control())
    folder = _Recording(path, rows, data_digest)
    try:
        with beside(folder.tell) if beside else nullcontext():
            for event in events:
                if isinstance(event, Progress):  # news of the moment, not of the run
                    yield event
                    continue
                if isinstance(event, Waiting) or (isinstance(event, RunEnd) and event.problem):
                    folder.tell(event)
                else:
                    folder.take(event)
                    try:
                        folder.write()
                    except OSError:  # tried again, and told
                        yield from folder.written(patience)
                yield event
    except (
        BaseException
    ) as error:  # a bug, a full disk, a reader that left: the process may live on
        with suppress(OSError):
            folder.write_end_of(error)
        raise
    finally:
        rows.close()


class _Recording:
    """What `record` knows of the run, and run.json, which follows it."""

    def __init__(self, path: Path, rows: RowWriter, data_digest: str) -> None:
        self._path = path
        self._rows = rows
        self._view = _told(path)
        self._news: list[Event] = []  # what is not in the view yet
        self._facts = process_facts() | {
            "started": read_facts(path).get("started") or first_time(path) or time.time(),
            "data_digest": data_digest,
            "config_crc": config_crc(path),
        }
        self._due = False  # whether run.json has to be written, however soon
        self._written, self._cost = 0.0, 0.0  # seconds

    def tell(self, event: Event) -> None:
        """Take an event in that cannot wait for the folder: it is waited for already, the end was
        in vain, or this is another thread."""
        with self._rows.lock:
            self.take(event)
            with suppress(OSError):
                self.write()

    def take(self, event: Event) -> None:
        with self._rows.lock:
            self._rows.add(event)
            if isinstance(event, NOT_IN_FACTS):
                return
            # A view for each row would cost more than the row: it waits for run.json to be due.
            # Of several reports the last says all that run.json does.
            if isinstance(event, StepReport) and isinstance(self._newest, StepReport):
                self._news.pop()
            self._news.append(event)
            if isinstance(event, AT_ONCE):
                self._due = True
            elif isinstance(event, EpochEnd):
                since = time.perf_counter() - self._written
                self._due |= since > self._cost / FACTS_SHARE

    @property
    def _newest(self) -> Event | None:
        return self._news[-1] if self._news else None

    def written(self, patience: Patience) -> Generator[Event, None, None]:
        """Bring everything to the folder, which cannot be written now; what is told meanwhile."""
        size = self._rows.waiting_bytes
        for news in until_written(self.write, "What happened", self._path, size, patience):
            self.take(news)
            yield news

    def write(self) -> None:
        """Bring everything to the folder. Raises OSError."""
        with self._rows.lock:
            self._rows.write()
            if self._due:
                began = time.perf_counter()
                self._catch_up()
                if self._view.start:
                    write_facts(self._path, self._facts | _figures(self._view))
                    self._written = time.perf_counter()
                    self._cost = self._written - began
                    self._due = False

    def _catch_up(self) -> None:
        view = reduce_all(self._view, self._news)
        self._view = replace(view, reports=(), layers=(), devices=(), log=())
        self._news.clear()

    def write_end_of(self, error: BaseException) -> None:
        """Say in run.json that the run is over, if it did not say so itself."""
        self._catch_up()
        if self._view.start and not self._view.end:
            end = {
                "state": "failed" if isinstance(error, NNLabError) else "crashed",
                "problem": error.problem
                if isinstance(error, NNLabError)
                else f"It ended in the middle: {type(error).__name__} {error}".rstrip(),
            }
            write_facts(self._path, self._facts | _figures(self._view) | end)


def _told(path: Path) -> RunView:
    """What the rows of the run folder `path` say that run.json does too."""
    view = reduce_all(RunView(), read_events(path, (*NOT_IN_FACTS, StepReport)))
    if (last := last_row(path / METRICS)) and last.get("event") == StepReport.__name__:
        with suppress(KeyError, TypeError):
            view = reduce_all(view, [from_row(last)])
    return view


def read_events(path: Path, but: tuple[type, ...] = ()) -> Iterator[Event]:
    """Everything recorded in the run folder `path`, in order, `but` for these kinds; rows that are
    damaged, or that only a newer nnlab understands, are left out."""
    names = {kind.__name__ for kind in but}
    files = [rows_of(path / name) for name in (METRICS, OTHERS)]
    for row in heapq.merge(*files, key=lambda row: row["seq"]):
        with suppress(KeyError, TypeError):
            if row["event"] in names:
                continue
            yield placed(from_row(row), path)


def placed(event: Event, run: Path) -> Event:
    """The event as it is read in the folder `run`, which may have been another one then: of another
    working directory, or before it was moved."""
    return replace(event, path=str(run)) if isinstance(event, RunStart) else event


def has_begun(path: Path) -> bool:
    """Whether anything was recorded in the run folder `path`: before, there is nothing to keep."""
    return (path / OTHERS).exists()


def first_time(path: Path) -> float | None:
    """When the run folder `path` got its first row, in Unix seconds."""
    firsts = (next(rows_of(path / name), None) for name in (METRICS, OTHERS))
    return min((row["time"] for row in firsts if row), default=None)


def damaged_rows(path: Path) -> int:
    """How many rows of the run folder `path` are damaged."""
    files = [path / name for name in (METRICS, OTHERS)]
    return sum(line.damaged for file in files for line in lines_of(file))


def set_aside(path: Path, step: int, seq: int) -> int:
    """Move the rows out of the way that a run leaves behind which goes on from `step`, when the
    last row was `seq`: training and requests after it, and the ends of the run.

    They are kept in metrics.jsonl.superseded and events.jsonl.superseded. Returns how many. May be
    interrupted at any moment and done again: then no row is lost and none is kept twice. Raises
    OSError.
    """

    def is_past(row: dict[str, Any]) -> bool:
        if row["event"] == "RunEnd" or row.get("step", 0) > step:
            return True
        return row["seq"] > seq and row["event"] in OF_TRAINING

    moved = 0
    for name in (METRICS, OTHERS):
        before_them = 0  # bytes up to the first line with a row to be moved: they stay as they are
        kept: list[bytes] = []
        late: list[bytes] = []
        goes = kept
        for line in lines_of(path / name):
            if not late and not any(map(is_past, line.rows)):
                before_them += len(line.text)
                continue
            for row in line.rows:
                goes = late if is_past(row) else kept
                goes.append(rewritten(row) if line.damaged else line.text)
            if line.damaged:  # with the row before it
                goes.append(line.text)
        if not late:
            continue
        aside = path / f"{name}.superseded"
        before = aside.read_bytes() if aside.exists() else b""
        known = set(before.splitlines(keepends=True))  # by an attempt that was interrupted here
        replace_file(aside, before + b"".join(line for line in late if line not in known))
        with (path / name).open("rb") as log:
            # Gigabytes of a long run, which need not all be in memory.
            sizes = [MEBIBYTE] * (before_them // MEBIBYTE) + [before_them % MEBIBYTE]
            replace_file(path / name, chain(map(log.read, sizes), kept))
        moved += len(late)
    return moved


def _figures(view: RunView) -> dict[str, Any]:
    """The part of run.json that the events tell."""
    assert view.start is not None
    best = view.best
    return {
        "state": view.state,
        "model": view.start.model,
        "data": view.start.data,
        "device": view.start.device,
        "device_name": view.start.device_name,
        "threads": view.start.threads,
        "executor": view.start.executor,
        "epoch": len(view.epoch_ends),
        "epochs": view.epochs,
        "step": view.step,
        "best_epoch": best.epoch if best else None,
        "best_test_score": best.test_score if best else None,
        "metric": view.start.metric,
        "seconds": view.end.seconds if view.end else sum(e.seconds for e in view.epoch_ends),
        "problem": view.end.problem if view.end else "",
    }
