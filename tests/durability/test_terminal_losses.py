"""A hundred terminals closed at random instants, and a hundred left in every way there is."""

import os
import random
import signal
import termios
import time

import pytest
from pseudo_terminal import train_score

from core.runs import read_info

TRAINING = ("tui", "--start", "softmax", "--threads", "1", "--epochs")
pytestmark = pytest.mark.slow


def test_a_hundred_runs_finish_whose_terminals_are_closed_at_random_instants(
    open_terminal, tmp_path
):
    chance = random.Random(0)
    for count in range(100):
        terminal = open_terminal(*TRAINING, "12")
        terminal.until(lambda text: "softmax" in text)
        end = time.monotonic() + chance.uniform(0, 6)  # from importing torch to after the end
        while time.monotonic() < end:
            terminal.read()
        terminal.hang_up()
        status = terminal.status()
        runs = sorted((tmp_path / "runs").iterdir())
        assert len(runs) == count + 1
        assert {read_info(run).state for run in runs} == {"finished"}
        assert status in (0, 128 + signal.SIGHUP)  # the latter when the run was over already


def test_a_hundred_exits_restore_the_terminal(open_terminal):
    chance = random.Random(1)
    ways = ("key", signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for count in range(100):
        way = ways[count % len(ways)]
        # After SIGHUP alone a run trains on to its end.
        terminal = open_terminal(*TRAINING, "12" if way == signal.SIGHUP else "100000")
        before = termios.tcgetattr(terminal.child.child_fd)
        terminal.until(train_score)
        for _ in range(chance.randrange(20)):
            terminal.child.send(chance.choice("yevf"))
            terminal.read()
        if way == "key":
            terminal.child.send("q")
            terminal.until("This run is still training.")
            terminal.child.send("y")
        else:
            os.kill(terminal.child.pid, way)
        assert terminal.end() == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(way, 0)
        assert terminal.modes_left_on() == [], way
        assert termios.tcgetattr(terminal.child.child_fd) == before, way
        terminal.close()
