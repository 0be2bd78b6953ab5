"""nnlab resume: continue a run where it was stopped."""

from collections.abc import Generator
from typing import Annotated

import typer

from core.control import Control
from core.events import Event
from tui.commands.show import Run
from tui.options import RUN, DataDir, Json, RunsDir

Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Also if a process of another machine has the run, which cannot be seen from here. "
        "Only if that process is gone: two at once would mix their rows and checkpoints.",
        rich_help_panel=RUN,
    ),
]


def resume(
    run: Run,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Continue a run from its newest checkpoint, with the settings it was started with.

    Weights, optimizer, batch order and random numbers go on as if it had not been stopped.

    Examples:
      nnlab resume brave-otter
      nnlab resume last
    """
    from core.runs import default_runs_dir, find_run
    from tui.reporter import follow

    path = find_run(runs_dir or default_runs_dir(), run)

    def start(control: Control) -> Generator[Event, None, None]:
        from core.experiment import resume_experiment  # takes seconds, for torch

        yield from resume_experiment(path, data_dir=data_dir, control=control, force=force)

    follow(start, json)
