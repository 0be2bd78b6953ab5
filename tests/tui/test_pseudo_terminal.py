"""The whole program in a real pseudo-terminal: its own process, real training, real signals."""

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

NNLAB = "from tui.cli import main; main()"
PATIENCE = 60  # seconds, on a machine that is busy with other things
# What the program switches on when it starts must be switched off when it ends.
MODES = {
    "alternate screen": ("\x1b[?1049h", "\x1b[?1049l"),
    "mouse": ("\x1b[?1000h", "\x1b[?1000l"),
    "mouse movements": ("\x1b[?1003h", "\x1b[?1003l"),
    "mouse coordinates": ("\x1b[?1006h", "\x1b[?1006l"),
    "bracketed paste": ("\x1b[?2004h", "\x1b[?2004l"),
    "focus reports": ("\x1b[?1004h", "\x1b[?1004l"),
    "hidden cursor": ("\x1b[?25l", "\x1b[?25h"),
}


class Terminal:
    """A program in a terminal of `width` x `height`, and what a person would see there."""

    def __init__(self, *words: str, width: int = 120, height: int = 40, **env: str) -> None:
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.child = pexpect.spawn(
            sys.executable,
            ["-c", NNLAB, *words],
            dimensions=(height, width),
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
        )

    def read(self) -> bool:
        """Take what the program has written, for a moment; False when it has ended."""
        try:
            data = self.child.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.written += data
        self.stream.feed(data.replace(b"\x1b[<u", b""))  # which pyte does not know
        return True

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def until(self, seen: Callable[[str], object] | str) -> str:
        """Wait until the screen shows a text, or something that `seen` finds in it."""
        found = (lambda text: seen in text) if isinstance(seen, str) else seen
        end = time.monotonic() + PATIENCE
        while not found(self.text):
            assert self.read(), f"the program ended:\n{self.text}"
            assert time.monotonic() < end, f"never seen {seen!r}:\n{self.text}"
        return self.text

    def resize(self, width: int, height: int) -> None:
        self.screen.resize(height, width)
        self.child.setwinsize(height, width)

    def end(self) -> int | None:
        """Wait for the program's end. Returns its exit status."""
        end = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < end, f"the program did not end:\n{self.text}"
        self.child.wait()
        return self.child.exitstatus

    def modes_left_on(self) -> list[str]:
        text = self.written.decode(errors="replace")
        return [
            mode
            for mode, (on, off) in MODES.items()
            if on not in text or text.rindex(on) > text.rfind(off)
        ]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def start(*words: str, **options: int) -> Terminal:
        terminals.append(Terminal(*words, NNLAB_RUNS=str(tmp_path / "runs"), **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.child.close(force=True)


def echoes(terminal: Terminal) -> bool:
    """Whether a person would see what they type."""
    return bool(termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO)


def train_score(text: str) -> float | None:
    """The newest training accuracy, as the border of its pane has it."""
    found = re.search(r"accuracy +train (\d\.\d+)", text)
    return float(found[1]) if found else None


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
    terminal.until("Stop this run and leave?")
    terminal.child.send("y")
    assert terminal.end() == 0
    assert terminal.modes_left_on() == []
    assert echoes(terminal)
    farewell = terminal.written.decode().rpartition("\x1b[?1049l")[2]
    assert "stopped after" in farewell
    assert "nnlab resume" in farewell
    (run,) = (tmp_path / "runs").iterdir()
    assert any((run / "checkpoints").iterdir())


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_run_and_restores_the_terminal(open_terminal, tmp_path, signum, status):
    terminal = open_terminal("tui", "--start", "softmax", "--epochs", "1000")
    terminal.until(train_score)
    os.kill(terminal.child.pid, signum)
    assert terminal.end() == status
    assert terminal.modes_left_on() == []
    assert echoes(terminal)
    assert "nnlab resume" in terminal.written.decode()
    (run,) = (tmp_path / "runs").iterdir()
    assert any((run / "checkpoints").iterdir())


def test_sigusr1_saves_a_checkpoint_and_the_dashboard_goes_on(open_terminal, tmp_path):
    terminal = open_terminal("tui", "--start", "softmax", "--epochs", "1000")
    terminal.until(train_score)
    os.kill(terminal.child.pid, signal.SIGUSR1)
    terminal.until("Checkpoint saved")
    terminal.until("● training")
