"""What keeping a run and watching its layers costs, beside training it.

    python -m benchmarks.checkpoints [--models softmax,mlp,lenet,resnet18] [--data fashion-mini]
        [--data-dir DIR] [--seconds 30] [--json]

Trains each network as `nnlab train` does, with rows, run.json, checkpoints and
figures of its layers at the default cadence, and adds up the time that goes into them: of the
clock, waiting for the disk included, and of the processor alone, which says more on a machine that
is shared. The other way to measure it, a run with against one without, drowns on most machines in
what else they do.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import core.record
import core.saving
from core.config import make_config
from core.control import Control
from core.events import CheckpointSaved, RunStart, StepReport
from core.experiment import run_experiment
from core.layer_watch import LayerWatch

WARM_UP = 5.0  # seconds; the first checkpoints come before their cost is known


class Meter:
    """Seconds spent in the calls it is put around; nested ones count once."""

    def __init__(self) -> None:
        self.seconds, self.cpu, self._depth = 0.0, 0.0, 0

    def around(self, owner: Any, name: str) -> None:
        call: Callable[..., Any] = getattr(owner, name)

        def metered(*arguments: Any, **named: Any) -> Any:
            self._depth += 1
            began, cpu = time.perf_counter(), time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - began
                    self.cpu += time.thread_time() - cpu

        setattr(owner, name, metered)


def measure(
    model: str, data: str, data_dir: Path | None, seconds: float, meters: dict[str, Meter]
) -> dict[str, float]:
    """Trains `model` on `data` for `seconds` after WARM_UP; figures of that time."""
    config = make_config(
        {
            "model": model,
            "data": data,
            "epochs": 100_000,
            "batch_size": 256,
            "threads": 1,
            "device": "cpu",
        }
    )
    control = Control()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        began = cpu = 0.0
        size = first = count = 0
        figures: dict[str, float] = {}
        for event in run_experiment(
            config, runs_dir=Path(folder), data_dir=data_dir, control=control
        ):
            now, cpu_now = time.perf_counter(), time.thread_time()
            if isinstance(event, RunStart):
                began = now
            if isinstance(event, CheckpointSaved):
                size, count = event.size, count + 1
            if not isinstance(event, StepReport):
                continue
            if not first and now - began > WARM_UP:
                first, began, cpu, count = event.step, now, cpu_now, 0
                for meter in meters.values():
                    meter.seconds = meter.cpu = 0.0
            if first and now - began > seconds and not figures:
                elapsed, busy = now - began, cpu_now - cpu
                figures = {
                    "steps_per_second": (event.step - first) / elapsed,
                    "checkpoints_per_minute": count * 60 / elapsed,
                }
                for name, meter in meters.items():
                    figures[f"{name}_share"] = meter.seconds / elapsed
                    figures[f"{name}_cpu_share"] = meter.cpu / busy
                control.send("stop")
    return figures | {"checkpoint_bytes": size}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="softmax,mlp,lenet,resnet18")
    parser.add_argument("--data", default="fashion-mini")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    meters = {"saving": Meter(), "rows": Meter(), "layers": Meter()}
    for name in ("take", "write"):
        meters["rows"].around(core.record._Recording, name)
    for name in ("take_snapshot", "write_snapshot", "prune"):
        meters["saving"].around(core.saving, name)
    meters["saving"].around(core.record.RowWriter, "sync")
    for name in ("gradient_norm", "_measure", "_note_alive", "remember"):
        meters["layers"].around(LayerWatch, name)
    results = {
        model: measure(model, arguments.data, arguments.data_dir, arguments.seconds, meters)
        for model in arguments.models.split(",")
    }
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    print(
        f"{'network':<10} {'steps/s':>8} {'MB':>6} {'saved/min':>9}   saving (CPU)     rows (CPU)"
        "   layers (CPU)"
    )
    for model, r in results.items():
        print(
            f"{model:<10} {r['steps_per_second']:>8,.0f} {r['checkpoint_bytes'] / 1e6:>6.1f} "
            f"{r['checkpoints_per_minute']:>9.1f} "
            f"{r['saving_share']:>8.2%} {r['saving_cpu_share']:>7.2%} "
            f"{r['rows_share']:>8.2%} {r['rows_cpu_share']:>7.2%} "
            f"{r['layers_share']:>8.2%} {r['layers_cpu_share']:>7.2%}"
        )


if __name__ == "__main__":
    main()
