"""nnlab train: train a network in the terminal, without the dashboard."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated

import typer

from core.control import Control
from core.errors import ConfigError
from core.events import Event
from tui.options import RUN, DataDir, Given, Json, RunsDir, Share, completion, with_run_options

Model = typer.Argument(
    metavar="MODEL",
    help="A name from `nnlab models`, or path/to/net.py:MyNet, which runs the code in that file. "
    "Needed unless --config has it.",
    autocompletion=completion("model"),
    show_default=False,
)
Name = Annotated[
    str | None,
    typer.Option(help="What to call the run. Default: a name of its own.", rich_help_panel=RUN),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        "-d",
        help="Train in the background, as a process that outlives this terminal.",
        rich_help_panel=RUN,
    ),
]
Queue = Annotated[
    bool,
    typer.Option(
        "--queue",
        help="Wait until no other run of yours uses the device; auto takes the first free GPU.",
        rich_help_panel=RUN,
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        "--repeat",
        min=1,
        metavar="N",
        help="Train N runs with the seeds --seed, --seed + 1, ..., as one where that is faster. "
        "They are called NAME-1, NAME-2, ...",
        rich_help_panel=RUN,
    ),
]


@with_run_options(Model)
def train(
    given: Given,
    name: Name = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    detach: Detach = False,
    queue: Queue = False,
    repeat: Repeat = 1,
    share: Share = False,
    json: Json = False,
) -> None:
    """Train a network, printing a line for each epoch.

    Ctrl-C finishes the step, saves a checkpoint and ends; a second Ctrl-C leaves at once. SIGTERM
    does the same, SIGUSR1 saves a checkpoint and goes on. When the terminal is closed or the
    connection drops, the run goes on without output.

    Examples:
      nnlab train mlp
      nnlab train lenet --data fashion-mnist --epochs 16 --lr 0.5
      nnlab train resnet18 --data path/to/photos --augmentation flip,crop
      nnlab train path/to/net.py:MyNet --model-options width=64 --name wide
      nnlab train --config runs/wide/config.json --seed 1
      nnlab train lenet --detach --queue
      nnlab train lenet --repeat 8 --name seeds
      nnlab train resnet18 --devices all
      nnlab train mlp --json | jq 'select(.event == "EpochEnd").test_score'
    """
    config = given.config()
    from core.runs import default_runs_dir
    from tui.rank import follow_rank, start_or_go_on, torchruns_world

    world = torchruns_world(config)
    if repeat > 1:
        if config.devices != "1" or world.size > 1:
            raise ConfigError(
                "Repeated runs train on one device each.", "Leave out --devices, or --repeat."
            )
        from core.sweep import plan_sweep
        from tui.commands.sweep import train_all

        seeds = f"{config.seed}:{config.seed + repeat - 1}:1"
        planned = plan_sweep({**given.values, "seed": seeds}, file=given.file, name=name)
        folder = runs_dir or default_runs_dir()
        train_all(planned, folder, data_dir, detach, queue, share, json)
        return
    if detach or (config.devices != "1" and not world.launched):
        from tui.detach import detach as detach_run
        from tui.reporter import follow_detached
        from tui.watching import watch_detached

        def start_process(show: Callable[[Event], None]) -> Path:
            return detach_run(
                config,
                runs_dir=runs_dir or default_runs_dir(),
                name=name,
                data_dir=data_dir,
                queue=queue,
                share=share,
                show=show,
            )

        (follow_detached if detach else watch_detached)(start_process, json)
        return

    def start(control: Control) -> Generator[Event, None, None]:
        # Takes seconds, for torch: after a bad setting was told, and while there are bars to see.
        yield from start_or_go_on(
            world,
            config,
            name,
            runs_dir=runs_dir or default_runs_dir(),
            data_dir=data_dir,
            control=control,
            queue=queue,
            share=share,
        )

    follow_rank(world, start, data_dir, json)
