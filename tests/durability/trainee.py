"""What the kill loop kills: a small run, in a process that a fork server made.

The server has imported torch once; a child costs a fork and not two seconds.
"""

import shutil
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

import core.experiment as experiment
import core.prepare as prepare
import core.saving as saving
from core.checkpoint import checkpoints
from core.config import RunConfig, make_config
from core.control import Control
from core.datasets import Dataset, Images, Loading, Where
from core.errors import NNLabError
from core.events import RunStart, StepReport, to_row

torch.set_num_threads(1)  # threads do not survive a fork

STEPS = 60  # ten epochs of six


def config() -> RunConfig:
    """Everything that has a state, draws at random or looks at the step."""
    return make_config(
        {
            "model": "mlp_dropout", "model_options": {"hidden1": 16, "hidden2": 8},
            "input_size": 8, "epochs": 10, "batch_size": 8, "optimizer": "sgd", "lr": 0.1,
            "momentum": 0.9, "schedule": "cosine", "augmentation": "cutout", "threads": 1,
            "device": "cpu", "report_interval": 0,
        }
    )  # fmt: skip


def load_small(name: str, where: Where) -> Loading:
    """48 + 24 images of noise in three classes."""
    yield from ()
    generator = torch.Generator().manual_seed(1)
    parts = [
        Images(
            torch.randint(256, (count, 1, 8, 8), generator=generator).to(torch.uint8),
            torch.randint(3, (count,), generator=generator),
        )
        for count in (48, 24)
    ]
    return Dataset("small", ("a", "b", "c"), *parts, "0" * 64)


def train(run: Path, tell: Connection) -> None:
    """Start the run in the folder `run`, or resume it, and tell what happens in dictionaries:
    {"row": an event as its reader sees it}, {"saving": True} before and {"saving": False} after a
    checkpoint is written, {"anew": True} before what was killed without one is thrown away."""
    prepare.load = load_small
    write = saving.write_snapshot

    def write_aloud(*arguments: Any) -> Any:
        tell.send({"saving": True})
        written = write(*arguments)
        tell.send({"saving": False})
        return written

    saving.write_snapshot = write_aloud
    control = Control()
    if checkpoints(run / "checkpoints"):
        events = experiment.resume_experiment(run, control=control)
    else:
        tell.send({"anew": True})
        shutil.rmtree(run, ignore_errors=True)
        events = experiment.run_experiment(
            config(), runs_dir=run.parent, name=run.name, control=control
        )
    for event in events:
        tell.send({"row": to_row(event)})
        if isinstance(event, StepReport) and event.step % 4 == 0:
            control.send("checkpoint")


def resume(run: Path, tell: Connection) -> None:
    """Resume the run; the last word is {"problem": what went wrong}, or {"problem": ""}."""
    prepare.load = load_small
    try:
        for event in experiment.resume_experiment(run):
            if isinstance(event, RunStart):
                tell.send({"row": to_row(event)})
    except NNLabError as error:
        tell.send({"problem": str(error)})
    else:
        tell.send({"problem": ""})


def start(runs_dir: Path, name: str | None, tell: Connection) -> None:
    """Start a run called `name`; the last word is as that of `resume`."""
    prepare.load = load_small
    try:
        for event in experiment.run_experiment(config(), runs_dir=runs_dir, name=name):
            if isinstance(event, RunStart):
                tell.send({"row": to_row(event)})
    except NNLabError as error:
        tell.send({"problem": str(error)})
    else:
        tell.send({"problem": ""})
