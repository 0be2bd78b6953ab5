"""nnlab tui: the dashboard."""

import os
import sys

import typer

from core.errors import ConfigError
from tui.ascii import Ascii
from tui.options import (
    DataDir,
    Given,
    LowBandwidth,
    RunsDir,
    completion,
    with_run_options,
)

Start = typer.Option(
    "--start",
    metavar="MODEL",
    help="Open the dashboard with this network already training; the settings below are its own. "
    "path/to/net.py:MyNet runs the code in that file.",
    autocompletion=completion("model"),
)


@with_run_options(Start)
def tui(
    given: Given,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    low_bandwidth: LowBandwidth = False,
    ascii: Ascii = False,
) -> None:
    """Open the dashboard: pick a network and images, and watch it learn.

    Without --start or --config it begins with the choice.

    Examples:
      nnlab tui
      nnlab tui --start lenet --data fashion-mnist --epochs 16 --lr 0.5
      nnlab tui --config runs/brave-otter/config.json
    """
    if given and given.file is None and "model" not in given.values:
        raise ConfigError(
            "These settings are for a run, and no network is named.",
            "Add --start MODEL, or leave them out and choose on the first screen.",
        )
    config = given.config() if given else None
    need_terminal("Use `nnlab train`, which prints plain lines or --json.")
    # Not core.experiment: the first screen is painted before torch is imported.
    from core.runs import default_runs_dir
    from tui.app import NNLabApp
    from tui.outlive import run_app

    app = NNLabApp(
        config,
        runs_dir=runs_dir or default_runs_dir(),
        data_dir=data_dir,
        low_bandwidth=low_bandwidth,
    )
    raise typer.Exit(run_app(app))


def need_terminal(otherwise: str) -> None:
    """Raises ConfigError where no dashboard can be drawn; `otherwise` says what to do there."""
    # Textual draws on the standard error and reads keys from the standard input.
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise ConfigError(
            "The dashboard needs a terminal that can move its cursor, for input and output.",
            otherwise,
        )
