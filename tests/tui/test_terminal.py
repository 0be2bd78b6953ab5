"""The terminal stalls, goes away and comes back under a real `nnlab tui` with a real training."""

import os
import re
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pseudo_terminal import PATIENCE, Terminal, train_score

from core.mailbox import RemoteControl
from core.record import read_events
from core.runs import read_facts, read_info

# More epochs than any machine trains meanwhile: each test ends its run itself.
TRAINING = ("tui", "--start", "softmax", "--threads", "1", "--epochs", "100000")


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def wait_until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"never {what}"
        time.sleep(0.02)


def train_on_to_the_end(run: Path) -> None:
    """Wait until the run has trained some more, and let the epoch it is in then be its last."""
    wait_until(lambda: read_info(run).state == "training", "begun")
    epoch = read_info(run).epoch
    wait_until(lambda: read_info(run).epoch > epoch + 2, "trained on")
    RemoteControl(run).send("epochs", 1)


@pytest.mark.parametrize(
    "moment",
    [*(pytest.param(m, marks=pytest.mark.slow) for m in ("importing", "preparing")), "training"],
)
def test_the_run_is_trained_to_its_end_when_the_terminal_is_closed(open_terminal, tmp_path, moment):
    terminal = open_terminal(*TRAINING)
    terminal.until({"importing": "softmax", "preparing": "images", "training": train_score}[moment])
    terminal.hang_up()
    wait_until((tmp_path / "runs").is_dir, "prepared")
    wait_until(lambda: any((tmp_path / "runs").iterdir()), "prepared")
    run = only_run(tmp_path)
    train_on_to_the_end(run)
    assert terminal.status() == 0
    assert read_info(run).state == "finished"
    log = (run / "log.txt").read_text()
    assert log.index("the terminal went away; training goes on") < log.index("finished after")


def test_a_run_without_its_terminal_needs_no_time_for_it_and_stops_for_sigterm(
    open_terminal, tmp_path
):
    terminal = open_terminal(*TRAINING)
    terminal.until(train_score)
    process = psutil.Process(terminal.child.pid)
    terminal.hang_up()
    log = only_run(tmp_path) / "log.txt"
    wait_until(lambda: "went away" in log.read_text(), "noticed")
    wait_until(lambda: "/dev/null" in str(Path(f"/proc/{process.pid}/fd/2").readlink()), "given up")

    before = seconds_by_thread(process)

    def used() -> list[float]:
        now = seconds_by_thread(process)
        return sorted(seconds - before.get(id, 0.0) for id, seconds in now.items())

    wait_until(lambda: used()[-1] > 1, "trained on")  # a second of the processor, the training's
    assert sum(used()[:-1]) < 0.2, used()  # one that reads a closed terminal on and on uses more

    process.send_signal(signal.SIGCONT)  # comes with SIGHUP, and must not bring the screen back
    process.terminate()
    assert terminal.status() == 143
    assert read_info(only_run(tmp_path)).state == "stopped"


def seconds_by_thread(process: psutil.Process) -> dict[int, float]:
    return {thread.id: thread.user_time + thread.system_time for thread in process.threads()}


@pytest.mark.slow
def test_sighup_alone_gives_a_living_terminal_back_in_order(open_terminal, tmp_path):
    terminal = open_terminal(*TRAINING)
    before = termios.tcgetattr(terminal.child.child_fd)
    terminal.until(train_score)
    os.kill(terminal.child.pid, signal.SIGHUP)
    train_on_to_the_end(run := only_run(tmp_path))
    assert terminal.end() == 0
    assert terminal.modes_left_on() == []
    assert termios.tcgetattr(terminal.child.child_fd)[:4] == before[:4]
    assert read_info(run).state == "finished"
    assert "the terminal went away" in (run / "log.txt").read_text()


