"""nnlab in a real pseudo-terminal: its own process, what it writes, and what a person sees."""

import os
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress

import pexpect
import pyte

NNLAB = "from tui.cli import main; main()"
PATIENCE = 120  # seconds, on a machine that is busy with other things
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
        self.written = bytearray()
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

    def read_rest(self) -> None:
        """Take what a program has written that has ended, or stopped."""
        while select.select([self.child.child_fd], [], [], 0.3)[0]:
            try:
                data = os.read(self.child.child_fd, 65536)
            except OSError:  # ended, and all is read
                return
            self.written += data
            self.stream.feed(data.replace(b"\x1b[<u", b""))

    def hang_up(self) -> None:
        """Close the window, drop the connection: the terminal is gone, the program may live on."""
        self.child.ptyproc.fileobj.close()

    def status(self) -> int:
        """Wait for the end of the program, reading nothing. Returns its exit status."""
        end = time.monotonic() + PATIENCE
        while not (ended := os.waitpid(self.child.pid, os.WNOHANG))[0]:
            assert time.monotonic() < end, "the program did not end"
            time.sleep(0.02)
        return os.waitstatus_to_exitcode(ended[1])

    def close(self) -> None:
        """End the program, if it still runs, and its terminal."""
        with suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.child.pid, 0)
        self.hang_up()

    def modes_left_on(self) -> list[str]:
        text = self.written.decode(errors="replace")
        return [
            mode
            for mode, (on, off) in MODES.items()
            if on not in text or text.rindex(on) > text.rfind(off)
        ]


def echoes(terminal: Terminal) -> bool:
    """Whether a person would see what they type."""
    return bool(termios.tcgetattr(terminal.child.child_fd)[3] & termios.ECHO)


def train_score(text: str) -> float | None:
    """The newest training accuracy, as the border of its pane has it."""
    found = re.search(r"accuracy +train (\d\.\d+)", text)
    return float(found[1]) if found else None
