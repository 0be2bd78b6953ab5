"""Folders of runs, written as a training writes them, in no time."""

from pathlib import Path
from typing import Any

from core.config import make_config
from core.events import CheckpointSaved, EpochEnd, Event, RunEnd, RunStart
from core.record import record
from core.runs import create_run


def write_run(
    runs_dir: Path,
    name: str,
    *,
    state: str = "finished",
    problem: str = "",
    score: float = 0.81,
    **settings: Any,
) -> Path:
    """A run of two epochs, ended in `state`; the first test score is the best."""
    config = make_config({"model": "mlp", "epochs": 3, "lr": 0.25} | settings)
    path = create_run(runs_dir, config, name)
    start = RunStart(
        *(name, str(path), config.model, "fashion-mini", "cpu", "CPU", 1, 203_530),
        *(("coat", "bag"), 10_000, 2_000, 3, 157, 64),
    )
    saved = path / "checkpoints" / "step-00000314"
    saved.mkdir(parents=True)
    events: list[Event] = [
        start,
        EpochEnd(1, 157, 0.6, 0.78, 0.55, score, 0.25, 2.0, 49_512.0),
        EpochEnd(2, 314, 0.5, 0.80, 0.57, score - 0.02, 0.25, 2.0, 49_512.0),
        CheckpointSaved(2, 314, str(saved), "epoch", 0.1, 9),
        RunEnd(state, 2, 314, 1, score, 4.0, problem, "Try --lr 0.025." if problem else ""),
    ]
    list(record(path, events, "0" * 64))
    return path
