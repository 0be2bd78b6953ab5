"""How long a run with very many rows takes to be opened, and how much memory that needs.

    python -m benchmarks.logs [--reports 100000,1000000,10000000] [--folder DIR]

Writes the logs of runs with so many step reports, as a training does that reports each step, 234 of
them an epoch; then opens each, in a process of its own, as `nnlab plot run` and as the dashboard of
`nnlab attach` do, and draws the loss. The files were just written: a disk that has to be waited for
comes on top.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core.config import make_config
from core.events import (
    CheckpointSaved,
    ControlApplied,
    DeviceFigures,
    EpochEnd,
    Event,
    LayerFigures,
    RunEnd,
    RunStart,
    StepReport,
)
from core.record import record
from core.rows import METRICS, OF_NUMBERS, OTHERS, line_of
from core.runs import create_run

STEPS = 234  # an epoch: 60,000 images in batches of 256
LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")
OPEN = "import sys; from benchmarks.logs import opened; opened(sys.argv[1], sys.argv[2])"


def write_run(folder: Path, reports: int) -> Path:
    """The folder of a run with so many reports; its figures are made up, always the same ones."""
    epochs = -(-reports // STEPS)
    run = create_run(folder, make_config({"model": "lenet", "epochs": epochs}), f"r{reports}")
    start = RunStart(
        *(run.name, str(run), "lenet", "mnist", "cpu", "CPU", 1, 61_706),
        classes=tuple("0123456789"),
        train_images=60_000,
        test_images=10_000,
        epochs=epochs,
        steps_per_epoch=STEPS,
        batch_size=256,
    )
    end = RunEnd("finished", epochs, reports, epochs, 0.99, 1e-3 * reports)
    list(record(run, [start, end], "d"))  # with run.json
    files = {name: (run / name).open("wb") for name in (METRICS, OTHERS)}
    seq = 0

    def write(event: Event) -> None:
        nonlocal seq
        seq += 1
        files[METRICS if isinstance(event, OF_NUMBERS) else OTHERS].write(line_of(event, seq))

    write(start)
    layers = dict.fromkeys(("weights", "gradients", "lows", "highs"), (1.2345,) * 5)
    for step in range(1, reports + 1):
        epoch = (step - 1) // STEPS + 1
        loss = 2.3 / (1 + step / reports * 50) + step % 17 / 170 + 1e-9
        write(
            StepReport(
                *(epoch, step, loss, 1 - loss / 3, 0.1 / (1 + step / reports), 251_234.567891),
                *(0.0512345678 + loss / 100, 1.7e9 + step * 1e-3, 3.123456789 * loss),
            )
        )
        if step % 5000 == 0:
            write(DeviceFigures(step, cpu=0.5, memory_bytes=2**33))
            write(CheckpointSaved(epoch, step, str(run), "epoch", 0.0123, 1_234_567))
        if step % (reports // 7) == 0:
            write(ControlApplied(epoch, step, "lr", 0.1))
        if step % STEPS == 0 or step == reports:
            write(LayerFigures(epoch, step, LAYERS, histograms=((99,) * 20,) * 5, **layers))
            write(
                EpochEnd(
                    *(epoch, step, loss, 1 - loss / 3, loss + 0.01, 0.99 - loss / 3),
                    *(0.1, 0.234, 251_234.5678, 1.7e9 + step * 1e-3),
                )
            )
    write(end)
    for file in files.values():
        file.close()
    return run


def opened(how: str, folder: str) -> None:
    """Open the run in one way, draw its loss, and print what that took, as JSON."""
    from benchmarks.charts import redraw
    from core.follow import follow
    from core.tail import Rows
    from core.view import RunView, reduce_all

    run = Path(folder)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    events = Rows(run).read() if how == "plot" else follow(run, lambda: False)
    view = reduce_all(RunView(), events)
    redraw(view, "step")
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu": time.process_time() - cpu,
                "MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024,
                "reports": len(view.reports),
                "epochs": len(view.epoch_ends),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", default="100000,1000000,10000000")
    parser.add_argument("--folder", type=Path, help="a new folder to keep the runs in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nnlab-logs-", dir=Path.cwd()) as scratch:
        folder = given.folder or Path(scratch)
        print("reports        MB  opened by       s     CPU s   MB more   reports, epochs drawn")
        for reports in map(int, given.reports.split(",")):
            run = write_run(folder, reports)
            size = sum((run / name).stat().st_size for name in (METRICS, OTHERS))
            for how in ("plot", "attach"):
                command = [sys.executable, "-c", OPEN, how, str(run)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                took = json.loads(done.stdout)
                print(
                    f"{reports:<11,} {size / 1e6:>6,.0f}  {how:<9} {took['seconds']:>8.2f} "
                    f"{took['cpu']:>9.2f} {took['MB']:>9.0f}   {took['reports']:,}, "
                    f"{took['epochs']:,}"
                )


if __name__ == "__main__":
    main()
