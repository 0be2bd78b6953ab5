"""The rows of a run folder for somebody who looks at the run: those so far, then each new one."""

import heapq
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from core.events import Event, Notice, StartOver, from_row
from core.long_log import WHOLE, Sample, sample_events, sample_metrics
from core.record import placed
from core.rows import METRICS, OTHERS, parse_line
from core.runs import read_facts


class Rows:
    """The rows of a run folder, read on and on; if a log is long already, some of its rows."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._files = [Tail(run / METRICS), Tail(run / OTHERS)]
        self.damaged = 0  # of the rows that were read: these were left out
        self.sampled = ""  # in words, that not all rows were read; "" if they were

    def read(self) -> Iterator[Event]:
        """What was written since the last time, in order; StartOver first, if it was rewritten."""
        if any(file.replaced() for file in self._files):
            for file in self._files:
                file.rewind()
            self.damaged, self.sampled = 0, ""
            yield StartOver()
        metrics, others = self._files
        sizes = self._sizes()
        samples: list[Sample] = []
        if sizes[0] > WHOLE and metrics.at_start:
            best = read_facts(self._run).get("best_epoch")
            best = best if isinstance(best, int) else None
            samples.append(metrics.sample(lambda file: sample_metrics(file, sizes[0], best)))
        if sizes[1] > WHOLE and others.at_start:
            samples.append(others.sample(lambda file: sample_events(file, sizes[1])))
        if samples:
            self.damaged += sum(sample.damaged for sample in samples)
            self.sampled = _in_words(samples, sum(sizes))
            yield Notice(self.sampled)
        parts = [_rows_of(sample) for sample in samples]
        parts += [self._rows(file, size) for file, size in zip(self._files, sizes, strict=True)]
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


def _rows_of(sample: Sample) -> Iterator[dict[str, Any]]:
    """Its rows, in their order."""
    return (row for start in sorted(sample.rows) for row in sample.rows[start])


def _in_words(samples: list[Sample], size: int) -> str:
    """What somebody should know who is shown these samples of logs of so many bytes."""
    rows = [row for sample in samples for row in _rows_of(sample)]
    ends = sum(row.get("event") == "EpochEnd" for row in rows)
    count = max((row["seq"] for row in rows), default=0)
    return (
        f"The logs are long ({size / 1e6:,.0f} MB, some {count:,} rows): shown are {len(rows):,} "
        f"rows, evenly spaced, {ends:,} of them ends of epochs, and the newest all"
    )


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

    @property
    def at_start(self) -> bool:
        """Whether nothing of it was read yet."""
        return not self._read

    def sample(self, some: Callable[[BinaryIO], Sample]) -> Sample:
        """What `some` takes of the file; up to the end of that, all counts as read."""
        assert self._file is not None
        found = some(self._file)
        self._read = found.end
        return found

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
