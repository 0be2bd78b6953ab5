"""The process of a detached run: python -m tui.background train|resume|sweep REPORT FOLDER [...].

A sweep has a folder for each of its runs, which it trains one after the other.

It forks before anything large is imported. One half trains; the other, a few megabytes, passes
signals on to it and notes how it ended, so that a run that was killed can be told from others.

What whoever started it should know goes to the file descriptor REPORT, a JSON object a line:
events while the run is prepared, then {"started": true} or {"problem": ..., "fix": ...}.
"""

import json
import os
import select
import signal
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from core.config import RunConfig
    from core.control import Control
    from core.events import Event

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def main() -> NoReturn:
    """Train what the arguments name, and leave with the exit code of `nnlab train`."""
    parser = ArgumentParser()
    parser.add_argument("what", choices=("train", "resume", "sweep"))
    parser.add_argument("report", type=int)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--queue", action="store_true")
    parser.add_argument("--force", action="store_true")
    asked = parser.parse_args()
    child = os.fork()
    if child == 0:
        train(asked)
    os.close(asked.report)
    supervise(child, asked.runs)


def supervise(child: int, runs: Sequence[Path]) -> NoReturn:
    """Wait for the process that trains, note its death, and end as it ended."""

    def pass_on(signum: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, signum)

    for signum in PASSED_ON:
        signal.signal(signum, pass_on)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        from core.runs import note_death

        for run in runs:
            with suppress(OSError):  # nowhere to write it down
                note_death(run, code)
    sys.exit(code if code >= 0 else 128 - code)


def train(asked: Namespace) -> NoReturn:
    """Run what was asked for, with its table on the standard output."""
    from typer import Exit

    from core.errors import NNLabError
    from tui.cli import show_error

    report = Report(asked.report)
    try:
        if asked.what == "sweep":
            train_sweep(asked, report)
        else:
            train_one(asked, report)
    except NNLabError as error:
        report.problem(error)
        show_error(error)
        sys.exit(error.exit_code)
    except Exit as stopped:
        sys.exit(stopped.exit_code)
    sys.exit(0)


def train_one(asked: Namespace, report: "Report") -> None:
    """Start or resume a run. Raises NNLabError."""
    from core.runs import read_info
    from tui.reporter import follow

    (run,) = asked.runs
    config = read_info(run).config
    if config and config.devices != "1":
        sys.exit(launch_ranks(run, asked, config, report))

    def start(control: "Control") -> Generator["Event", None, None]:
        from core.experiment import resume_experiment, run_created

        events: Iterator[Event]
        if asked.what == "train":
            events = run_created(run, data_dir=asked.data_dir, control=control, queue=asked.queue)
        else:
            events = resume_experiment(
                run, data_dir=asked.data_dir, control=control, force=asked.force
            )
        for event in events:
            yield event
            report.event(event)  # after it was taken in: from RunStart on, signals are gentle

    follow(start, as_json=False)


def train_sweep(asked: Namespace, report: "Report") -> None:
    """Train runs one after the other. Raises NNLabError."""
    from core.trials import SweepControl, run_trials
    from tui.sweep_reporter import follow_sweep

    def start(control: SweepControl) -> Generator[tuple[int, "Event"], None, None]:
        for index, event in run_trials(
            asked.runs, data_dir=asked.data_dir, control=control, queue=asked.queue
        ):
            yield index, event
            report.event(event)

    follow_sweep(start, asked.runs, as_json=False)


def launch_ranks(run: Path, asked: Namespace, config: "RunConfig", report: "Report") -> int:
    """Start or resume a run of several processes. Returns the exit code; raises NNLabError."""
    from core.device import count_devices
    from tui.launcher import launch

    words = [asked.what, str(run)]
    if asked.data_dir:
        words += ["--data-dir", str(asked.data_dir)]
    if asked.queue:
        words.append("--queue")
    if asked.force:
        words.append("--force")
    count = count_devices(config.device, config.devices)
    threading.Thread(target=report.follow, args=(run,), daemon=True).start()
    code = launch(run, words, count)
    report.started()  # if it was over before that was seen
    return code


class Report:
    """The way back to whoever started this process, who may be gone or busy."""

    def __init__(self, file: int) -> None:
        self._file: int | None = file
        os.set_blocking(file, False)
        os.set_inheritable(file, False)

    def event(self, event: "Event") -> None:
        """Tell what happens until the run has started or waits in a queue."""
        from core.events import Notice, Progress, Queued, RunStart, to_row

        if isinstance(event, Progress | Notice):
            self._write(to_row(event))
        elif isinstance(event, Queued | RunStart):
            if isinstance(event, Queued):
                self._write(to_row(event))
            self.started()

    def started(self) -> None:
        """Tell that there is nothing more to wait for."""
        self._write({"started": True})
        self._close()

    def follow(self, run: Path) -> None:
        """Tell of the start of a run that other processes train, once its folder does."""
        from core.runs import UNDER_WAY, read_info

        while read_info(run).state not in UNDER_WAY:
            time.sleep(0.1)
        self.started()

    def problem(self, error: Any) -> None:
        """Tell why there will be no start."""
        self._write({"problem": error.problem, "fix": error.fix, "exit_code": error.exit_code})
        self._close()

    def _write(self, row: dict[str, Any]) -> None:
        line = json.dumps(row).encode() + b"\n"
        if self._file is None or len(line) > select.PIPE_BUF:
            return
        # Written whole or, if whoever should read it is gone or asleep, not at all.
        with suppress(OSError):
            os.write(self._file, line)

    def _close(self) -> None:
        file, self._file = self._file, None  # two threads may come at once
        if file is not None:
            os.close(file)


if __name__ == "__main__":
    main()
