"""Output that goes away: a real pipe and a real terminal, closed while a run writes to it."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tui.lasting_output import Lasting, lasting_output

CTRL_S, CTRL_Q = "\x13", "\x11"
PATIENCE = 60  # seconds, on a machine that is busy with other things
PRETENDED_RUN = str(Path(__file__).with_name("pretended_run.py"))


class Broken(io.StringIO):
    """A terminal that is gone after its first line."""

    def write(self, text: str) -> int:
        if self.getvalue():
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


def test_what_nobody_takes_is_dropped_and_told_once(capsys):
    stream = Broken()
    lasting = Lasting(stream)
    for line in ("one\n", "two\n", "three\n"):
        assert lasting.write(line) == len(line)
        lasting.flush()
    assert stream.getvalue() == "one\n"
    told = capsys.readouterr().err
    assert told == "the output is gone (Input/output error); the run goes on\n"


def test_everything_else_is_the_streams_own():
    assert Lasting(Broken("x")).getvalue() == "x"
    assert not Lasting(io.StringIO()).isatty()


def test_the_streams_come_back_afterwards():
    before = sys.stdout, sys.stderr, signal.getsignal(signal.SIGHUP)
    with lasting_output():
        assert isinstance(sys.stdout, Lasting)
    assert (sys.stdout, sys.stderr, signal.getsignal(signal.SIGHUP)) == before


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_has_enough_does_not_end_the_run(tmp_path, options):
    process = subprocess.Popen(
        [sys.executable, PRETENDED_RUN, "20", str(tmp_path / "done"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert process.wait(timeout=PATIENCE) == 0, errors
    assert errors == "the output is gone (Broken pipe); the run goes on\n"
    assert (tmp_path / "done").exists()


def open_terminal(*command: str, seen: str = "epoch +loss", **env: str) -> pexpect.spawn:
    environment = {**os.environ, "TERM": "xterm-256color", **env}
    terminal = pexpect.spawn(sys.executable, list(command), env=environment, timeout=PATIENCE)
    terminal.expect(seen)
    return terminal


def end_of(terminal: pexpect.spawn) -> int:
    """Close the terminal before the program's eyes, and wait for its exit code."""
    os.close(terminal.child_fd)
    terminal.closed = True  # pexpect must not end what it no longer can see
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(terminal.pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(terminal.pid, signal.SIGKILL)
    pytest.fail("it did not end")


def test_a_terminal_that_is_closed_does_not_end_the_run(tmp_path):
    terminal = open_terminal(PRETENDED_RUN, "40", str(tmp_path / "done"))
    assert end_of(terminal) == 0
    assert (tmp_path / "done").exists()


@pytest.mark.slow
def test_a_training_goes_on_when_its_terminal_is_closed(tmp_path):
    options = ["--epochs", "5", "--name", "r", "--threads", "1", "--device", "cpu"]
    nnlab = ["-c", "from tui.cli import main; main()", "train", "softmax", *options]
    assert end_of(open_terminal(*nnlab, NNLAB_RUNS=str(tmp_path))) == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["state"] == "finished"


def test_a_terminal_that_does_not_read_holds_nothing_up_and_gets_all_lines_later(tmp_path):
    done = tmp_path / "done"
    terminal = open_terminal(PRETENDED_RUN, "60", str(done))
    terminal.send(CTRL_S)
    end = time.monotonic() + PATIENCE
    while not done.exists():
        assert time.monotonic() < end, "the run waits for its terminal"
        time.sleep(0.05)
    terminal.send(CTRL_Q)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0
    shown = re.sub(rb"\x1b\[[?\d;]*\w", b"", terminal.before).decode()
    epochs = [int(epoch) for epoch in re.findall(r"(\d+) +0\.5000 +0\.8000", shown)]
    assert epochs == list(range(1, 61))


def test_sighup_gives_the_terminal_back_and_the_run_goes_on(tmp_path):
    terminal = open_terminal(PRETENDED_RUN, "40", str(tmp_path / "done"))
    os.kill(terminal.pid, signal.SIGHUP)
    terminal.expect(pexpect.EOF)  # it has let go of the terminal
    terminal.wait()
    shown = terminal.before.rpartition(b"\x1b[?25")[2]
    assert shown.startswith(b"h")  # the bars had hidden the cursor
    assert terminal.exitstatus == 0
    assert (tmp_path / "done").exists()
