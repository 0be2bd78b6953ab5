"""A program that shows a run which only pretends to train: it needs no torch and starts at once.

    python pretended_run.py EPOCHS FILE [--json]

An epoch takes 50 ms. FILE receives the seconds that the longest took, at the end of the run.
"""

import sys
import time
from collections.abc import Generator
from pathlib import Path

from core import clock
from core.control import Control
from core.events import EpochEnd, Event, RunEnd, RunStart
from tui.reporter import follow

EPOCHS, FILE = int(sys.argv[1]), Path(sys.argv[2])


def start(control: Control) -> Generator[Event, None, None]:
    yield RunStart(
        *("r", "runs/r", "mlp", "fashion-mini", "cpu", "CPU", 1, 9, ("a", "b"), 100, 50),
        *(EPOCHS, 2, 50),
    )
    longest = 0.0
    for epoch in range(1, EPOCHS + 1):
        began = clock.seconds()
        time.sleep(0.05)  # the work
        seconds = clock.seconds() - began
        longest = max(longest, seconds)
        yield EpochEnd(epoch, 2 * epoch, 0.5, 0.8, 0.6, 0.7, 0.1, seconds, 2000.0)
        if control.wants("stop"):
            break
    FILE.write_text(str(longest))
    yield RunEnd("finished", EPOCHS, 2 * EPOCHS, 1, 0.7, 1.0)


if __name__ == "__main__":
    follow(start, "--json" in sys.argv)
