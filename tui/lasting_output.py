"""Output that may go away: a terminal that is closed, a reader such as `head` that has enough.

A run is worth more than the lines about it, which its folder has as well: it goes on, and what
nobody takes is dropped.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from tui.interrupts import SHOW_CURSOR, on_signal


class Lasting:
    """A text stream whose end is no error: once a write fails, all that follows is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        return len(text) if self._gone else self._try(lambda: self._stream.write(text), len(text))

    def flush(self) -> None:
        if not self._gone:
            self._try(self._stream.flush, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, output: Any, otherwise: Any) -> Any:
        try:
            return output()
        except OSError as error:
            self._gone = True
            with suppress(OSError, ValueError):  # a stream without a file, as in a test
                # The stream still has unwritten text, on which Python would fail when it leaves.
                _drop(self._stream.fileno())
            if self._stream is not sys.__stderr__:
                print(f"the output is gone ({error.strerror}); the run goes on", file=sys.stderr)
            return otherwise


@contextmanager
def lasting_output() -> Iterator[None]:
    """While the context lasts, neither lost output nor SIGHUP, which says that the terminal was
    closed, ends the program."""
    # Asked now: a terminal that is gone is no terminal.
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]

    def hang_up() -> None:
        for fd in terminals:
            with suppress(OSError):
                if fd == 1:  # it may be there still: SIGHUP can come from a person
                    os.write(fd, SHOW_CURSOR)
                _drop(fd)

    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(cast(TextIO, Lasting(sys.stdout))))
        stack.enter_context(redirect_stderr(cast(TextIO, Lasting(sys.stderr))))
        stack.enter_context(on_signal(signal.SIGHUP, hang_up))
        yield


def _drop(fd: int) -> None:
    """Let everything that is written to the file descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, fd)
    os.close(nowhere)
