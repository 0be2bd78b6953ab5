"""A training in a process of its own, between which and the disk shim.c stands.

    python shimmed.py RUNS SCENARIO [ARGUMENTS]

The scenarios say what happens; the tests look at what is left. Whatever data set is named, the
images are the tiny ones of the tests.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EPOCHS = 8
STEPS = 5  # in an epoch


def compile_shim(folder: Path) -> Path:
    """Build shim.so in `folder`. Skips without a C compiler or where nothing can be preloaded."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    options = ["-shared", "-fPIC", "-O1", "-w"]
    subprocess.run([compiler, *options, "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def run_shimmed(shim: Path, runs: Path, *scenario: str, log: Path | None = None) -> str:
    """What the scenario printed. Raises CalledProcessError."""
    runs.mkdir(exist_ok=True)
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "SHIM_UNDER": str(runs.resolve()),
        "PYTHONPATH": f"{root}:{root / 'tests'}",
        **({"SHIM_LOG": str(log)} if log else {}),
    }
    command = [sys.executable, __file__, str(runs.resolve()), *scenario]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def settings() -> dict[str, object]:
    return {
        "model": "mlp_dropout", "model_options": {"hidden1": 8, "hidden2": 8}, "input_size": 8,
        "epochs": EPOCHS, "batch_size": 10, "optimizer": "sgd", "momentum": 0.9, "lr": 0.1,
        "threads": 1, "device": "cpu", "report_interval": 0, "checkpoint_seconds": 0,
    }  # fmt: skip


def load_tiny(name: str, where: object) -> Any:
    """Stands for core.datasets.load."""
    from striped import striped_images

    from core.datasets import Dataset

    yield from ()
    train, test = striped_images(48, 1), striped_images(24, 2)
    return Dataset("tiny", ("a", "b", "c"), train, test, "0" * 64)


def digest(model: Path) -> str:
    return hashlib.sha256(model.read_bytes()).hexdigest()


def acknowledged(runs: Path) -> None:
    """A run with requests, a kill and a resumption; each checkpoint is noted down when it is told
    of, which is when a user counts on it."""
    from core.config import make_config
    from core.control import Control
    from core.events import CheckpointSaved, StepReport
    from core.experiment import resume_experiment, run_experiment

    control = Control()
    config = make_config(settings())
    run, killed_at = runs / "r", None
    with (runs / "acknowledged").open("a", buffering=1) as noted:
        for begin in (
            lambda: run_experiment(config, runs_dir=runs, name="r", control=control),
            lambda: resume_experiment(run, control=control),
        ):
            events = begin()
            for event in events:
                if isinstance(event, CheckpointSaved):
                    model = Path(event.path) / "model.safetensors"
                    noted.write(f"{event.step} {digest(model)}\n")
                if isinstance(event, StepReport) and event.step in (8, 28):
                    control.send("checkpoint")
                if isinstance(event, StepReport) and event.step == 12:
                    control.send("lr", 0.05)
                if isinstance(event, StepReport) and event.step == 19 and killed_at is None:
                    killed_at = event.step  # for the folder, as good as a kill
                    break
            events.close()


def shim() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.shim_fill.argtypes = [ctypes.c_long]
    return library


def full(runs: Path, offsets: str) -> None:
    """A checkpoint written onto a disk that is full after so many bytes, for each offset."""
    import torch
    from torch import nn

    from core.checkpoint import Circumstances, load_newest, take_snapshot, write_snapshot
    from core.training import Position

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 8)).sum().backward()
    optimizer.step()

    def snapshot(step: int) -> object:
        return take_snapshot(model, optimizer, Position(step=step), Circumstances({}, {}, ""))

    good = snapshot(10)
    folder = runs / "checkpoints"
    write_snapshot(folder, good)
    before = digest(folder / "step-00000010" / "model.safetensors")
    # A little less: the state of another step may be some bytes shorter.
    size = sum(file.stat().st_size for file in (folder / "step-00000010").iterdir()) - 64
    with torch.no_grad():
        model[0].weight.add_(1)
    kept = 0
    count = int(offsets)
    for number in range(count):
        other = snapshot(10 if number % 2 else 20)  # beside the good one, or in its place
        shim().shim_fill(number * size // count)
        try:
            write_snapshot(folder, other)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        else:
            raise AssertionError(f"{number * size // count} of {size} bytes were enough")
        finally:
            shim().shim_fill(2**62)
        found, damaged = load_newest(folder)
        kept += found.position.step == 10 and not damaged
        assert [p.name for p in folder.iterdir()] == ["step-00000010"]
        assert digest(found.path / "model.safetensors") == before
    print(kept)


def broken(runs: Path) -> None:
    """Runs during which everything below the folder fails, in each way, from a moment on until the
    run has said that it waits."""
    import core.patience
    from core.config import make_config
    from core.events import CheckpointSaved, EpochEnd, Event, StepReport, Waiting
    from core.experiment import run_experiment
    from core.record import damaged_rows, read_events
    from core.runs import read_info

    core.patience.RETRY_SECONDS = 0.0
    config = make_config(settings())

    def outcome(name: str, trouble: int, moment: type[Event]) -> tuple[int, object]:
        waits = 0
        for event in run_experiment(config, runs_dir=runs, name=name):
            if isinstance(event, moment) and event.epoch == 3 and not waits:
                shim().shim_fail(trouble)
            if isinstance(event, Waiting) and event.problem:
                assert os.strerror(trouble) in event.problem
                waits += 1
                shim().shim_fail(0)
        assert read_info(runs / name).state == "finished"
        assert not damaged_rows(runs / name)
        steps = [e.step for e in read_events(runs / name) if isinstance(e, StepReport)]
        final = runs / name / "checkpoints" / f"step-{EPOCHS * STEPS:08d}"
        return waits, (steps, digest(final / "model.safetensors"))

    _, truth = outcome("straight", 0, EpochEnd)
    for name in ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "ENOENT", "ESTALE"):
        for moment in (StepReport, EpochEnd, CheckpointSaved):
            told = outcome(f"{name}-{moment.__name__}", getattr(errno, name), moment)
            assert told == (1, truth), (name, moment)
            print(name, moment.__name__)


SCENARIOS: dict[str, Callable[..., None]] = {
    "acknowledged": acknowledged,
    "full": full,
    "broken": broken,
}


if __name__ == "__main__":
    import torch

    import core.prepare

    torch.set_num_threads(1)
    core.prepare.load = load_tiny
    SCENARIOS[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])
