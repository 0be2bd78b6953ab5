"""A program that shows a run which only pretends to train: it needs no torch and starts at once.

    python pretended_run.py FILE [EPOCHS] [--json]

It goes on until it is asked to stop, or for so many epochs. An epoch takes 50 ms; FILE receives how
many seconds it counted in all, and how many have passed.
"""

import sys
import time
from collections.abc import Generator
from pathlib import Path

import typer

from core import clock
from core.control import Control
from core.events import EpochEnd, Event, RunEnd, RunStart
from tui.reporter import follow

FILE = Path(sys.argv[1])
EPOCHS = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2].isdigit() else 6_000  # 5 minutes


def start(control: Control) -> Generator[Event, None, None]:
    yield RunStart(
        *("r", "runs/r", "mlp", "fashion-mini", "cpu", "CPU", 1, 9, ("a", "b"), 100, 50),
        *(EPOCHS, 2, 50),
    )
    counted, began = clock.seconds(), time.monotonic()
    epoch = 0
    while epoch < EPOCHS and not control.wants("stop"):
        epoch += 1
        time.sleep(0.05)  # the work
        yield EpochEnd(epoch, 2 * epoch, 0.5, 0.8, 0.6, 0.7, 0.1, 0.05, 2000.0)
    FILE.write_text(f"{clock.seconds() - counted} {time.monotonic() - began}")
    state = "finished" if epoch == EPOCHS else "stopped"
    yield RunEnd(state, epoch, 2 * epoch, 1, 0.7, 1.0)


if __name__ == "__main__":
    try:
        follow(start, "--json" in sys.argv)
    except typer.Exit as end:
        sys.exit(end.exit_code)
