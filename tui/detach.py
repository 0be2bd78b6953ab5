"""Runs in a process of their own, which lives on when the terminal and whoever started it are gone.

The process is tui.background, in a session of its own; what it prints goes to output.txt in the
folder of the run.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.config import RunConfig
from core.errors import NNLabError, RunError
from core.events import Event, from_row
from core.permissions import check_own, open_private, share_folder
from core.record import has_begun
from core.runs import create_run, discard_run, read_info
from core.sweep import Sweep
from core.trials import check_networks, create_trials

OUTPUT = "output.txt"
LAST_WORDS_SECONDS = 5.0  # between a process' last report and its end


def detach(
    config: RunConfig,
    *,
    runs_dir: Path,
    name: str | None = None,
    data_dir: Path | None = None,
    queue: bool = False,
    share: bool = False,
    show: Callable[[Event], None] = lambda event: None,
) -> Path:
    """Start a run in the background. Returns its folder once it trains or waits in the queue.

    To `share`, its group may read it. `show` is given what happens until then. Raises NNLabError if
    it cannot start, and then, as when this is interrupted, nothing is left.
    """
    run = create_run(runs_dir, config, name, share=share)
    try:
        _start("train", [run], data_dir, ["--queue"] * queue, show)
    except BaseException:
        if not has_begun(run):
            discard_run(run)
        raise
    return run


def detach_sweep(
    runs: Sequence[Path],
    *,
    data_dir: Path | None = None,
    queue: bool = False,
    show: Callable[[Event], None] = lambda event: None,
) -> None:
    """Start in the background the runs that `core.trials.create_trials` has made, one after the
    other. Returns once one of them trains or waits in the queue.

    Raises NNLabError if it cannot start, and then, as when this is interrupted, what has not begun
    is gone.
    """
    try:
        _start("sweep", runs, data_dir, ["--queue"] * queue, show)
    except BaseException:
        for run in runs:
            if not has_begun(run):
                discard_run(run)
        raise


def start_sweep(sweep: Sweep, runs_dir: Path, data_dir: Path | None) -> list[Path]:
    """Start in the background what is left of `sweep`, behind what uses its device. Returns the
    folders of all its runs. Raises NNLabError."""
    check_networks(sweep, data_dir)
    runs = create_trials(sweep, runs_dir)
    if any(read_info(run).state != "finished" for run in runs):
        detach_sweep(runs, data_dir=data_dir, queue=True)
    return runs


def detach_resume(
    run: Path,
    *,
    data_dir: Path | None = None,
    force: bool = False,
    share: bool = False,
    show: Callable[[Event], None] = lambda event: None,
) -> Path:
    """Continue a run in the background. Returns its folder once it trains.

    `force` and `share` are those of core.experiment.resume_experiment. Raises NNLabError if it
    cannot go on.
    """
    check_own(run)
    if share:
        share_folder(run)
    _start("resume", [run], data_dir, ["--force"] * force, show)
    return run


def _start(
    what: str,
    runs: Sequence[Path],
    data_dir: Path | None,
    options: list[str],
    show: Callable[[Event], None],
) -> None:
    """Start the process and wait until it reports that it trains. Raises NNLabError."""
    run = runs[0]  # which has what it prints
    report, told = os.pipe()
    # -P: a folder called core or tui where the user is must not be taken for ours.
    words = [sys.executable, "-P", "-m", "tui.background", what, str(told)]
    words += [str(path.resolve()) for path in runs]
    if data_dir is not None:
        options = [*options, "--data-dir", str(data_dir.resolve())]
    try:
        # Explicit streams: under the dashboard the usual ones are no files.
        with open_private(run / OUTPUT, "ab") as output:
            process = subprocess.Popen(
                [*words, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(told,),
            )
    except OSError as error:
        os.close(report)
        raise RunError(
            f"No process could be started for {run}: {error.strerror}.",
            "Free space, memory or processes, and try again.",
        ) from None
    finally:
        os.close(told)
    # Who stays longer than the run, as the dashboard does, must not leave a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    try:
        _listen(report, process, run, show)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # both halves, whether they know each other yet
        process.wait()
        raise


def _listen(
    report: int, process: subprocess.Popen[bytes], run: Path, show: Callable[[Event], None]
) -> None:
    """Show what the process reports until it has started. Raises NNLabError if it will not."""
    with open(report, encoding="utf-8") as lines, (run / OUTPUT).open("rb") as output:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if "event" in row:
                show(from_row(row))
            elif "problem" in row:
                raise _problem(row)
            else:
                return
        try:
            code = process.wait(LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return  # it trains, and could not say so to somebody who did not listen
        said = output.read().decode(errors="replace").strip()[-2000:]
    raise RunError(f"{run.name} ended before its first step, with exit code {code}.", said)


def _problem(row: dict[str, Any]) -> NNLabError:
    """The error of the other process, with its exit code."""
    error = NNLabError(row["problem"], row["fix"])
    error.exit_code = row["exit_code"]
    return error
