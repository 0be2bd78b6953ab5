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

from core.mailbox import RemoteControl
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
        [sys.executable, PRETENDED_RUN, str(tmp_path / "done"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.readline() == "the output is gone (Broken pipe); the run goes on\n"
    process.terminate()
    errors = process.stderr.read()
    assert process.wait(timeout=PATIENCE) == 143, errors
    assert "gone" not in errors
    assert (tmp_path / "done").exists()


def open_terminal(*command: str, seen: str = "epoch +loss", **env: str) -> pexpect.spawn:
    environment = {**os.environ, "TERM": "xterm-256color", **env}
    terminal = pexpect.spawn(sys.executable, list(command), env=environment, timeout=PATIENCE)
    terminal.expect(seen)
    return terminal


def close(terminal: pexpect.spawn) -> None:
    """Close the terminal before the program's eyes, and wait until it has let go of it."""
    os.close(terminal.child_fd)
    terminal.closed = True  # pexpect must not end what it no longer can see
    wait_until_let_go(terminal)


def wait_until_let_go(terminal: pexpect.spawn) -> None:
    output = Path(f"/proc/{terminal.pid}/fd/1")
    end = time.monotonic() + PATIENCE
    while str(output.readlink()) != os.devnull:
        assert time.monotonic() < end, "it still has the terminal"
        time.sleep(0.02)


def end_of(terminal: pexpect.spawn) -> int:
    """Wait for the end of the program, reading nothing. Returns its exit code."""
    end = time.monotonic() + PATIENCE
    while not (ended := os.waitpid(terminal.pid, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(terminal.pid, signal.SIGKILL)
            pytest.fail("it did not end")
        time.sleep(0.02)
    return os.waitstatus_to_exitcode(ended[1])


def test_a_terminal_that_is_closed_does_not_end_the_run(tmp_path):
    terminal = open_terminal(PRETENDED_RUN, str(tmp_path / "done"))
    close(terminal)
    assert not (tmp_path / "done").exists()
    os.kill(terminal.pid, signal.SIGTERM)
    assert end_of(terminal) == 143
    assert (tmp_path / "done").exists()


@pytest.mark.slow
def test_a_training_goes_on_when_its_terminal_is_closed(tmp_path):
    options = ["--epochs", "100000", "--name", "r", "--threads", "1", "--device", "cpu"]
    nnlab = ["-c", "from tui.cli import main; main()", "train", "softmax", *options]
    terminal = open_terminal(*nnlab, NNLAB_RUNS=str(tmp_path))
    close(terminal)
    RemoteControl(tmp_path / "r").send("epochs", 1)  # the epoch it is in is its last
    assert end_of(terminal) == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["state"] == "finished"


def test_a_terminal_that_does_not_read_holds_nothing_up_and_gets_all_lines_later(tmp_path):
    done = tmp_path / "done"
    terminal = open_terminal(PRETENDED_RUN, str(done), "60")
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
    terminal = open_terminal(PRETENDED_RUN, str(tmp_path / "done"))
    os.kill(terminal.pid, signal.SIGHUP)
    wait_until_let_go(terminal)
    os.kill(terminal.pid, signal.SIGTERM)
    assert end_of(terminal) == 143
    assert (tmp_path / "done").exists()
    shown = terminal.before + terminal.after + os.read(terminal.child_fd, 65536)
    assert shown.rpartition(b"\x1b[?25")[2].startswith(b"h")  # the bars had hidden the cursor
