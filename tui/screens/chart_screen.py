"""What screens with charts have in common: keys that change all of their charts alike."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from tui.axes import Axes
from tui.charts import CHARTS
from tui.grid import MOST, Grid
from tui.kept import keep_axes, keep_grid, kept
from tui.screens.choose_charts import ChooseChartsScreen
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.charting import Charting

ZOOM = 0.5  # how wide the window is after the key
LEAP = 0.1  # part of what is in sight


class ChartScreen(Screen[None]):
    """A screen whose `Charting` widgets show the same part of the same x axis, and one cursor."""

    BINDINGS: ClassVar = [
        Binding("x", "x_axis", show=False, tooltip="Curves over epochs, steps, seconds, the clock"),
        Binding("X", "x_log", show=False, tooltip="Logarithmic or linear x axis"),
        Binding("left", "cursor(-1)", show=False, tooltip="Cursor of values: one column"),
        Binding("right", "cursor(1)", show=False, tooltip="Cursor of values: one column"),
        Binding("shift+left", "leap(-1)", show=False, tooltip="Cursor of values: a tenth"),
        Binding("shift+right", "leap(1)", show=False, tooltip="Cursor of values: a tenth"),
        Binding(
            "right_square_bracket",
            "zoom(1)",
            show=False,
            tooltip="Zoom in at the cursor (or wheel)",
        ),
        Binding("left_square_bracket", "zoom(-1)", show=False, tooltip="Zoom out (or wheel)"),
        Binding("comma", "pan(-1)", show=False, tooltip="Move the zoomed part (or drag)"),
        Binding("full_stop", "pan(1)", show=False, tooltip="Move the zoomed part (or drag)"),
        Binding("0", "whole", show=False, tooltip="All of the charts again, without a cursor"),
        Binding("g", "choose_charts", "Charts", show=False, tooltip="Which charts, how arranged"),
        Binding("G", "more_charts", "More charts", show=False, tooltip="Charts without room here"),
    ]
    axes = Axes()

    @property
    def charts(self) -> list[Charting]:
        return [w for w in self.walk_children(Charting) if isinstance(w, Charting)]

    @property
    def chart(self) -> Charting:
        """The chart with the focus, or the first in sight."""
        shown = [chart for chart in self.charts if chart.display]
        return next((c for c in shown if c.has_focus), (shown or self.charts)[0])

    def on_mount(self) -> None:
        was = kept()
        self.show_axes(was.axes)
        for grid in self.query(ChartGrid):
            grid.grid = was.grid

    def show_axes(self, axes: Axes) -> None:
        """Show all charts as `axes` says."""
        self.axes = axes
        for chart in self.charts:
            chart.axes = axes

    @on(Charting.Asked)
    def look_as_asked(self, event: Charting.Asked) -> None:
        self.show_axes(event.axes)

    def _look_and_keep(self, axes: Axes) -> None:
        self.show_axes(axes)
        keep_axes(axes)

    def show_grid(self, grid: Grid) -> None:
        """Arrange the charts as somebody chose, and keep that."""
        self.query_one(ChartGrid).grid = grid
        keep_grid(grid)

    def chart_commands(self) -> Iterator[SystemCommand]:
        """What the palette offers beside the keys."""
        now = self.query_one(ChartGrid)
        for name in CHARTS:
            others = [other for other in now.chosen if other != name]
            shown = len(others) < len(now.chosen)
            names = tuple(n for n in CHARTS if n in others or (n == name and not shown))
            yield SystemCommand(
                f"{'Hide' if shown else 'Show'} chart: {self.chart_title(name)}",
                "One of the charts of this screen (g)",
                partial(self.show_grid, replace(now.grid, charts=names)),
            )
        counts = range(1, MOST + 1)
        for rows, columns in [(0, 0), *product(counts, counts)]:
            yield SystemCommand(
                f"Grid of charts: {f'{rows} × {columns}' if rows else 'as many as fit'}",
                "Rows and columns of charts (g)",
                partial(self.show_grid, replace(now.grid, rows=rows, columns=columns)),
            )

    def chart_title(self, name: str) -> str:
        """What people call a chart, of the first run on this screen."""
        return CHARTS[name].title(self.query_one(ChartGrid).views[0])

    # What keys do

    def action_choose_charts(self) -> None:
        grid = self.query_one(ChartGrid)
        self.app.push_screen(
            ChooseChartsScreen(grid.grid, grid.chosen, self.chart_title, self.show_grid)
        )

    def action_more_charts(self) -> None:
        self.query_one(ChartGrid).page += 1

    def action_x_axis(self) -> None:
        self._look_and_keep(self.axes.with_next_x())

    def action_x_log(self) -> None:
        self._look_and_keep(replace(self.axes.whole(), x_log=not self.axes.x_log))

    def action_log_scale(self) -> None:
        self._look_and_keep(replace(self.axes, y_log=not self.axes.y_log))

    def action_smooth(self) -> None:
        self._look_and_keep(self.axes.with_next_smoothing())

    def action_cursor(self, way: int) -> None:
        self.show_axes(self.axes.moved(self.chart.whole, way / self.chart.columns))

    def action_leap(self, way: int) -> None:
        self.show_axes(self.axes.moved(self.chart.whole, way * LEAP))

    def action_zoom(self, way: int) -> None:
        low, high = self.chart.sight
        at = self.axes.cursor if self.axes.cursor is not None else (low + high) / 2
        self.show_axes(self.axes.zoomed(self.chart.whole, ZOOM**way, at))

    def action_pan(self, way: int) -> None:
        self.show_axes(self.axes.panned(self.chart.whole, way * LEAP))

    def action_whole(self) -> None:
        self.show_axes(self.axes.whole())
