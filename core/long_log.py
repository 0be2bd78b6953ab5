"""A log that is too long to be read whole whenever somebody looks at the run: some of its rows.

Ten million rows take minutes to parse, and a chart has a few hundred columns. So rows are read at
evenly spaced places, and all of the newest; ends of epochs, which come in their order, are looked
for by bisection. What happens seldom is read whole: a pass over the text finds it.
"""

import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, BinaryIO

from core.rows import parse_line, parse_row

WHOLE = 8 * 2**20  # bytes of a log that is read whole
NEWEST = 2**16  # bytes at the end of a longer one that are read whole too
PLACES = 4096  # where a row is read before that
ENDS = 1024  # of epochs that are looked for
BLOCK = 4096  # bytes that are read at once, many times as long as a row of metrics.jsonl
END = re.compile(rb'\{"event": ?"EpochEnd"')
# Of events.jsonl, so many are read of what comes often.
OFTEN = {b"LayerFigures": 256, b"DeviceFigures": 512, b"CheckpointSaved": 256}
OFTEN_START = re.compile(rb'\{"event": ?"(%s)"' % b"|".join(OFTEN))

TRIES = 64  # damaged lines at one place; then there is more than a line that is damaged


class Sample:
    """Rows of a log, by where their lines begin."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[dict[str, Any], ...]] = {}
        self.damaged = 0  # of the lines that were read
        self.end = 0  # of the last of them, in bytes

    def read(self, start: int, text: bytes) -> bool:
        """Take in a line; whether it holds a row."""
        line = parse_line(text)
        if line.rows:
            self.rows[start] = line.rows
        self.damaged += line.damaged
        self.end = max(self.end, start + len(text))
        return bool(line.rows)


def sample_metrics(file: BinaryIO, size: int, best_epoch: int | None) -> Sample:
    """Some of the first `size` bytes of a metrics.jsonl: PLACES rows in even distances, at least
    ENDS ends of epochs if there are so many, that of `best_epoch`, and the newest rows."""
    handle, found = file.fileno(), Sample()
    offsets = [max(size - NEWEST, 0) * place // PLACES - 1 for place in range(PLACES + 1)]
    for offset, following in pairwise(offsets):
        for start, text in islice(_lines_after(handle, offset, size), TRIES):
            if start > following or found.read(start, text):
                break
    for start, text in _lines_after(handle, offsets[-1], size):
        found.read(start, text)
    _find_ends(handle, size, found, best_epoch)
    return found


def sample_events(file: BinaryIO, size: int) -> Sample:
    """Some of the first `size` bytes of an events.jsonl: all rows of what comes seldom, the last
    and others of the kinds that come OFTEN."""
    found = Sample()
    often = {kind: array("Q") for kind in OFTEN}
    file.seek(0)
    start = 0
    for text in file:
        if start + len(text) > size or not text.endswith(b"\n"):
            break  # written meanwhile
        if matched := OFTEN_START.match(text):
            often[matched[1]].append(start)
        else:
            found.read(start, text)
        start += len(text)
    for kind, starts in often.items():
        for chosen in _evenly(starts, OFTEN[kind]):
            file.seek(chosen)
            found.read(chosen, file.readline())
    found.end = start
    return found


def _find_ends(file: int, size: int, found: Sample, best_epoch: int | None) -> None:
    """Add the ends of some epochs, in even distances, and of the best."""
    known = [(_order(row), start) for start in sorted(found.rows) for row in found.rows[start]]
    known = [(order, start) for order, start in known if order[0]]
    if not known:
        return
    orders = [order for order, _ in known]
    epochs = range(orders[0][0], orders[-1][0] + 1)
    for epoch in sorted({*_evenly(epochs, ENDS), best_epoch or epochs.start}):
        after = bisect_left(orders, (epoch, True))
        if after < len(orders) and orders[after] == (epoch, True):
            continue
        low = known[after - 1][1] if after else -1
        high = known[after][1] if after < len(known) else size
        if end := _end_of(file, epoch, low, high):
            found.read(*end)


def _end_of(file: int, epoch: int, low: int, high: int) -> tuple[int, bytes] | None:
    """Where the end of this epoch begins, between the row at `low` and that at `high`, and its
    line. None if it is not there, or where much around it is damaged."""
    size = high
    while high - low > 2 * BLOCK:
        middle = (low + high) // 2
        for start, text in islice(_lines_after(file, middle, size), TRIES):
            if row := parse_row(text):
                if _order(row) == (epoch, True):
                    return start, text
                if _order(row) < (epoch, True):
                    low = start
                else:
                    high = middle
                break
        else:
            high = middle
    for start, text in _lines_after(file, low, min(high + BLOCK, size)):
        if END.match(text) and (row := parse_row(text)) and _order(row) == (epoch, True):
            return start, text
    return None


def _order(row: dict[str, Any]) -> tuple[int, bool]:
    """What grows from row to row: the epoch, and whether it is over. (0, …) if it is unknown."""
    epoch = row.get("epoch")
    return (epoch if isinstance(epoch, int) else 0), row.get("event") == "EpochEnd"


def _evenly(items: Sequence[int], most: int) -> Iterator[int]:
    """At most so many of the items, in even distances, with the last."""
    few = min(len(items), most)
    return (items[(place + 1) * len(items) // few - 1] for place in range(few))


def _lines_after(file: int, offset: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Where each line begins that is whole within `size` bytes, and the line: those after the one
    with the byte at `offset`, all after -1."""
    start, text, skip, block = max(offset, 0), b"", offset >= 0, BLOCK
    while more := os.pread(file, max(min(block, size - start - len(text)), 0), start + len(text)):
        *lines, text = (text + more).split(b"\n")
        for line in lines:
            if not skip:
                yield start, line + b"\n"
            skip = False
            start += len(line) + 1
        block = BLOCK if lines else 2 * block  # a long line
