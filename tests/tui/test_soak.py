"""Half an hour of a dashboard that is told of every step, a million and more."""

import time
from statistics import median

import psutil
import pytest
from pseudo_terminal import Terminal, train_score

from core.runs import list_runs, read_info

# A report a step, and so many steps an epoch that the table of epochs stays short.
BUSY = ("tui", "--start", "softmax", "--threads", "1", "--epochs", "100000")
EVERY_STEP = ("--report-interval", "0", "--batch-size", "4")
WARM_UP = 0.2  # of the time: curves and caches fill up to their limits
MOST_GROWTH = 48 << 20  # bytes


@pytest.mark.parametrize(
    ("seconds", "reports", "slower"),
    [
        pytest.param(5, 100, 10, id="sample"),
        pytest.param(1800, 1_000_000, 2, id="half an hour", marks=pytest.mark.slow),
    ],
)
def test_memory_stays_flat_and_keys_are_answered_as_quickly_after_a_million_reports(
    open_terminal, tmp_path, seconds, reports, slower
):
    terminal = open_terminal(*BUSY, *EVERY_STEP)
    terminal.until(train_score)
    process = psutil.Process(terminal.child.pid)
    (run,) = (tmp_path / "runs").iterdir()
    began = time.monotonic()
    memory: list[int] = []
    delays: list[float] = []
    while (elapsed := time.monotonic() - began) < seconds or read_info(run).step < reports:
        delays.append(seconds_to_answer(terminal))
        if elapsed > WARM_UP * seconds:
            memory.append(process.memory_info().rss)
        pause_until = time.monotonic() + seconds / 100
        while time.monotonic() < pause_until:
            assert terminal.read()
    terminal.child.send("q")
    terminal.until("This run is still training.")
    terminal.child.send("y")
    assert terminal.end() == 0

    (info,) = list_runs(tmp_path / "runs")
    third = len(delays) // 3
    first, last = median(delays[:third]), median(delays[-third:])
    mib = [size >> 20 for size in (memory[0], max(memory), memory[-1])]
    print(f"{info.step:,} reports in {elapsed / 60:.0f} minutes;")
    print(f"memory {mib[0]} MiB after the warm-up, {mib[1]} at most, {mib[2]} at last;")
    print(f"a key is answered in {first * 1000:.0f} ms at first, {last * 1000:.0f} ms at last")
    assert info.state == "stopped"
    assert max(memory) - memory[0] < MOST_GROWTH
    assert last < slower * first + 0.1


def seconds_to_answer(terminal: Terminal) -> float:
    """From a key that makes the loss axis logarithmic, or linear again, to its being drawn."""
    was = "log scale" in terminal.text
    pressed = time.monotonic()
    terminal.child.send("y")
    terminal.until(lambda text: ("log scale" in text) != was)
    return time.monotonic() - pressed
