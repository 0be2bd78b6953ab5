"""The screen of several runs: their curves over each other, settings against results."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import ScrollableContainer
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from core.comparison import ComparedRun
from core.run_index import RunIndex
from core.run_views import RunViews
from core.runs import RunInfo, read_info
from core.sweep import one_sweep, standing
from core.view import RunView
from tui.charts import CHARTS
from tui.format import safe_text
from tui.results_table import results_table, standing_text
from tui.screens.chart_screen import ChartScreen
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.key_line import KeyLine
from tui.widgets.overlay_pane import Overlaid, OverlayPane

LOOK_EVERY = 2.0  # seconds between two looks at the runs


class CompareScreen(ChartScreen):
    """Charts of all of them above, below a row for each with what makes it different."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss", "Back", tooltip="Back to the runs"),
        Binding("v", "side", "Test/train", tooltip="Figures of the test or the training images"),
        Binding("y", "log_scale", "Log", tooltip="Loss on a logarithmic or linear axis"),
        Binding("e", "smooth", "EMA", tooltip="Smooth the training curves: 0, 0.6 or 0.9"),
        Binding("f", "fill", "Full", tooltip="The focused chart alone, or all of them again"),
    ]
    AUTO_FOCUS = "#results"
    ALLOW_IN_MAXIMIZED_VIEW = "Footer"
    # Not DEFAULT_CSS: what the app says of all screens would be stronger.
    CSS = """
    CompareScreen {
        layout: vertical;
        #overlays { height: 1fr; min-height: 8; }
        #results {
            height: auto; max-height: 50%;
            border: round $panel-border;
            border-title-color: $foreground;
            border-subtitle-color: $foreground-muted;
            padding: 0 1;
            scrollbar-size-horizontal: 1;
            &:focus { border: round $primary; }
            & Static { width: auto; height: auto; }
        }
    }
    """

    class Read(Message):
        """Another run was read, or read anew."""

    def __init__(self, paths: Sequence[Path], views: RunViews, index: RunIndex) -> None:
        super().__init__()
        self.paths, self.views = list(paths), views
        pinned = [run.path for run in index.runs if run.notes.baseline]
        self.baseline = pinned[0] if pinned else None
        self.infos: dict[Path, RunInfo] = {}
        self.recorded: dict[Path, RunView] = {}
        self._looking = False

    def compose(self) -> ComposeResult:
        panes = [OverlayPane(chart, id=f"overlay-{name}") for name, chart in CHARTS.items()]
        yield ChartGrid(*panes, id="overlays")
        with ScrollableContainer(id="results", can_focus=True) as results:
            results.border_title = "settings that differ, and results"
            yield Static(markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.show_runs()
        self.look()
        self.set_interval(LOOK_EVERY, self.look)

    def look(self) -> None:
        """Read in a thread what is new in the runs."""
        if not self._looking and self.is_current:
            self._looking = True
            self.read_runs()

    @work(thread=True, group="read")
    def read_runs(self) -> None:
        worker = get_current_worker()
        try:
            for path in dict.fromkeys([*self.paths, *([self.baseline] if self.baseline else [])]):
                if not path.exists():  # taken out of its sweep, or deleted
                    self.infos.pop(path, None)
                    continue
                view = self.views.read(path, lambda: worker.is_cancelled)
                info = read_info(path)
                if worker.is_cancelled or view is None:
                    return
                if view is not self.recorded.get(path) or info != self.infos.get(path):
                    self.recorded[path], self.infos[path] = view, info
                    self.post_message(self.Read())
        finally:
            self._looking = False

    @on(Read)
    def show_runs(self) -> None:
        runs = [
            Overlaid(path.name, number, self.recorded.get(path, RunView()))
            for number, path in enumerate(self.paths)
        ]
        self.query_one(ChartGrid).tell([run.view for run in runs])
        for pane in self.query(OverlayPane):
            pane.runs = runs
        known = [path for path in self.paths if path in self.infos]
        results = self.query_one("#results")
        baseline = self.compared(self.baseline) if self.baseline in self.infos else None
        name = safe_text(baseline.info.name) if baseline else ""
        results.border_subtitle = Text(f"Δ: to the baseline {name}" if name else "")
        infos = [self.infos[path] for path in known]
        if tag := one_sweep(infos):
            at = standing(infos)
            results.border_title = Text(safe_text(f"{tag}: {standing_text(at)}"))
        if known:
            compared = [self.compared(path) for path in known]
            signs = {run.name: (run.sign, self.sign_style(run)) for run in runs}
            self.query_one("#results Static", Static).update(
                results_table(compared, baseline, signs)
            )

    def compared(self, path: Path) -> ComparedRun:
        """The run in the folder `path`, an epoch that was trained again as it was last."""
        ends = {end.epoch: end for end in self.recorded[path].epoch_ends}
        return ComparedRun(self.infos[path], tuple(ends[epoch] for epoch in sorted(ends)))

    def sign_style(self, run: Overlaid) -> Style:
        return self.query_one("#overlay-loss", OverlayPane).styles_of_roles()[run.role]

    # What keys do

    def action_side(self) -> None:
        for pane in self.query(OverlayPane):
            pane.side = "train" if pane.side == "test" else "test"

    def action_fill(self) -> None:
        if self.maximized is not None:
            self.minimize()
            return
        focused = isinstance(self.focused, OverlayPane)
        pane = self.focused if focused and self.focused else self.chart
        self.maximize(pane, container=False)
