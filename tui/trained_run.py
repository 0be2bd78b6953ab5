"""What the commands share that use the network of a run: their options, and opening it."""

import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.format import safe_text
from tui.options import RUN, completion

if TYPE_CHECKING:
    from core.trained import Trained

Checkpoint = Annotated[
    str,
    typer.Option(
        help="best (highest test score), last, or a step of `nnlab show`.",
        metavar="best|last|STEP",
        rich_help_panel=RUN,
        autocompletion=lambda: ["best", "last"],
    ),
]
DeviceName = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto, cpu, mps, cuda or cuda:N.",
        autocompletion=completion("device"),
        rich_help_panel=RUN,
    ),
]


def open_trained(run: str, runs_dir: Path | None, checkpoint: str, device: str) -> "Trained":
    """The network of the run called `run`; what was found on the way goes to the standard error.

    Torch gets as many threads as the run had. Raises whatever finding and loading it raises.
    """
    from core.runs import default_runs_dir, find_run, read_info

    path = find_run(runs_dir or default_runs_dir(), run)  # at once, before torch is imported
    with redirect_stdout(sys.stderr):  # a user's file may print when it runs
        import torch

        from core.trained import load_trained

        trained = load_trained(path, checkpoint, device)
    if threads := read_info(path).threads:
        torch.set_num_threads(min(threads, os.cpu_count() or 1))
    for notice in trained.notices:
        print(safe_text(notice), file=sys.stderr)
    return trained


def title(trained: "Trained") -> str:
    """Which network this is, in a line."""
    config, at = trained.config, trained.position
    which = "best checkpoint" if at.step == at.best_step else "checkpoint"
    return (
        f"{trained.run.name}: {Path(config.model).name} on {Path(config.data).name}, "
        f"{which}: epoch {trained.epoch}, step {at.step}"
    )


def as_json(trained: "Trained") -> dict[str, Any]:
    """Which network this is, as JSON."""
    return {
        "run": trained.run.name,
        "model": trained.config.model,
        "data": trained.config.data,
        "checkpoint": str(trained.checkpoint),
        "epoch": trained.epoch,
        "step": trained.position.step,
    }
