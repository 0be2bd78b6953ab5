"""A run of any process, live or over, as the events that its folder tells: what `nnlab attach`
shows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from core.events import (
    Event,
    Notice,
    Progress,
    Queued,
    RunEnd,
    RunStart,
    StartOver,
    StepReport,
    Waiting,
)
from core.owner import lives
from core.run_lock import stopped_since
from core.runs import ACTIVE, RunInfo, in_line, read_facts, read_info
from core.tail import Rows
from core.view import RunView, reduce_all

POLL_SECONDS = 0.25
ASK_SECONDS = 1.0  # between two looks whether the process is still there
EXPLAINED_SECONDS = 40.0  # that a launcher has to end the other processes and to say who was first
UNREADABLE_SECONDS = 3.0  # without run.json: that of a new run comes with its first step


def follow(run: Path, left: Callable[[], bool]) -> Iterator[Event]:
    """Everything recorded in the folder `run` so far, then each new event as it is written.

    Ends with the RunEnd of a run that is over (one is made up for a run that ended without a
    word), or as soon as `left()` is true. When the rows are rewritten, as resuming does with those
    after its checkpoint, StartOver comes and then everything anew. A process that stands still is
    told as Waiting. Needs little memory, however long the run; see core.tail.
    """
    rows = Rows(run)
    view = RunView()
    newest: list[StepReport] = []  # the last, if it is not in the view yet
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
            view, newest = _folded(view, newest, event)
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
                    view, newest = _folded(view, newest, event)
                    yield event
                if not view.end:
                    yield end_of(_explained(info, left), reduce_all(view, newest))
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


def _explained(info: RunInfo, left: Callable[[], bool]) -> RunInfo:
    """A run that failed, once the launcher of its processes has said which one ended first, and
    how: rank 0, if it is still there, only knows who is gone."""
    if not info.problem or info.config is None or info.config.devices == "1":
        return info
    facts = read_facts(info.path)
    while (
        facts
        and not facts.get("explained")
        and time.time() - facts["updated"] < EXPLAINED_SECONDS
        and not left()
    ):
        time.sleep(POLL_SECONDS)
        facts = read_facts(info.path)
    return read_info(info.path)


def _folded(
    view: RunView, newest: list[StepReport], event: Event
) -> tuple[RunView, list[StepReport]]:
    """The view with one more event, and what is not in it: only the last of many reports is."""
    if isinstance(event, StepReport):
        return view, [event]
    view = reduce_all(view, [*newest, event])
    # What `end_of` does not ask for would be copied for each row.
    return replace(view, reports=(), layers=(), devices=(), log=()), []


def _in_line(info: RunInfo) -> Queued | None:
    """What a run that has no rows yet tells of its waiting; None if it does not wait."""
    if info.state != "queued":
        return None
    return Queued(info.standing.behind if info.standing else ())


def end_of(info: RunInfo, view: RunView) -> RunEnd:
    """The end of a run that has none in its rows, whose rows add up to `view`."""
    best = view.best
    # A run that has not begun leaves nothing, and of its folder run.json goes first.
    if view.start is None and not (info.path / "run.json").exists():
        return RunEnd("stopped", 0, 0, None, None, 0.0)
    return RunEnd(
        state="crashed" if info.state == "unreadable" else info.state,
        epoch=view.epoch_ends[-1].epoch if view.epoch_ends else 0,
        step=view.step,
        best_epoch=best.epoch if best else None,
        best_test_score=best.test_score if best else None,
        # Of a long run, not all epochs are at hand; run.json may be behind.
        seconds=max(sum(end.seconds for end in view.epoch_ends), info.seconds),
        problem=info.problem,
        fix=f"Go on with `nnlab resume {info.name}`." if info.problem else "",
    )
