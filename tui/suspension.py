"""Ctrl-Z and fg while a command follows a run."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Self

from core.clock import leave_out
from tui.interrupts import on_signal


class Suspension:
    """While the context lasts, Ctrl-Z takes what moves off the terminal before it stops the
    program, and fg puts it back; the time in between is nobody's."""

    def __init__(self, hidden: Callable[[], AbstractContextManager[None]]) -> None:
        """`hidden` is entered for as long as the program is stopped."""
        self._hidden = hidden
        self._held_off = False
        self._asked = False

    def __enter__(self) -> Self:
        self._handler = on_signal(signal.SIGTSTP, self._receive)
        self._handler.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._handler.__exit__(None, None, None)

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Stop only afterwards: a line that is half written cannot be taken off the terminal."""
        self._held_off = True
        yield
        self._held_off = False
        if self._asked:
            self._stop()

    def _receive(self) -> None:
        if self._held_off and not self._asked:
            self._asked = True
        else:  # also if it was asked for twice: what is written does not come to an end
            self._stop()

    def _stop(self) -> None:
        self._asked = False
        with self._hidden():
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            began = perf_counter()
            signal.raise_signal(signal.SIGTSTP)  # returns when the program goes on
            leave_out(perf_counter() - began)
            signal.signal(signal.SIGTSTP, handler)
