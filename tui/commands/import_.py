"""nnlab import: a run from weights that somebody else saved."""

from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import typer

from core.control import Control
from core.events import Event
from tui.commands.train import Name
from tui.options import DataDir, Given, Json, RunsDir, Share, completion, with_run_options

Model = typer.Option(
    "--model",
    metavar="MODEL",
    help="The network that the weights are of: a name from `nnlab models`, or path/to/net.py:MyNet,"
    " which runs the code in that file.",
    autocompletion=completion("model"),
)
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A state_dict in a .pt, .pth or .safetensors file.", show_default=False
    ),
]


@with_run_options(Model)
def import_(
    given: Given,
    file: File,
    name: Name = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    share: Share = False,
    json: Json = False,
) -> None:
    """Make a run from weights that somebody else saved, to evaluate, inspect or train on.

    No code in the file is run: only tensors are read, by another process with little memory and
    time. Their names and shapes have to be those of the network. The run has done no step yet:
    `nnlab resume` trains it on, with the settings given here.

    Examples:
      nnlab import lenet.pt --model lenet --data fashion-mnist
      nnlab import net.safetensors --model path/to/net.py:MyNet --name theirs --lr 0.01
    """
    config = given.config()
    from core.runs import default_runs_dir
    from tui.reporter import follow

    def start(control: Control) -> Generator[Event, None, None]:
        from core.experiment import import_run  # takes seconds, for torch

        yield from import_run(
            config,
            file,
            runs_dir=runs_dir or default_runs_dir(),
            name=name,
            data_dir=data_dir,
            share=share,
        )

    follow(start, json)
