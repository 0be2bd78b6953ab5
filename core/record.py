"""The rows of a run folder: written while it runs, read back by anyone.

Each row is the event as JSON with `seq` (its place in the run, over both files), `time` (Unix
seconds) and `crc` (CRC-32 of the row without it), so that a damaged row is known as one.
"""

import heapq
import json
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.events import (
    ControlApplied,
    EpochEnd,
    Event,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
    from_row,
    to_row,
)
from core.permissions import open_private
from core.runs import process_facts, read_facts, write_facts
from core.view import RunView, describe, reduce, reduce_all

METRICS, OTHERS, LOG = "metrics.jsonl", "events.jsonl", "log.txt"


def record(path: Path, events: Iterable[Event], data_digest: str) -> Iterator[Event]:
    """Pass `events` on unchanged, each written to the run folder `path` first.

    Continues a folder that has rows already. Raises RunError if it can no longer be written.
    """
    view = reduce_all(RunView(), read_events(path))
    seq = max((row["seq"] for name in (METRICS, OTHERS) for row in _rows(path / name)), default=0)
    facts = process_facts() | {
        "started": read_facts(path).get("started", time.time()),
        "data_digest": data_digest,
    }
    try:
        # Line buffering: a killed run keeps every row up to the last whole line.
        with (
            open_private(path / METRICS, "a", buffering=1, encoding="utf-8") as metrics,
            open_private(path / OTHERS, "a", buffering=1, encoding="utf-8") as others,
            open_private(path / LOG, "a", buffering=1, encoding="utf-8") as log,
        ):
            for event in events:
                if not isinstance(event, Progress):  # news of the moment, not of the run
                    seq += 1
                    file = metrics if isinstance(event, StepReport | EpochEnd) else others
                    file.write(_to_line(event, seq))
                    if text := describe(event):
                        log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {text}\n")
                    view = reduce(view, event)
                    if isinstance(event, RunStart | EpochEnd | ControlApplied | RunEnd):
                        write_facts(path, facts | _figures(view))
                yield event
    except OSError as error:
        raise RunError(
            f"The run folder {path} cannot be written: {error.strerror}.",
            f"Free space or mend its permissions, then continue with `nnlab resume {path.name}`.",
        ) from None
    except BaseException as error:  # a bug, or a reader that left: the process may well live on
        if view.start and not view.end:
            problem = f"It ended in the middle: {type(error).__name__} {error}".rstrip()
            write_facts(path, facts | _figures(view) | {"state": "crashed", "problem": problem})
        raise


def read_events(path: Path) -> Iterator[Event]:
    """Everything recorded in the run folder `path`, in order; rows that are damaged, or that only
    a newer nnlab understands, are left out."""
    rows = heapq.merge(*(_rows(path / name) for name in (METRICS, OTHERS)), key=lambda r: r["seq"])
    for row in rows:
        with suppress(KeyError, TypeError):
            yield from_row(row)


def has_begun(path: Path) -> bool:
    """Whether anything was recorded in the run folder `path`: before, there is nothing to keep."""
    return (path / OTHERS).exists()


def damaged_rows(path: Path) -> int:
    """How many rows of the run folder `path` cannot be read."""
    lines = 0
    for name in (METRICS, OTHERS):
        if (path / name).is_file():
            with (path / name).open("rb") as file:
                lines += sum(1 for _ in file)
    return lines - sum(1 for _ in read_events(path))


def set_aside(path: Path, step: int, epoch: int) -> int:
    """Move the rows after `step` out of the way of a run that goes on from there, in `epoch`, the
    end of which is still to come.

    They are kept in metrics.jsonl.superseded and events.jsonl.superseded. Returns how many.
    """
    moved = 0
    for name in (METRICS, OTHERS):
        kept: list[str] = []
        late: list[str] = []
        for row in _rows(path / name):
            ended = row["event"] == "EpochEnd" and row["epoch"] >= epoch
            past = row.get("step", 0) > step or ended or row["event"] == "RunEnd"
            (late if past else kept).append(_line(row))
        if late:
            with open_private(path / f"{name}.superseded", "a", encoding="utf-8") as file:
                file.writelines(late)
            temporary = path / f".{name}.tmp"
            with open_private(temporary, "w", encoding="utf-8") as file:
                file.writelines(kept)
            temporary.replace(path / name)
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
        "epoch": len(view.epoch_ends),
        "epochs": view.epochs,
        "step": view.step,
        "best_epoch": best.epoch if best else None,
        "best_test_score": best.test_score if best else None,
        "metric": view.start.metric,
        "seconds": view.end.seconds if view.end else sum(e.seconds for e in view.epoch_ends),
        "problem": view.end.problem if view.end else "",
    }


def _to_line(event: Event, seq: int) -> str:
    return _line(to_row(event) | {"seq": seq, "time": round(time.time(), 3)})


def _line(row: dict[str, Any]) -> str:
    text = json.dumps(row, allow_nan=False)
    return f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n'


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of `file` that are whole and say what was written, without their checksum."""
    if not file.is_file():
        return
    with file.open("rb") as lines:
        for line in lines:
            if row := parse_row(line):
                yield row


def parse_row(line: bytes) -> dict[str, Any] | None:
    """The row that `line` holds, without its checksum; None if it is not what was written."""
    text, mark, crc = line.rpartition(b', "crc": "')
    if mark and crc == b'%08x"}\n' % zlib.crc32(text + b"}"):
        with suppress(ValueError):  # the checksum is right: this was written to be wrong
            row = dict(json.loads(text + b"}"))
            if isinstance(row.get("seq"), int):
                return row
    return None
