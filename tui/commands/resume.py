"""nnlab resume: continue a run where it was stopped."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated

import typer

from core.control import Control, Request
from core.events import Event
from tui.commands.control import ask
from tui.commands.show import Run
from tui.commands.train import Detach
from tui.options import RUN, DataDir, Json, RunsDir, Share

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
    detach: Detach = False,
    force: Force = False,
    share: Share = False,
    json: Json = False,
) -> None:
    """Continue a run: one that is paused goes on, another starts from its newest checkpoint.

    Weights, optimizer, batch order and random numbers go on as if it had not been stopped, with
    the settings it was started with and what was changed since.

    If its network is a net.py of somebody's, this runs the code in that file.

    Examples:
      nnlab resume brave-otter
      nnlab resume last --detach
    """
    from core.runs import default_runs_dir, find_run, read_info
    from tui.rank import follow_rank, torchruns_world

    path = find_run(runs_dir or default_runs_dir(), run)
    info, world = read_info(path), torchruns_world(None)
    if info.state == "paused":
        ask(run, runs_dir, [Request("resume")], json)
        return
    several = info.config is not None and info.config.devices != "1"
    if detach or (several and not world.launched):
        from tui.detach import detach_resume
        from tui.reporter import follow_detached
        from tui.watching import watch_detached

        def start_process(show: Callable[[Event], None]) -> Path:
            return detach_resume(path, data_dir=data_dir, force=force, share=share, show=show)

        (follow_detached if detach else watch_detached)(start_process, json)
        return

    def start(control: Control) -> Generator[Event, None, None]:
        from core.experiment import resume_experiment  # takes seconds, for torch

        yield from resume_experiment(
            path, data_dir=data_dir, control=control, force=force, share=share, world=world
        )

    follow_rank(world, start, data_dir, json)
