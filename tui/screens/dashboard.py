"""The dashboard: one run, live, and the keys that steer it."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message

from core import clock
from core.build import is_user_model
from core.config import RunConfig
from core.errors import NNLabError
from core.events import CheckpointSaved, Event, Notice
from core.readings import GpuReadings
from core.sampler import DeviceSampler
from core.view import RunView, reduce_all
from tui.attached import Attached
from tui.charts import CHARTS
from tui.format import duration, safe_text, size
from tui.grid import Grid, Room, shared
from tui.run_thread import RunThread
from tui.screens.chart_screen import ChartScreen
from tui.screens.confirm import ConfirmScreen, NumberScreen
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.config_pane import ConfigPane
from tui.widgets.curve_pane import CurvePane
from tui.widgets.device_pane import DevicePane
from tui.widgets.diagnosis_pane import DiagnosisPane
from tui.widgets.epochs_pane import EpochsPane
from tui.widgets.key_line import KeyLine
from tui.widgets.log_pane import LogPane
from tui.widgets.loss_pane import LossPane
from tui.widgets.pane import Pane
from tui.widgets.pane_grid import PaneGrid
from tui.widgets.result_pane import ResultPane
from tui.widgets.run_header import RunHeader
from tui.widgets.score_pane import ScorePane

if TYPE_CHECKING:
    from tui.app import NNLabApp


class Steering(Protocol):
    """What a run is asked through: its Control, or for a run of another process a RemoteControl."""

    def send(self, kind: str, value: float | None = None) -> object:
        """Ask for `kind`."""


UPDATES_PER_SECOND = 2
AGAIN_SECONDS = 1.0  # between two looks whether a run that is over goes on
SHARE = 0.05  # of a processor, for updates: the training is a thread of the same Python
LONGEST = 2.0  # seconds between two updates, whatever they cost
RARELY = 2.0  # the same over a slow line
STEERING = ("pause", "resume", "stop", "checkpoint", "learning_rate", "epochs")  # actions
FIRST = ("loss", "score")  # charts


def affordable(seconds: float, spent: float) -> bool:
    """Whether to update again, `seconds` after an update that took `spent` of the processor."""
    return seconds >= min(spent / SHARE, LONGEST)


class DashboardScreen(ChartScreen):
    """Shows every pane the newest state of a run, whose events a thread takes in."""

    BINDINGS: ClassVar = [
        Binding("space", "pause", "Pause", tooltip="Pause training after this step"),
        Binding("space", "resume", "Resume", tooltip="Go on training"),
        Binding("n", "new_run", "New run", tooltip="Start another run"),
        Binding("i", "inspect", "Inspect", tooltip="Look inside the run's best checkpoint"),
        Binding("i", "inspect_live", show=False, tooltip="Look inside each new checkpoint"),
        Binding("m", "model", "Model", tooltip="Layers: norms, gradients, histograms, dead units"),
        Binding("s", "stop", "Stop", tooltip="Stop training and keep a checkpoint"),
        Binding("c", "checkpoint", "Save", tooltip="Save a checkpoint after this step"),
        Binding("l", "learning_rate", "LR", tooltip="Change the peak learning rate"),
        Binding("plus", "epochs", "Epochs", tooltip="Add epochs to this run"),
        Binding(
            "y", "log_scale", "Log", show=False, tooltip="Loss on a logarithmic or linear axis"
        ),
        Binding(
            "e", "smooth", "EMA", show=False, tooltip="Smooth the training curves: 0, 0.6 or 0.9"
        ),
        Binding("f", "fill", "Full", tooltip="The focused pane alone, or all of them again"),
        Binding("v", "next_panes", "View", tooltip="Show the panes that have no room here"),
        Binding(
            "a", "advice", "Advice", show=False, tooltip="Show or hide what is wrong, what to try"
        ),
    ]
    AUTO_FOCUS = "LossPane"
    ALLOW_IN_MAXIMIZED_VIEW = "RunHeader, Footer"

    class Ended(Message):
        """The run is over, for whatever reason, and everything is shown."""

    class NoMoreNews(Message):
        """The thread is done: the last event is there."""

    class GoesOn(Message):
        """A run that was over trains again, in the process `attached`; it obeys `steering`."""

        def __init__(self, steering: Steering, attached: Attached) -> None:
            super().__init__()
            self.steering = steering
            self.attached = attached

    def __init__(
        self,
        start: Callable[[], Iterable[Event]],
        control: Steering | None,
        config: RunConfig | None = None,
        attached: Attached | None = None,
        left: threading.Event | None = None,
        again: Callable[[], GoesOn | None] | None = None,
    ) -> None:
        """`start` is called in a thread of its own, so that a slow start draws at once.

        Without `control` the run cannot be steered. `attached` tells whose run it is, if another
        process trains it; then `left` is set when the screen is closed, and `again` is asked, in a
        thread, whether a run that is over goes on in whatever process; then `start` is called anew.
        """
        super().__init__()
        self._start_run, self._again = start, again
        self.control = control
        self.config = config
        self.attached = attached
        self.left = left or threading.Event()
        self.thread = RunThread(start, self._tell_the_end)
        self.devices = DeviceSampler()
        self.view = RunView()
        self.over = False
        self._page = 0  # which panes are shown where not all have room
        # When the panes were updated last, and the processor time of this thread until then.
        self._updated = (0.0, 0.0)

    def compose(self) -> ComposeResult:
        title = f"{self.config.model} · {self.config.data}" if self.config else ""
        yield RunHeader(safe_text(title), attached=self.attached)
        yield ResultPane(id="result")
        others = [CurvePane(CHARTS[n], id=f"chart-{n}") for n in CHARTS if n not in FIRST]
        yield ChartGrid(LossPane(), ScorePane(), *others, id="curves")
        yield DiagnosisPane()
        elsewhere = self.attached.elsewhere if self.attached else None
        yield DevicePane(elsewhere, id="device-line")
        with PaneGrid(id="panes"):
            yield DevicePane(elsewhere)
            yield EpochsPane()
            yield ConfigPane(self.config, self.attached)
            yield LogPane()
        yield KeyLine()

    def on_mount(self) -> None:
        self.devices.start()
        self.thread.start()
        slow = cast("NNLabApp", self.app).low_bandwidth
        self.set_interval(RARELY if slow else 1 / UPDATES_PER_SECOND, self.update_if_affordable)

    def on_unmount(self) -> None:
        self.left.set()
        self.devices.stop()

    async def update_if_affordable(self) -> None:
        """Update the panes, unless that cost so much the last time that it is too soon."""
        now, spent = clock.seconds(), time.thread_time()
        at, before = self._updated
        if affordable(now - at, spent - before):
            self._updated = now, spent
            await self.update_panes()

    async def update_panes(self) -> None:
        """Fold in what happened since the last time and show it.

        Between two panes others have their turn, keys above all: drawing all of them may take
        longer than somebody who types should wait.
        """
        if news := self.thread.news.take():
            before = self.view
            self.view = reduce_all(before, news)
            for event in news:
                if isinstance(event, CheckpointSaved) and event.reason == "asked":
                    self._tell_saved(event)
            if self.view.state != before.state and self.header.asked != "saving":
                self.header.asked = ""
            for pane in self.query(Pane).exclude("#result"):
                pane.view = self.view
                await asyncio.sleep(0)
            self.query_one(ChartGrid).tell([self.view])
            if self._shown_keys(self.view) != self._shown_keys(before):
                self.refresh_bindings()
        self._show_devices()
        self.header.view = self.view  # also without news: a time left may have changed

    def _show_devices(self) -> None:
        reading = self.devices.latest
        self.query_one(DiagnosisPane).devices = reading
        for pane in self.query(DevicePane):
            pane.training_on = self.view.start.gpus if self.view.start else ()
            if pane.id == "device-line" and reading and not reading.gpu.gpus:
                # One line is for the host then, not for the reason why there is no GPU.
                pane.devices = replace(reading, gpu=GpuReadings())
            else:
                pane.devices = reading

    @staticmethod
    def _shown_keys(view: RunView) -> tuple[bool, bool]:
        """What `check_action` depends on while a run goes on."""
        return view.start is None, view.state == "paused"

    @property
    def header(self) -> RunHeader:
        return self.query_one(RunHeader)

    def _tell_the_end(self) -> None:
        """The last deed of the thread."""
        with suppress(RuntimeError):  # the screen and its event loop are gone
            self.post_message(self.NoMoreNews())

    @on(NoMoreNews)
    async def note_the_end(self) -> None:
        self.over = True
        await self.update_panes()
        self.header.asked = "" if self.view.end else "failed"
        result = self.query_one(ResultPane)
        result.failure = self.thread.failure
        result.display = True
        self.add_class("-over")
        self.set_class(self.view.start is None, "-never-started")
        result.view = self.view
        self.refresh_bindings()
        self.post_message(self.Ended())
        if self._again:
            threading.Thread(target=self._wait_for_more, args=(self._again,), daemon=True).start()

    def _wait_for_more(self, again: Callable[[], GoesOn | None]) -> None:
        """Look until the run goes on or the screen is closed; in a thread: disks may be slow."""
        while not self.left.wait(AGAIN_SECONDS):
            if news := again():
                with suppress(RuntimeError):  # the screen and its event loop are gone
                    self.post_message(news)
                return

    @on(GoesOn)
    def go_on(self, event: GoesOn) -> None:
        """Show the run from its beginning to where it is now, and follow it as before."""
        self.control = event.steering
        self.attached = self.header.attached = self.query_one(ConfigPane).attached = event.attached
        self.query_one(ResultPane).display = False
        self.remove_class("-over", "-never-started")
        self.over, self.view = False, RunView()
        self.thread = RunThread(self._start_run, self._tell_the_end)
        self.thread.start()
        self.refresh_bindings()

    @on(Pane.Broken)
    def note_broken(self, event: Pane.Broken) -> None:
        for line in event.trace.splitlines():
            self.thread.news.append(Notice(line))

    def stop(self, *, leaving: bool = False) -> None:
        """Ask for the end of the run, with a checkpoint; `Ended` follows when it is written."""
        self.ask("stop", asked="saving" if leaving else "stopping")

    def ask(self, kind: str, value: float | None = None, *, asked: str = "") -> None:
        """Ask the run for `kind`; without a control there is no key that does.

        Until it is carried out, the header says that it is `asked`.
        """
        assert self.control
        try:
            self.control.send(kind, value)  # first: the widgets may be gone already
        except NNLabError as error:  # a run of another process, and perhaps of another user
            self.notify(safe_text(f"{error.problem} {error.fix}"), severity="error", markup=False)
        else:
            if asked:
                self.header.asked = asked

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """False hides a key, None shows that it does nothing now."""
        paused = self.view.state == "paused"
        match action:
            case "new_run":
                return self.over
            case "inspect":
                return self.over and self.view.checkpoint is not None
            case _ if action in STEERING and self.control is None:
                return False
            case "pause" | "resume":
                shown = not self.over and (action == "resume") == paused
                return (True if self.view.start else None) if shown else False
            case "inspect_live":
                return not self.over and self.view.checkpoint is not None and self._may_open_net
            case "model":
                return True if self.view.start else None
            case "checkpoint" | "learning_rate" | "epochs":
                return False if self.over else True if self.view.start else None
            case "stop":
                return not self.over
            case "next_panes":
                return self._room.paged or self._room.crowded
        return True

    def action_pause(self) -> None:
        self.ask("pause", asked="pausing")

    def action_resume(self) -> None:
        self.ask("resume", asked="resuming")

    @work
    async def action_stop(self) -> None:
        question = ConfirmScreen(
            "Stop this run?",
            "It finishes the step it is in and keeps a checkpoint, from which it can be resumed.",
            yes="Stop",
            no="Go on",
        )
        if await self.app.push_screen_wait(question) and not self.over:
            self.stop()

    def action_checkpoint(self) -> None:
        self.ask("checkpoint")

    @work
    async def action_learning_rate(self) -> None:
        now = self.view.last.lr if self.view.last else math.nan
        rate = await self.app.push_screen_wait(
            NumberScreen(
                "Peak learning rate from the next step on",
                f"The schedule goes on from there; now {now:.4g}.",
                f"{now:.4g}" if math.isfinite(now) else "",
                learning_rate,
            )
        )
        if rate is not None:
            self.ask("lr", rate)

    @work
    async def action_epochs(self) -> None:
        more = await self.app.push_screen_wait(
            NumberScreen(
                "How many epochs more?",
                f"Now {self.view.epochs}. The schedule stretches with them.",
                "5",
                more_epochs,
            )
        )
        if more is not None:
            self.ask("extend", more)

    def action_fill(self) -> None:
        if self.maximized is not None:
            self.minimize()
            return
        nodes = self.focused.ancestors_with_self if self.focused else []
        pane = next((n for n in nodes if isinstance(n, Pane)), self.query_one(LossPane))
        self.maximize(pane, container=False)

    def action_next_panes(self) -> None:
        self._page += 1
        self._arrange()

    def action_advice(self) -> None:
        pane = self.query_one(DiagnosisPane)
        pane.wanted = not pane.wanted

    def action_new_run(self) -> None:
        self.dismiss()

    @property
    def _may_open_net(self) -> bool:
        """Whether the network can be built without disturbing a run that this process trains."""
        start, here = self.view.start, cast("NNLabApp", self.app).training
        return here is None or (start is not None and not is_user_model(start.model))

    def action_model(self) -> None:
        from tui.screens.model import network_of_run

        data_dir = cast("NNLabApp", self.app).data_dir
        self.app.push_screen(
            network_of_run(lambda: self.view, may_build=self._may_open_net, data_dir=data_dir)
        )

    def action_inspect(self) -> None:
        self._inspect(None)

    def action_inspect_live(self) -> None:
        self._inspect(lambda: self.view.checkpoint)

    def _inspect(self, checkpoint_of: Callable[[], CheckpointSaved | None] | None) -> None:
        from tui.screens.inspect import InspectScreen

        assert self.view.start is not None
        data_dir = cast("NNLabApp", self.app).data_dir
        self.app.push_screen(InspectScreen(Path(self.view.start.path), data_dir, checkpoint_of))

    # Room

    def show_grid(self, grid: Grid) -> None:
        super().show_grid(grid)
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    @property
    def _room(self) -> Room:
        rows, _ = self.query_one(ChartGrid).grid.wanted(*self.size)
        return shared(*self.size, rows)

    def _arrange(self) -> None:
        room = self._room
        self.query_one(PaneGrid).show_page(room, self._page)
        self.query_one("#curves").styles.height = f"{room.charts if room.halved else 1}fr"
        self.set_class(room.paged, "-paged")
        self.refresh_bindings()

    def _tell_saved(self, saved: CheckpointSaved) -> None:
        self.notify(
            f"step {saved.step}, {size(saved.size)} in {duration(saved.seconds)}",
            title="Checkpoint saved",
            markup=False,
        )


def learning_rate(text: str) -> float:
    """The text as a learning rate. Raises ValueError."""
    try:
        rate = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text!r} is not a number, such as 0.05 or 5e-2.") from None
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"{text!r} cannot be a learning rate: it must be above 0.")
    return rate


def more_epochs(text: str) -> int:
    """The text as a number of epochs to add. Raises ValueError."""
    if not text.strip().isdecimal() or not 0 < int(text) <= 1_000_000:
        raise ValueError(f"{text!r} is not a whole number from 1 to 1000000.")
    return int(text)