def draw_much(terminal: Terminal, seconds: float) -> None:
    """Have the screen drawn again and again, and read nothing of it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.child.send("v" * 10)
        time.sleep(0.1)


@pytest.mark.slow
def test_a_terminal_that_stops_reading_holds_up_nothing_and_is_drawn_anew_when_it_reads_on(
    open_terminal, tmp_path
):
    terminal = open_terminal(*TRAINING, width=200, height=60)
    terminal.until(train_score)
    process = psutil.Process(terminal.child.pid)
    draw_much(terminal, 3)
    memory, steps = process.memory_info().rss, len(list(read_events(only_run(tmp_path))))
    draw_much(terminal, 3)
    assert process.memory_info().rss < memory + (64 << 20)
    wait_until(lambda: len(list(read_events(only_run(tmp_path)))) > steps, "trained on")

    terminal.child.send("y")  # the loss on a logarithmic axis: only a whole new screen shows that
    terminal.until("log")
    terminal.until(lambda text: "● training" in text.splitlines()[0])
    epoch = newest_epoch(terminal.text)
    terminal.until(lambda text: newest_epoch(text) > epoch + 2)
    assert len({len(line) for line in terminal.screen.display}) == 1
    terminal.child.send("q")
    terminal.until("This run is still training.")
    terminal.child.send("y")
    assert terminal.end() == 0
    assert terminal.modes_left_on() == []


def newest_epoch(text: str) -> int:
    found = re.search(r"epoch +(\d+)/", text)
    return int(found[1]) if found else 0


@pytest.mark.slow
def test_sigterm_ends_a_run_whose_terminal_does_not_read_and_leaves_the_terminal_a_way_back(
    open_terminal, tmp_path
):
    terminal = open_terminal(*TRAINING, width=200, height=60)
    before = termios.tcgetattr(terminal.child.child_fd)
    terminal.until(train_score)
    draw_much(terminal, 3)
    os.kill(terminal.child.pid, signal.SIGTERM)
    assert terminal.status() == 143
    assert read_info(only_run(tmp_path)).state == "stopped"
    assert termios.tcgetattr(terminal.child.child_fd)[:4] == before[:4]
    terminal.read_rest()
    assert terminal.modes_left_on() == []


@pytest.mark.slow
def test_ctrl_z_gives_the_terminal_back_and_fg_brings_the_dashboard_back(open_terminal, tmp_path):
    terminal = open_terminal(*TRAINING)
    before = termios.tcgetattr(terminal.child.child_fd)
    terminal.until(train_score)
    process = psutil.Process(terminal.child.pid)
    terminal.child.send("\x1a")
    while process.status() != psutil.STATUS_STOPPED:
        assert terminal.read()
    terminal.read_rest()
    assert terminal.modes_left_on() == []
    assert termios.tcgetattr(terminal.child.child_fd)[:4] == before[:4]
    terminal.screen.reset()

    process.send_signal(signal.SIGCONT)
    epoch = newest_epoch(terminal.until(newest_epoch))
    terminal.until(lambda text: newest_epoch(text) > epoch)
    process.terminate()
    assert terminal.end() == 143
    assert terminal.modes_left_on() == []


BREAKS = """
from tui.screens.dashboard import DashboardScreen
def broken(self):
    raise ZeroDivisionError("in a key")
DashboardScreen.action_log_scale = broken
from tui.cli import main; main()
"""


def test_a_bug_in_the_dashboard_ends_the_screen_but_not_the_run(
    open_terminal, tmp_path, monkeypatch
):
    monkeypatch.setattr("pseudo_terminal.NNLAB", BREAKS)
    terminal = open_terminal(*TRAINING)
    terminal.until(train_score)
    terminal.child.send("y")
    terminal.until("Training goes on here")
    assert terminal.modes_left_on() == []
    run = only_run(tmp_path)
    said = terminal.written.decode().rpartition("\x1b[?1049l")[2]
    assert "The dashboard broke: ZeroDivisionError." in said
    assert f"nnlab attach {run.name}" in said
    epoch = read_info(run).epoch
    wait_until(lambda: read_info(run).epoch > epoch + 2, "trained on")
    terminal.child.send("\x03")
    assert terminal.end() == 130
    assert read_info(run).state == "stopped"
    assert "the dashboard broke; training goes on" in (run / "log.txt").read_text()


@pytest.mark.slow
def test_keeping_a_run_moves_it_into_the_background_and_gives_the_prompt_back(
    open_terminal, tmp_path
):
    terminal = open_terminal(*TRAINING)
    terminal.until(train_score)
    terminal.child.send("q")
    terminal.until("Keep training (k)")
    terminal.child.send("k")
    assert terminal.end() == 0
    assert terminal.modes_left_on() == []
    run = only_run(tmp_path)
    assert f"nnlab attach {run.name}" in terminal.written.decode()
    pid = read_facts(run)["pid"]
    try:
        assert pid != terminal.child.pid
        assert os.getsid(pid) not in (os.getsid(0), terminal.child.pid)
        assert read_info(run).state == "training"
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: read_info(run).state == "stopped", "stopped")
