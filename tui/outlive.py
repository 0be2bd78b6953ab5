"""The app, and what is left to do when its screen is gone: a run outlives who watches it."""

import signal
import sys
from pathlib import Path

from core.errors import NNLabError
from tui.app import NNLabApp, farewell
from tui.detach import detach_resume
from tui.format import safe_text
from tui.interrupts import Interrupts
from tui.next_command import next_command


def run_app(app: NNLabApp) -> int:
    """Show the app, then finish what it began. Returns the exit code.

    A run whose screen broke or whose terminal went away is trained to its end here; one that is to
    train on in the background is resumed by a process of its own.
    """
    app.run()
    code = app.return_code or 0
    if app.broken is not None:
        say(f"The dashboard broke: {type(app.broken).__name__}. This is a bug in nnlab.")
    dashboard = app.own_dashboard
    if dashboard and dashboard.thread.is_alive():
        code = train_on(app)
    elif dashboard and code == 128 + signal.SIGHUP:  # the run was over, and nothing was lost
        code = int(dashboard.thread.failure is not None)
    if dashboard and app.keep_training:
        if dashboard.view.state == "stopped" and dashboard.view.start:
            keep_training(Path(dashboard.view.start.path), app.data_dir)
        else:  # it has ended meanwhile
            say(farewell(dashboard.view).plain)
    return code


def train_on(app: NNLabApp) -> int:
    """Wait for the app's run to end; SIGTERM and Ctrl-C stop it with a checkpoint.

    Returns the exit code.
    """
    dashboard = app.own_dashboard
    assert dashboard
    if app.broken is not None and (start := dashboard.view.start):
        attach = next_command("attach", Path(start.path))
        say(f"Training goes on here; Ctrl-C stops it. To watch it elsewhere: {attach}")
    with Interrupts(lambda: app.own_control.send("stop")) as interrupts:
        interrupts.gentle = True
        # A signal that the system hands to another thread does not wake this one, which has to run
        # the handler.
        while dashboard.thread.is_alive():
            dashboard.thread.join(timeout=0.5)
    failed = app.broken is not None or dashboard.thread.failure is not None
    return interrupts.exit_code or int(failed)


def keep_training(run: Path, data_dir: Path | None) -> None:
    """Resume the stopped run in a process of its own, and wait until it trains."""
    say(f"{run.name} moves into the background ...")
    try:
        detach_resume(run, data_dir=data_dir)
    except NNLabError as error:
        say(f"{error.problem} {error.fix}")
        say(f"Go on with: {next_command('resume', run)}")
        return
    say("It trains on in a process of its own.")
    say(f"Watch and steer it with: {next_command('attach', run)}")


def say(line: str) -> None:
    """Print a line, where there is still somebody to read it."""
    print(safe_text(line), file=sys.stderr)
