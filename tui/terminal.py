"""The terminal under the dashboard: what to do when it stops reading, and when it is gone.

Textual trusts its terminal: writes that fail end its output thread, a full queue stops its event
loop, an end of file makes its input thread spin, and SIGCONT turns the full screen on again. A run
that is watched over a connection that drops must not notice any of it.
"""

import os
import select
import signal
import sys
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.ascii import encoded
from tui.lasting_output import open_again
from tui.sgr import with_fewer_codes

PATIENCE = 1.0  # seconds that a terminal gets, on leaving, to read what restores it
# For a terminal that did not: abandon a sequence that was cut, then leave every mode, also those
# that were left in the output that is thrown away.
RESTORE = (
    b"\x18\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l"
    b"\x1b[?2048l\x1b[?1004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h"
)


class TerminalDriver(LinuxDriver):
    """Textual's driver for a terminal that may stall or go away at any moment.

    The event loop never waits for the terminal: a frame that it has no room for is left out, and
    the whole screen is drawn again when it reads on. When it is gone, `Lost` is sent once.
    """

    class Lost(Message):
        """The terminal was closed, or its connection was."""

    class CaughtUp(Message):
        """The terminal reads again; frames were left out meanwhile."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.output = TerminalOutput(2, self.lose, self._caught_up)
        self._file = cast(Any, self.output)
        self._lost = False
        self._behind = False  # frames were left out
        self._leaving = False  # what is written now must arrive, or be given up with the terminal
        self._suspended = False
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            signal.signal(signal.SIGHUP, self._hang_up)

    def lose(self) -> None:
        """Take note that the terminal is gone. For any thread, and for signal handlers."""
        if not self._lost:
            self._lost = True
            with suppress(RuntimeError):  # the app has ended already: nobody is left to be told
                self.send_message(self.Lost())

    def _hang_up(self, signum: int, frame: FrameType | None) -> None:
        self.lose()

    # Output

    def start_application_mode(self) -> None:
        self.output.deadline = None
        self._leaving = False
        super().start_application_mode()

    def write(self, data: str) -> None:
        """Hand `data` to the output thread, unless it has a terminal's worth of work already."""
        assert self._writer_thread is not None
        if self._writer_thread._queue.full() and not self._leaving:
            self._behind = True
        else:
            super().write(with_fewer_codes(data))

    def _caught_up(self) -> None:
        if self._behind and not self._leaving:
            self._behind = False
            self.send_message(self.CaughtUp())

    def stop_application_mode(self) -> None:
        self._leaving = True
        self.output.deadline = time.monotonic() + PATIENCE
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        if self.output.refused:
            self.output.restore()
        if self._lost or self.output.refused:
            give_up_terminal()

    # Ctrl-Z and fg

    def _sigtstp_application(self, *_: object) -> None:
        self._suspended = True
        super()._sigtstp_application()

    def _sigcont_application(self, *_: object) -> None:
        # SIGCONT also comes with SIGHUP, and from whoever likes to send it.
        if self._suspended and not self._lost:
            self._suspended = False
            super()._sigcont_application()

    # Input

    def run_input_thread(self) -> None:
        """Read keys until the app leaves or the terminal is gone."""
        parser = XTermParser(self._debug)
        # A stray byte is not worth more than a replacement character.
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    data = b""
                if not data:
                    self.lose()
                    return
                for event in parser.feed(decode(data)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)


class TerminalOutput:
    """The file that Textual's output thread writes to: waits for the terminal, but not for ever.

    Writes after `deadline` (of the monotonic clock) are dropped and noted in `refused`; when the
    terminal is gone, all are dropped and `lost` is called. `caught_up` is called when everything
    has been read that was written.
    """

    def __init__(self, fd: int, lost: Callable[[], None], caught_up: Callable[[], None]) -> None:
        self._fd = open_again(fd)
        self._lost, self._caught_up = lost, caught_up
        self._broken = False
        self.deadline: float | None = None
        self.refused = False

    def fileno(self) -> int:
        return self._fd

    def write(self, text: str) -> None:
        data = encoded(text)
        while data and self._has_room():
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                continue
            except OSError:
                self._broken = True
                self._lost()

    def flush(self) -> None:
        """Called by the output thread when it has nothing more to write."""
        self._caught_up()

    def _has_room(self) -> bool:
        """Wait until the terminal takes more. False when it is not to be waited for any longer."""
        while not self._broken:
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.refused = True
                return False
            if select.select([], [self._fd], [], 0.25)[1]:
                return True
        return False

    def restore(self) -> None:
        """Throw away what a terminal that does not read has before it, and leave it a way back."""
        with suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
            os.write(self._fd, RESTORE)


def give_up_terminal() -> None:
    """Let go of a terminal that is no use any more: input and output are /dev/null from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(null, stream.fileno())
    os.close(null)
