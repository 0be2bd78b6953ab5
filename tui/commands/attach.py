"""nnlab attach: the dashboard of a run of another process."""

from pathlib import Path
from typing import Annotated

import typer

from tui.ascii import Ascii
from tui.commands.show import complete_run
from tui.commands.tui import need_terminal
from tui.options import LowBandwidth, RunsDir

LiveRun = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help='Its name, or "last" for the newest; by default the one that is live.',
        show_default=False,
        autocompletion=complete_run,
    ),
]


def attach(
    run: LiveRun = None,
    runs_dir: RunsDir = None,
    low_bandwidth: LowBandwidth = False,
    ascii: Ascii = False,
) -> None:
    """Open the dashboard of a run that is training somewhere, or of one that is over.

    Any number can watch at once, and leaving does not touch the run. Without RUN it is the only
    run that is live, or else the newest one.

    Examples:
      nnlab attach
      nnlab attach brave-otter
    """
    from core.runs import default_runs_dir

    folder = runs_dir or default_runs_dir()
    path = find_run_to_watch(folder, run)
    need_terminal("`nnlab show` prints a run, and its log.txt tells what happens.")
    from tui.app import NNLabApp
    from tui.outlive import run_app

    raise typer.Exit(run_app(NNLabApp(run=path, runs_dir=folder, low_bandwidth=low_bandwidth)))


def find_run_to_watch(runs_dir: Path, name: str | None) -> Path:
    """The folder of the run called `name`, else of the only live run, else of the newest.

    Raises RunError.
    """
    from core.runs import ACTIVE, find_run, list_runs

    if name is None:
        live = [info for info in list_runs(runs_dir) if info.state in ACTIVE]
        name = live[0].name if len(live) == 1 else "last"
    return find_run(runs_dir, name)
