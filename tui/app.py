"""nnlab in the terminal: which screens there are, what they have in common, how it ends."""

import asyncio
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import ModalScreen, Screen

from core.config import RunConfig
from core.control import Control
from core.errors import NNLabError
from core.events import Event
from core.follow import follow
from core.mailbox import RemoteControl
from core.runs import ACTIVE, UNDER_WAY, read_info
from core.view import RunView
from tui import palette
from tui.attached import attached_to
from tui.detach import detach, detach_resume
from tui.format import safe_text
from tui.garbage import spare_what_is_there, without_pauses
from tui.kept import keep_theme, kept
from tui.next_command import next_command
from tui.screens.chart_screen import ChartScreen
from tui.screens.confirm import ConfirmScreen, QuitScreen
from tui.screens.dashboard import DashboardScreen
from tui.screens.help import HelpScreen
from tui.screens.too_small import TooSmallScreen, too_small
from tui.terminal import TerminalDriver
from tui.theme import NNLAB_THEME, THEMES

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class NNLabApp(App[int]):
    """The lab. With a config it trains that at once, with the folder of a run it shows that, else
    it begins with the launch screen. `tui.outlive.run_app` runs it.

    `return_code` is 0, 1 for a bug, or 128 and the number of the signal that ended it.
    """

    TITLE = "nnlab"
    CSS_PATH = Path(__file__).with_name("nnlab.tcss")  # absolute, for subclasses elsewhere too
    BINDINGS: ClassVar = [
        Binding("question_mark", "help", "Help", tooltip="All keys of this screen"),
        Binding("r", "runs", "Runs", show=False, tooltip="All runs: find, compare, go on"),
        Binding("q", "quit", "Quit", tooltip="Leave nnlab; asks while a run is training"),
        Binding("ctrl+z", "suspend_process", show=False, tooltip="To the shell, until fg"),
    ]

    def __init__(
        self,
        config: RunConfig | None = None,
        *,
        run: Path | None = None,
        runs_dir: Path,
        data_dir: Path | None = None,
        low_bandwidth: bool = False,
    ) -> None:
        """With `low_bandwidth` less is sent to the terminal: rarer news, and nothing glides."""
        super().__init__(driver_class=TerminalDriver)
        self.config = config
        self.runs_dir = runs_dir
        self.data_dir = data_dir
        self.run_to_watch = run
        self.own_dashboard: DashboardScreen | None = None  # of the newest run of this process
        self.own_control = Control()
        self.last_view: RunView | None = None  # of the newest run that is over
        self.keep_training = False  # in the background, once the run is saved
        self.broken: Exception | None = None  # a bug that ended the screen
        self._leaving: int | None = None  # with which code, once the run is saved
        self.low_bandwidth = low_bandwidth
        if low_bandwidth:
            self.animation_level = "none"
        for theme in THEMES.values():
            self.register_theme(theme)
        was = kept().theme
        self.theme = was if was in THEMES else NNLAB_THEME.name
        for name in set(self.available_themes) - set(THEMES):  # Textual's lack some of our colours
            self.unregister_theme(name)

    def watch_theme(self, name: str) -> None:
        """Remember what somebody chose in the palette."""
        palette.show(name)
        if name != (kept().theme or NNLAB_THEME.name):
            keep_theme(name)

    def on_mount(self) -> None:
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for signum in ENDING_SIGNALS:
                loop.add_signal_handler(signum, self.leave, 128 + signum)
            loop.add_signal_handler(signal.SIGUSR1, self.save_checkpoint)
        if self.config:
            self.start_run(self.config)
        elif self.run_to_watch:
            self.watch_run(self.run_to_watch)
        else:
            self.open_launch_screen()
        self.mind_room()

    def on_resize(self) -> None:
        self.call_after_refresh(self.mind_room)

    def mind_room(self) -> None:
        """Put a notice over the screens while they have no room."""
        if too_small(self.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen("The run goes on." if self.training else ""))

    @work(thread=True, exit_on_error=False, group="import")
    def import_torch(self) -> None:
        """Import what a run needs while somebody looks at the first screen.

        If that fails, so does the first run, and its dashboard explains it.
        """
        import core.experiment  # noqa: F401

        spare_what_is_there()

    def open_launch_screen(self, config: RunConfig | None = None) -> None:
        """Offer a new run, with the settings of `config` to begin with, or of the last one here."""
        from tui.screens.launch import LaunchScreen

        # After `nnlab tui --start` the next run begins with the settings of that one.
        config = config or self.config
        values = config.model_dump(exclude_defaults=True) if config else kept().settings
        self.push_screen(LaunchScreen(values))
        self.call_after_refresh(self.import_torch)

    def start_run(self, config: RunConfig) -> None:
        """Open a dashboard that trains `config`; when it is closed, the launch screen follows."""
        if config.devices != "1":
            # Several processes: none of them is this one.
            self.watch_process(
                partial(detach, config, runs_dir=self.runs_dir, data_dir=self.data_dir)
            )
            return
        control = Control()

        def start() -> Iterator[Event]:
            from core.experiment import run_experiment

            return without_pauses(
                run_experiment(
                    config, runs_dir=self.runs_dir, data_dir=self.data_dir, control=control
                )
            )

        self.open_own_dashboard(DashboardScreen(start, control, config), control)
        self.call_after_refresh(self.import_torch)

    def open_own_dashboard(self, dashboard: DashboardScreen, control: Control) -> None:
        """Show a run that is trained in this process and obeys `control`."""
        self.own_dashboard, self.own_control = dashboard, control
        self.push_screen(dashboard, self.after_dashboard)

    def watch_run(self, run: Path) -> None:
        """Open a dashboard of the run in the folder `run`, live or over, of any process."""
        training = self.training
        if self._trains_here(run):
            while self.screen is not training:
                self.pop_screen()
            return
        info = read_info(run)
        left = threading.Event()
        control = RemoteControl(run) if info.state in ACTIVE else None

        def again() -> DashboardScreen.GoesOn | None:
            if read_info(run).state not in UNDER_WAY or self._trains_here(run):
                return None
            return DashboardScreen.GoesOn(RemoteControl(run), attached_to(run))

        dashboard = DashboardScreen(
            lambda: follow(run, left.is_set), control, info.config, attached_to(run), left, again
        )
        self.push_screen(dashboard, self.after_dashboard)

    def _trains_here(self, run: Path) -> bool:
        start = self.training.view.start if self.training else None
        return start is not None and Path(start.path) == run

    def compare_runs(self, runs: Sequence[Path]) -> None:
        """Open the screen that lays the curves of these runs over each other."""
        from core.run_index import RunIndex
        from core.run_views import RunViews
        from tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(runs, RunViews(), RunIndex(self.runs_dir)))

    def resume_run(self, run: Path, config: RunConfig | None) -> None:
        """Open a dashboard that goes on with the run in the folder `run`."""
        if config and config.devices != "1":
            self.watch_process(partial(detach_resume, run, data_dir=self.data_dir))
            return
        control = Control()

        def start() -> Iterator[Event]:
            from core.experiment import resume_experiment

            return without_pauses(resume_experiment(run, data_dir=self.data_dir, control=control))

        self.open_own_dashboard(DashboardScreen(start, control, config), control)

    @work(group="processes")
    async def watch_process(self, start: Callable[[], Path]) -> None:
        """Open a dashboard of the run that `start` begins in processes of its own, once it trains;
        it goes on when this app is left."""
        if len(self.screen_stack) == 1:
            self.open_launch_screen()
        self.notify("they take some seconds", title="Starting the processes", markup=False)
        try:
            run = await asyncio.to_thread(start)
        except NNLabError as error:
            text = safe_text(f"{error.problem} {error.fix}")
            self.notify(text, title="Not started", severity="error", timeout=15, markup=False)
            return
        self.watch_run(run)

    def action_runs(self) -> None:
        from tui.screens.runs import RunsScreen

        self.push_screen(RunsScreen())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A question has to be answered before there are other screens, and one of each will do."""
        if action == "runs":
            screens = [type(screen).__name__ for screen in self.screen_stack]
            if isinstance(self.screen, ModalScreen | TooSmallScreen):
                return False
            return "RunsScreen" not in screens
        if action == "help":
            return not isinstance(self.screen, TooSmallScreen)
        return super().check_action(action, parameters)

    def after_dashboard(self, _: None) -> None:
        if len(self.screen_stack) == 1:  # it was opened without a launch screen below
            self.open_launch_screen()

    # Leaving

    @property
    def training(self) -> DashboardScreen | None:
        """The dashboard of a run of this process that is not over."""
        dashboard = self.own_dashboard
        return dashboard if dashboard and not dashboard.over else None

    async def action_quit(self) -> None:
        self.ask_and_leave()

    @work
    async def ask_and_leave(self) -> None:
        """Leave, but while a run is training only as it is meant."""
        if self.training and self._leaving is None:
            if self.training.view.start:
                answer = await self.push_screen_wait(QuitScreen())
                if answer == "stay":
                    return
                self.keep_training = answer == "keep"
            elif not await self.push_screen_wait(
                ConfirmScreen(
                    "Leave before the run has started?",
                    "What was downloaded is kept.",
                    yes="Leave",
                    no="Stay",
                )
            ):
                return
        self.leave(0)

    def leave(self, code: int) -> None:
        """End the app with `code`, after the run in progress has saved a checkpoint."""
        if self._leaving is None:
            self._leaving = code
        if self.training:
            self.training.stop(leaving=True)
        else:
            message = farewell(self.last_view) if self.last_view else None
            self.exit(self._leaving, self._leaving, None if self.keep_training else message)

    @on(TerminalDriver.Lost)
    def go_without_terminal(self) -> None:
        """End the app; `run_app` waits for the run."""
        if self.training:
            self.own_control.note("the terminal went away; training goes on without it")
        self.exit(return_code=128 + signal.SIGHUP if self._leaving is None else self._leaving)

    @on(TerminalDriver.CaughtUp)
    def draw_all(self) -> None:
        self.refresh(layout=True)

    def _handle_exception(self, error: Exception) -> None:
        """Textual's last resort for a bug in a screen: the app ends. The run does not."""
        if self.broken is None:
            self.broken = error
            if self.training:
                for line in "".join(traceback.format_exception(error)).splitlines():
                    self.own_control.note(line)
                self.own_control.note("the dashboard broke; training goes on without it")
        super()._handle_exception(error)

    def save_checkpoint(self) -> None:
        """Save the run in progress after its step, as a scheduler asks with SIGUSR1."""
        if self.training:
            self.training.action_checkpoint()

    @on(DashboardScreen.Ended)
    def note_ended(self, event: DashboardScreen.Ended) -> None:
        dashboard = event._sender
        if dashboard is self.own_dashboard and dashboard:
            self.last_view = dashboard.view
        if self._leaving is not None:
            self.leave(self._leaving)

    # Help and palette

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    def open_playground(self) -> None:
        from tui.screens.conv import kernels_over

        self.push_screen(kernels_over("fashion-mini", self.data_dir))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key of the screen as an entry of the palette, then Textual's own entries."""
        for key, (node, binding, enabled, tooltip) in screen.active_bindings.items():
            if not enabled or not binding.description or binding.system or key == "ctrl+q":
                continue
            if binding.action in ("quit", "command_palette"):
                continue
            yield SystemCommand(
                binding.description,
                f"{tooltip or binding.description} ({self.get_key_display(binding)})",
                partial(self.run_action, binding.action, node),
            )
        if isinstance(screen, ChartScreen):
            yield from screen.chart_commands()
        if not isinstance(screen, ModalScreen):
            yield SystemCommand(
                "Convolution", "Lay kernels over images, as nnlab conv", self.open_playground
            )
        yield from super().get_system_commands(screen)


def farewell(view: RunView) -> Text:
    """What to say on the normal screen about the run that was watched, in one or two lines."""
    if not view.start:
        return Text("No run was started.")
    end, best = view.end, view.best
    text = Text(f"{safe_text(view.start.run)}: {end.state if end else 'failed'}")
    done = view.epoch_ends[-1].epoch if view.epoch_ends else 0  # a long run's are not all here
    text.append(f" after {done} of {view.epochs} epochs")
    if best:
        text.append(f", best test {view.metric} {best.test_score:.4f} in epoch {best.epoch}")
    text.append(f", {safe_text(view.start.path)}")
    if not end or end.state != "finished":
        resume = next_command("resume", Path(view.start.path))
        text.append(f"\nGo on with: {safe_text(resume)}")
    return text
