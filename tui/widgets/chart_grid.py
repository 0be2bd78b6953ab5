"""Charts in rows and columns, of which as many are in sight as have room."""

from collections.abc import Sequence

from textual.containers import Container
from textual.reactive import reactive

from core.view import RunView
from tui.charts import CHARTS
from tui.grid import Grid, fitting, page_of
from tui.widgets.charting import Charting


class ChartGrid(Container):
    """Its children are `Charting` widgets, one for each chart there is.

    `grid` is what somebody chose; on each `page` are as many of those charts as fit.
    """

    DEFAULT_CSS = "ChartGrid { layout: grid; grid-size: 2 1; }"

    grid: reactive[Grid] = reactive(Grid(), init=False, repaint=False)
    page: reactive[int] = reactive(0, init=False, repaint=False)

    def __init__(self, *panes: Charting, id: str) -> None:
        super().__init__(*panes, id=id)
        self.panes = panes
        self.views: Sequence[RunView] = (RunView(),)  # of the runs that are drawn
        for pane in panes[2:]:
            pane.display = False  # until it is its turn: laying out all of them takes a moment

    @property
    def chosen(self) -> list[str]:
        """The names of the charts that are shown, on this page or another."""
        names = [name for name in CHARTS if name in self.grid.charts]
        return names or [c.name for c in CHARTS.values() if any(map(c.applies, self.views))]

    def tell(self, views: Sequence[RunView]) -> None:
        """Take note of what is drawn: some charts say nothing of a run without a GPU."""
        before, self.views = self.chosen, views
        if self.chosen != before:
            self.rearrange()

    def watch_grid(self) -> None:
        self.page = 0
        self.rearrange()

    def watch_page(self) -> None:
        self.rearrange()

    def on_resize(self) -> None:
        self.rearrange()

    def rearrange(self) -> None:
        """Show the charts that it is the turn of."""
        if not self.size.area:
            return
        rows, columns = fitting(self.grid.wanted(*self.screen.size), *self.size)
        shown = page_of(self.chosen, rows * columns, self.page)
        columns = min(columns, len(shown))  # the last page leaves no place empty
        self.styles.grid_size_columns = columns
        self.styles.grid_size_rows = -(-len(shown) // columns)
        in_sight = [pane for pane in self.panes if pane.chart.name in shown]
        lost = self.screen.focused in self.panes and self.screen.focused not in in_sight
        for pane in self.panes:
            pane.display = pane in in_sight
        if lost:
            in_sight[0].focus()
