"""A run of three epochs as a list of events, for tests of what shows it."""

import math
from typing import Any

from core.events import (
    CheckpointSaved,
    ControlApplied,
    EpochEnd,
    Event,
    LayerFigures,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
)
from core.view import RunView, reduce_all

STEPS = 100  # in an epoch


def run_start(**changes: Any) -> RunStart:
    values: dict[str, Any] = {
        "run": "brave-otter",
        "path": "runs/brave-otter",
        "model": "lenet",
        "data": "fashion-mini",
        "device": "cpu",
        "device_name": "a CPU",
        "threads": 2,
        "parameters": 61706,
        "classes": ("shirt", "boot"),
        "train_images": 6400,
        "test_images": 1000,
        "epochs": 3,
        "steps_per_epoch": STEPS,
        "batch_size": 64,
    }
    return RunStart(**(values | changes))


def table_start(**changes: Any) -> RunStart:
    """Of a run that predicts a number from the rows of a table."""
    table = {"columns": [], "target": "age", "target_mean": 50.0, "target_spread": 9.0}
    return run_start(**({"metric": "R²", "classes": (), "table": table} | changes))


def report(step: int, loss: float, accuracy: float = 0.5, lr: float = 0.1) -> StepReport:
    return StepReport((step - 1) // STEPS + 1, step, loss, accuracy, lr, 5000.0, 0.02)


def epoch_end(epoch: int, loss: float, accuracy: float, seconds: float = 1.25) -> EpochEnd:
    """Test figures are a little worse than training figures."""
    return EpochEnd(
        epoch, epoch * STEPS, loss, accuracy, loss + 0.1, accuracy - 0.05, 0.1, seconds, 5000.0
    )


def layer_figures(step: int, **changes: Any) -> LayerFigures:
    """Of two layers and the ReLU between them, a quarter of whose units is dead."""
    values: dict[str, Any] = {
        "layers": ("block.conv", "fc"),
        "weights": (3.0 + step / 1000, 4.0),
        "gradients": (0.3, 100.0 / step),
        "lows": (-1.0, -step / 100),
        "highs": (1.0, step / 100),
        "histograms": ((1, 2, 4, 2), (0, 5, 5, 0)),
        "relus": ("block.relu",),
        "dead": (0.25,),
        "updates": (1.2e-3, 1 / step),
    }
    return LayerFigures((step - 1) // STEPS + 1, step, **(values | changes))


def epoch(number: int, accuracy: float) -> list[Event]:
    """Ten reports of a falling loss, the evaluation, the row, the checkpoint."""
    first = (number - 1) * STEPS
    steps = range(first + 10, first + STEPS + 1, 10)
    return [
        *(report(s, 2.3 * math.exp(-s / STEPS), accuracy) for s in steps),
        Progress("evaluating", 500, 1000, "images"),
        epoch_end(number, 2.3 * math.exp(-number), accuracy),
        CheckpointSaved(number, first + STEPS, "checkpoints/step", "epoch", 0.01, 500_000),
    ]


ACCURACIES = (0.70, 0.85, 0.80)  # the best epoch is the second
END = RunEnd("finished", 3, 3 * STEPS, 2, 0.80, 3.75)
WHOLE_RUN: list[Event] = [
    run_start(),
    *(event for n, accuracy in enumerate(ACCURACIES, 1) for event in epoch(n, accuracy)),
    END,
]
HALF_RUN = WHOLE_RUN[:20]  # one epoch, and six reports of the second


def applied(step: int, request: str, value: float | None = None) -> ControlApplied:
    return ControlApplied((step - 1) // STEPS + 1, step, request, value)


def view_of(*events: Event) -> RunView:
    return reduce_all(RunView(), events)
