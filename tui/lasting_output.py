"""Output that may go away: a terminal that is closed, a reader such as `head` that has enough.

A run is worth more than the lines about it, which its folder has as well: it goes on, and what
nobody takes is dropped.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from tui.interrupts import SHOW_CURSOR, on_signal

KEPT = 1 << 20  # bytes kept for a terminal that does not read


class Lasting:
    """A text stream that never ends or holds up what writes to it.

    Once a write fails, all that follows is dropped. A terminal that does not read (Ctrl-S, a
    connection that has fallen asleep) gets what was kept for it when it reads on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False
        self._terminal = Terminal(stream.fileno()) if stream.isatty() else None
        if self._terminal:
            stream.flush()

    def write(self, text: str) -> int:
        if not self._gone:
            self._try(lambda: self._write(text))
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            self._try(self._terminal.push if self._terminal else self._stream.flush)

    def finish(self) -> None:
        """Wait until all is read; nothing is held up by it any more."""
        if self._terminal:
            terminal = self._terminal
            self._try(lambda: terminal.push(seconds=None))
            terminal.close()
            self._gone = True

    def let_go(self) -> None:
        """Drop all that is written from now on to a terminal. For signal handlers too."""
        if self._terminal:
            self._terminal.drop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _write(self, text: str) -> None:
        if self._terminal:
            self._terminal.write(text.encode(self._stream.encoding, "replace"))
        else:
            self._stream.write(text)

    def _try(self, output: Callable[[], object]) -> None:
        try:
            output()
        except OSError as error:
            self._gone = True
            with suppress(OSError, ValueError):  # a stream without a file, as in a test
                # The stream still has unwritten text, on which Python would fail when it leaves.
                _drop(self._stream.fileno())
            if self._stream is not sys.__stderr__:
                print(f"the output is gone ({error.strerror}); the run goes on", file=sys.stderr)


class Terminal:
    """Writes to a terminal what it has room for, and keeps the rest for the next time."""

    def __init__(self, fd: int) -> None:
        self._fd = open_again(fd)
        self._kept = bytearray()

    def write(self, data: bytes) -> None:
        """Write `data` now or later; it is dropped if too much is waiting already."""
        if len(self._kept) + len(data) <= KEPT:
            self._kept += data
        self.push()

    def push(self, seconds: float | None = 0.0) -> None:
        """Write what is kept, waiting this long for room each time, or (None) as long as it takes.

        Raises OSError when the terminal is gone.
        """
        while self._kept and select.select([], [self._fd], [], seconds)[1]:
            try:
                del self._kept[: os.write(self._fd, self._kept)]
            except BlockingIOError:
                if seconds is not None:
                    return

    def drop(self) -> None:
        """Let what is kept and what follows go nowhere."""
        _drop(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def open_again(fd: int) -> int:
    """The terminal `fd`, opened a second time, so that only our own writes don't block.

    O_NONBLOCK on `fd` itself would be shared with the shell. Where the terminal has no name here,
    as in some containers, a copy of `fd` has to do: a write may then wait.
    """
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return os.dup(fd)


@contextmanager
def lasting_output() -> Iterator[None]:
    """While the context lasts, neither lost output nor SIGHUP, which says that the terminal was
    closed, ends the program, and a terminal that stops reading does not stop it."""
    # Asked now: a terminal that is gone is no terminal.
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
    streams = Lasting(sys.stdout), Lasting(sys.stderr)

    def hang_up() -> None:
        for stream in streams:
            stream.let_go()
        for fd in terminals:
            if fd == 1:  # it may be there still: SIGHUP can come from a person
                with suppress(OSError):
                    os.write(fd, SHOW_CURSOR)
            with suppress(OSError):
                _drop(fd)

    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(cast(TextIO, streams[0])))
        stack.enter_context(redirect_stderr(cast(TextIO, streams[1])))
        stack.enter_context(on_signal(signal.SIGHUP, hang_up))
        for stream in streams:
            stack.callback(stream.finish)
        yield


def _drop(fd: int) -> None:
    """Let everything that is written to the file descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, fd)
    os.close(nowhere)
