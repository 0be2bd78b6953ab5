"""nnlab's app around a list of events: a training run without a network."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sample_run import HALF_RUN
from textual.app import App
from textual.pilot import Pilot

from core.config import RunConfig
from core.control import Control, Request
from core.events import Event
from tui.app import NNLabApp
from tui.screens.dashboard import DashboardScreen
from tui.widgets.pane import Pane

PATIENCE = 100  # seconds for what takes none: ten tests may share a core
CONFIG = RunConfig.model_construct(model="lenet", data="fashion-mini", epochs=3)


class HeldRun:
    """A run that stops before the events `after` until it is released."""

    def __init__(self, before: Iterable[Event] = HALF_RUN, after: Iterable[Event] = ()) -> None:
        self.before, self.after = before, after
        self.reached, self.release = threading.Event(), threading.Event()

    def __call__(self) -> Iterator[Event]:
        yield from self.before
        self.reached.set()
        assert self.release.wait(PATIENCE), "the test never released the run"
        yield from self.after


class Lab(NNLabApp):
    """Opens a dashboard of what `start` yields; imports no torch."""

    def __init__(self, start: Callable[[], Iterable[Event]]) -> None:
        super().__init__(CONFIG, runs_dir=Path("runs"))
        self.start = start
        self.control = Control()

    def start_run(self, config: RunConfig) -> None:
        screen = DashboardScreen(self.start, self.control, config)
        self.open_own_dashboard(screen, self.control)

    def import_torch(self) -> None:
        """The screen is tested, not the loading of torch."""

    @property
    def dashboard(self) -> DashboardScreen:
        return next(s for s in self.screen_stack if isinstance(s, DashboardScreen))

    async def run_is_held(self) -> None:
        """Wait until a HeldRun holds, and show what came before."""
        assert isinstance(self.start, HeldRun)
        assert await asyncio.to_thread(self.start.reached.wait, PATIENCE)
        await self.dashboard.update_panes()
        panes = self.dashboard.query(Pane).exclude("#result")
        async with asyncio.timeout(PATIENCE):  # an update of the screen's own may be half done
            while any(pane.view is not self.dashboard.view for pane in panes):
                await asyncio.sleep(0.01)

    async def run_is_over(self) -> None:
        await asyncio.to_thread(self.dashboard.thread.join)

    async def has_drawn(self, pilot: Pilot[int], *texts: str) -> None:
        """Wait until `texts` are on the screen: widgets may take several messages to get there."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not all(text in self.picture for text in texts):
                    await pilot.pause()
        except TimeoutError:
            raise AssertionError(f"{texts} not all in:\n{self.picture}") from None

    async def footer_shows(self, key: str) -> None:
        """Wait for it: the footer is composed anew, in its own time, when keys change."""
        async with asyncio.timeout(PATIENCE):
            while key not in self.picture.splitlines()[-1]:
                await asyncio.sleep(0.01)

    @property
    def requests(self) -> list[Request]:
        """What was asked of the run since the last time."""
        return list(iter(self.control.take, None))

    @property
    def picture(self) -> str:
        """All that is on the screen, as text."""
        strips = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)


class Bare(NNLabApp):
    """The app without a screen of its own; imports no torch in a thread."""

    def open_launch_screen(self) -> None:
        """Nothing below the screen that is tested."""

    def import_torch(self) -> None:
        """The test has done so."""


async def notified(app: App[Any], part: str = "") -> str:
    """The newest notification, waiting for one that has `part` in it."""
    async with asyncio.timeout(PATIENCE):
        while not (told := [n.message for n in app._notifications]) or part not in told[-1]:
            await asyncio.sleep(0.01)
    return told[-1]
