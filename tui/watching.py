"""A run of other processes on the standard output, as if this one trained it: what `nnlab train`
shows of a run on several devices."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from core.control import Control, Request
from core.errors import RunError
from core.events import Event, Progress, RunEnd, RunStart
from core.follow import follow as follow_folder
from core.mailbox import RemoteControl
from core.record import read_events
from core.run_lock import holder
from core.runs import read_info
from tui.reporter import follow

LAST_WORDS_SECONDS = 10.0  # between the end of a run's rows and that of its processes


def watch_detached(start: Callable[[Callable[[Event], None]], Path], as_json: bool) -> None:
    """Show the run that `start` begins until it ends; signals are requests to it.

    `start` is given what to call with each event before the first step, and returns the run's
    folder. Raises RunError if the run fails, and typer.Exit if a signal stopped it.
    """

    def events(control: Control) -> Generator[Event, None, None]:
        yield Progress("starting the processes", 0, None)
        run = start(lambda event: None)
        starts = sum(isinstance(event, RunStart) for event in read_events(run))
        seen = 0
        with _passed_on(control, run):
            for event in follow_folder(run, lambda: False):
                seen += isinstance(event, RunStart)
                if isinstance(event, RunEnd) and event.state == "stopped":
                    event = _as_its_ranks_say(run, event)
                if starts <= 1 or seen >= starts:  # what was before it was resumed is known
                    yield event
                if isinstance(event, RunEnd) and event.problem:
                    raise RunError(event.problem, event.fix)

    follow(events, as_json)


def _as_its_ranks_say(run: Path, end: RunEnd) -> RunEnd:
    """The end of a run that was stopped: with a problem, if that is what stopped it."""
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while holder(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    return replace(end, problem=read_info(run).problem, fix=f"Go on with: nnlab resume {run.name}")


@contextmanager
def _passed_on(control: Control, run: Path) -> Iterator[None]:
    """While the context lasts, what `control` is asked for is asked of the run in that folder."""
    over = threading.Event()

    def pass_on() -> None:
        while not over.is_set():
            control.wait(0.25)
            while isinstance(request := control.take(), Request):
                RemoteControl(run).send(request.kind, request.value)

    thread = threading.Thread(target=pass_on, name="requests", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
