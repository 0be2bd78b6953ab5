"""The whole program in a real pseudo-terminal: its own process, real training, real signals."""

import os
import signal

import pytest
from pseudo_terminal import echoes, train_score


def test_somebody_starts_a_training_watches_it_learn_and_leaves(open_terminal, tmp_path):
    terminal = open_terminal("tui")
    terminal.until("fashion-mini")
    assert not echoes(terminal)
    terminal.child.send("\r")

    terminal.until("● training")
    terminal.child.send("+")
    terminal.until("How many epochs more?")
    terminal.child.send("90\r")
    terminal.until("/100 ")
    first = train_score(terminal.until(train_score))
    assert first is not None
    terminal.until(lambda text: (train_score(text) or 0) > max(first + 0.02, 0.8))

    terminal.resize(80, 24)
    terminal.until(lambda text: "? Help q Quit" in text.splitlines()[-1])
    terminal.until(lambda text: "● training" in text.splitlines()[0])

    terminal.child.send("q")
    terminal.until("This run is still training.")
    terminal.child.send("y")
    assert terminal.end() == 0
    assert terminal.modes_left_on() == []
    assert echoes(terminal)
    farewell = terminal.written.decode().rpartition("\x1b[?1049l")[2]
    assert "stopped after" in farewell
    assert "nnlab resume" in farewell
    assert "leak" not in farewell  # as libraries would have it that are not taken down
    (run,) = (tmp_path / "runs").iterdir()
    assert any((run / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("signum", "status"),
    [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_a_signal_saves_the_run_and_restores_the_terminal(open_terminal, tmp_path, signum, status):
    terminal = open_terminal("tui", "--start", "softmax", "--epochs", "100000")
    terminal.until(train_score)
    os.kill(terminal.child.pid, signum)
    assert terminal.end() == status
    assert terminal.modes_left_on() == []
    assert echoes(terminal)
    assert "nnlab resume" in terminal.written.decode()
    (run,) = (tmp_path / "runs").iterdir()
    assert any((run / "checkpoints").iterdir())


@pytest.mark.slow
def test_sigusr1_saves_a_checkpoint_and_the_dashboard_goes_on(open_terminal, tmp_path):
    terminal = open_terminal("tui", "--start", "softmax", "--epochs", "100000")
    terminal.until(train_score)
    os.kill(terminal.child.pid, signal.SIGUSR1)
    terminal.until("Checkpoint saved")
    terminal.until("● training")
