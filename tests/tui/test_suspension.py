"""Ctrl-Z and fg, in a real shell on a real pseudo-terminal."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from core import clock
from tui.suspension import Suspension

PATIENCE = 60  # seconds, on a machine that is busy with other things
STOPPED = 1.0  # seconds between Ctrl-Z and fg


@pytest.fixture
def stops(monkeypatch):
    """What happens to a process that is stopped by SIGTSTP for 100 seconds, written down."""
    happened = []
    now = [0.0]
    raise_signal = signal.raise_signal

    def stop(signum):
        if signal.getsignal(signum) is signal.SIG_DFL:  # it would really stop
            happened.append("stopped")
            now[0] += 100
        else:
            raise_signal(signum)

    monkeypatch.setattr("signal.raise_signal", stop)
    for place in ("tui.suspension", "core.clock"):
        monkeypatch.setattr(f"{place}.perf_counter", lambda: now[0])
    monkeypatch.setattr("core.clock._stopped", 0.0)

    @contextmanager
    def hidden():
        happened.append("hidden")
        yield
        happened.append("shown")

    return happened, hidden


def test_what_moves_is_hidden_while_the_program_is_stopped_and_no_time_passes(stops):
    happened, hidden = stops
    with Suspension(hidden):
        before = clock.seconds()
        signal.raise_signal(signal.SIGTSTP)
        assert happened == ["hidden", "stopped", "shown"]
        signal.raise_signal(signal.SIGTSTP)
        assert happened == ["hidden", "stopped", "shown"] * 2
        assert clock.seconds() == before


def test_a_line_is_finished_first_unless_it_is_asked_for_twice(stops):
    happened, hidden = stops
    with Suspension(hidden) as suspension:
        with suspension.held_off():
            signal.raise_signal(signal.SIGTSTP)
            assert happened == []
        assert happened == ["hidden", "stopped", "shown"]
        with suspension.held_off():
            signal.raise_signal(signal.SIGTSTP)
            signal.raise_signal(signal.SIGTSTP)
            assert happened == ["hidden", "stopped", "shown"] * 2
    assert len(happened) == 6


def test_ctrl_z_and_fg_in_a_shell_leave_a_clean_screen_and_true_figures(tmp_path):
    environment = {**os.environ, "TERM": "xterm-256color", "PS1": "$ "}
    shell = pexpect.spawn(
        "/bin/bash", ["--norc", "--noediting"], env=environment, timeout=PATIENCE, echo=False
    )
    program = Path(__file__).with_name("pretended_run.py")
    shell.sendline(f"{sys.executable} {program} {tmp_path / 'seconds'}")
    shell.expect(r" 2 +0\.5000")  # the second epoch's line
    shell.send("\x1a")
    shell.expect("Stopped")
    assert shell.before.rpartition(b"\x1b[?25")[2].startswith(b"h")  # the cursor is to be seen
    time.sleep(STOPPED)  # the stop itself, not a wait for something
    shell.sendline("fg")
    shell.expect("ETA")  # the bars are drawn again
    shell.sendintr()
    shell.expect("next  ")
    shell.expect(r"\$ ")
    assert shell.before.rpartition(b"\x1b[?25")[2].startswith(b"h") or b"[?25l" not in shell.before
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    counted, passed = map(float, (tmp_path / "seconds").read_text().split())
    assert passed - counted >= STOPPED
