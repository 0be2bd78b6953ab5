"""Ctrl-C, SIGTERM and other signals while a command follows a run."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

SHOW_CURSOR = b"\n\x1b[?25h"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_signal(signum: signal.Signals, call: Callable[[], None]) -> Iterator[None]:
    """While the context lasts, `signum` runs `call`, wherever the main thread is.

    Ignored stays ignored: nohup and shells that start background jobs mean it.
    """
    before = signal.getsignal(signum)
    if before is not signal.SIG_IGN:
        signal.signal(signum, lambda *_: call())
    try:
        yield
    finally:
        signal.signal(signum, before)


class Interrupts:
    """While the context lasts, the first signal asks for a stop and a Ctrl-C after it leaves at
    once.

    Leaving is SystemExit with 128 + the first signal's number, from wherever the program is. As
    long as `gentle` is false, because there is nothing to keep yet, the first signal does it too.
    One more Ctrl-C ends the process on the spot. SIGTERM is no more than asked for by coming twice:
    `timeout` and others send it to the process and to its group.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop  # runs in the signal handler: it must not wait
        self.gentle = False
        self.signum: int | None = None  # of the first signal
        self._leaving = False

    @property
    def exit_code(self) -> int | None:
        """What a shell expects of a program that ended for this signal; None without one."""
        return None if self.signum is None else 128 + self.signum

    def __enter__(self) -> Self:
        # A shell starts background jobs with SIGINT ignored, and means it.
        self._before = {
            signum: signal.signal(signum, self._receive)
            for signum in SIGNALS
            if signal.getsignal(signum) is not signal.SIG_IGN
        }
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def check(self) -> None:
        """Leave if a signal said so; to be called now and then.

        The exception from the handler can be lost: it comes up anywhere, also where a library that
        is being imported catches everything.
        """
        if self._leaving and self.exit_code is not None:
            raise SystemExit(self.exit_code)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGTERM and self.signum is not None:
            return
        if self._leaving:  # and something holds it up: who asks again means it
            if os.isatty(1):
                os.write(1, SHOW_CURSOR)
            os._exit(128 + signum)
        self._leaving = self.signum is not None or not self.gentle
        self.signum = self.signum or signum
        self.check()
        self._stop()
