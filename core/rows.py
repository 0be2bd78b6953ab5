"""A row of a run's logs: an event as JSON, on a line of its own, with what tells it is whole.

Beside the event's fields it has `seq` (its place in the run, over both files), `time` (Unix
seconds) and `crc` (CRC-32 of the row without it), so that a damaged row is known as one.
"""

import json
import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from core.events import EpochEnd, Event, StepReport, to_row

METRICS, OTHERS = "metrics.jsonl", "events.jsonl"
OF_NUMBERS = (StepReport, EpochEnd)  # what METRICS has rows of
ROW_START, CRC = rb'\{"event": ?"', b', "crc": "'
TO_JSON = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make one for each row


def line_of(event: Event, seq: int) -> bytes:
    """The event as the row `seq`, written now."""
    now = time.time_ns() // 1_000_000 / 1000
    if isinstance(event, OF_NUMBERS):
        # Many, and nothing but numbers. Ten times as quick as json, which for the text in other
        # rows knows how to keep it in ASCII, and file names that are no Unicode.
        row = {"event": type(event).__name__, **vars(event), "seq": seq, "time": now}
        return _with_crc(to_json(row, inf_nan_mode="strings"))
    return rewritten(to_row(event) | {"seq": seq, "time": now})


def rewritten(row: dict[str, Any]) -> bytes:
    """The line of a row that was read."""
    return _with_crc(TO_JSON(row).encode())


def _with_crc(text: bytes) -> bytes:
    return text[:-1] + CRC + b'%08x"}\n' % zlib.crc32(text)


@dataclass(frozen=True)
class Line:
    """A line of a log: usually one whole row."""

    text: bytes
    rows: tuple[dict[str, Any], ...]  # the whole ones in it, without their checksum
    damaged: bool


def lines_of(file: Path) -> Iterator[Line]:
    """All lines of the log `file`, none if there is no such file."""
    if not file.is_file():
        return
    with file.open("rb") as lines:
        yield from map(parse_line, lines)


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of `file` that are whole and say what was written, without their checksum."""
    for line in lines_of(file):
        yield from line.rows


def last_row(file: Path) -> dict[str, Any] | None:
    """The last row of the log `file` that is whole; what is before it is not read."""
    if not file.is_file():
        return None
    tried = 2**16  # bytes at the end
    with file.open("rb") as lines:
        size = lines.seek(0, os.SEEK_END)
        while True:
            lines.seek(max(size - tried, 0))
            if size > tried:
                lines.readline()  # begins in the middle
            found = [row for line in lines for row in parse_line(line).rows]
            if found or tried >= size:
                return max(found, key=lambda row: row["seq"], default=None)
            tried *= 8


def parse_line(line: bytes) -> Line:
    """One line of a log, with its line end, taken apart."""
    if (row := parse_row(line)) is not None:
        return Line(line, (row,), False)
    return Line(line.removesuffix(b"\n") + b"\n", tuple(_whole_rows(line)), True)


def parse_row(line: bytes) -> dict[str, Any] | None:
    """The row that `line` holds, without its checksum; None if it is not what was written."""
    text, mark, crc = line.rpartition(CRC)
    if mark and crc == b'%08x"}\n' % zlib.crc32(text + b"}"):
        with suppress(ValueError):  # the checksum is right: this was written to be wrong
            # Text may have escapes that only json knows, of what is no Unicode.
            parse = json.loads if b"\\" in text else from_json
            row = dict(parse(text + b"}"))
            if isinstance(row.get("seq"), int):
                return row
    return None


def _whole_rows(line: bytes) -> Iterator[dict[str, Any]]:
    """The rows in a line that is none: damage to the end of one has joined it with the next."""
    starts = [match.start() for match in re.finditer(ROW_START, line)]
    ends = [match.end() for match in re.finditer(re.escape(CRC) + rb'[0-9a-f]{8}"\}', line)]
    for start in starts:
        for end in ends:
            if (row := parse_row(line[start:end] + b"\n")) is not None:
                yield row
                break
