"""nnlab resume: continue a run where it was stopped."""

from collections.abc import Generator

from core.control import Control
from core.events import Event
from tui.commands.show import Run
from tui.options import DataDir, Json, RunsDir, Share


def resume(
    run: Run,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    share: Share = False,
    json: Json = False,
) -> None:
    """Continue a run from its newest checkpoint, with the settings it was started with.

    Weights, optimizer, batch order and random numbers go on as if it had not been stopped.

    If its network is a net.py of somebody's, this runs the code in that file.

    Examples:
      nnlab resume brave-otter
      nnlab resume last
    """
    from core.runs import default_runs_dir, find_run
    from tui.reporter import follow

    path = find_run(runs_dir or default_runs_dir(), run)

    def start(control: Control) -> Generator[Event, None, None]:
        from core.experiment import resume_experiment  # takes seconds, for torch

        yield from resume_experiment(path, data_dir=data_dir, control=control, share=share)

    follow(start, json)
