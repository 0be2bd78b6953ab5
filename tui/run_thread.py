"""The thread that carries a run: it outlives the screen that shows it."""

import threading
import traceback
from collections.abc import Callable, Iterable

from core.errors import NNLabError
from core.events import Event, Notice
from tui.news import News


class RunThread(threading.Thread):
    """Takes the events of a run, one by one, and leaves them in `news`. Never waits for a screen.

    Not a daemon and not a worker of the app: whatever becomes of the screen, Python waits for the
    run.
    """

    def __init__(
        self, start: Callable[[], Iterable[Event]], over: Callable[[], object] = lambda: None
    ) -> None:
        """`start` is called in the thread, so that a slow start draws at once; `over` is called
        as the thread's last deed."""
        super().__init__(name="nnlab-run")
        self._start_run, self._over = start, over
        self.news = News()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            for event in self._start_run():
                self.news.append(event)
        except NNLabError as error:
            self.failure = error
        except BaseException as bug:  # the screen must live on to tell, whatever it was
            self.failure = bug
            for line in "".join(traceback.format_exception(bug)).splitlines():
                self.news.append(Notice(line))
        self._over()
