from lab import Lab
from sample_run import WHOLE_RUN
from textual.widgets import SelectionList

from tui.grid import Grid
from tui.kept import keep_grid, kept
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.pane_grid import PaneGrid


def in_sight(app: Lab) -> list[str]:
    return [
        pane.chart.name
        for pane in app.dashboard.query_one(ChartGrid).panes
        if pane.display and pane.region.area
    ]


async def test_charts_come_in_pages_as_many_as_fit():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert in_sight(app) == ["loss", "score"]
        await pilot.press("G")
        await pilot.pause()
        assert in_sight(app) == ["lr", "speed"]
        assert app.focused is app.dashboard.query_one("#chart-lr")
        await pilot.resize_terminal(200, 70)
        await pilot.pause()
        assert len(in_sight(app)) >= 5


async def test_charts_rows_and_columns_are_chosen_seen_at_once_and_kept():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.press("g")
        await pilot.pause()
        app.screen.query_one(SelectionList).deselect("score")
        await pilot.press("r", "r", "c")
        await pilot.pause()
        assert "rows 2 (r)" in app.picture
        assert "columns 1 (c)" in app.picture
        await pilot.press("escape")
        await pilot.pause()
        assert in_sight(app) == ["loss", "lr"]
        assert kept().grid.rows == 2
        assert "score" not in kept().grid.charts
    again = Lab(lambda: WHOLE_RUN)
    async with again.run_test(size=(120, 40)) as pilot:
        await again.run_is_over()
        await pilot.pause()
        assert in_sight(again) == ["loss", "lr"]
        await pilot.press("g", "a")
        await pilot.pause()
        assert in_sight(again) == ["loss", "score"]
        assert kept().grid == Grid()


async def test_the_palette_shows_and_hides_charts_and_offers_grids():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        commands = {c.title: c.callback for c in app.get_system_commands(app.screen)}
        commands["Hide chart: accuracy"]()
        await pilot.pause()
        assert in_sight(app) == ["loss", "lr"]
        commands = {c.title: c.callback for c in app.get_system_commands(app.screen)}
        commands["Grid of charts: 2 × 2"]()
        await pilot.pause()
        assert in_sight(app)[:4] == ["loss", "lr", "speed", "wait"]


async def test_where_charts_take_all_the_room_the_panes_come_with_a_key():
    keep_grid(Grid(("loss", "score", "lr", "speed"), 2, 2))
    app = Lab(lambda: WHOLE_RUN[:-1])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert not app.dashboard.query_one(PaneGrid).region.area
        await pilot.press("v")
        await pilot.pause()
        assert app.dashboard.query_one(PaneGrid).region.area
