import pytest
from pane_app import PaneApp
from sample_run import WHOLE_RUN, view_of
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.widgets import Input

from tui.charts import CHARTS
from tui.screens.chart_screen import ChartScreen
from tui.theme import NNLAB_THEME
from tui.widgets.curve_pane import CurvePane


class Charts(ChartScreen):
    def compose(self) -> ComposeResult:
        yield CurvePane(CHARTS["loss"], id="loss")
        yield CurvePane(CHARTS["score"], id="score")
        yield Input()

    def on_mount(self) -> None:
        for pane in self.query(CurvePane):
            pane.styles.height = 12
            pane.view = view_of(*WHOLE_RUN)


class ChartsApp(App[None]):
    picture = PaneApp.picture

    def on_mount(self) -> None:
        self.register_theme(NNLAB_THEME)
        self.theme = NNLAB_THEME.name
        self.push_screen(Charts())


@pytest.fixture
async def pilot():
    app = ChartsApp()
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        yield pilot


async def test_the_cursor_is_at_the_same_place_in_all_charts(pilot):
    await pilot.press("left", *["shift+left"] * 5)
    loss, score = pilot.app.screen.query(CurvePane)
    assert loss.axes == score.axes
    assert loss.axes.cursor == pytest.approx(1.5)
    assert pilot.app.picture.count("at epoch 1.50 · step 150") == 2
    await pilot.press("0")
    assert loss.axes.cursor is None


async def test_zoom_and_pan_by_keys_and_back_to_the_whole(pilot):
    loss = pilot.app.screen.query_one("#loss", CurvePane)
    assert loss.sight == (0, 3)
    await pilot.press("right_square_bracket")
    assert loss.sight == (0.75, 2.25)
    await pilot.press("full_stop")
    assert loss.sight == pytest.approx((0.9, 2.4))
    await pilot.press("comma", "comma")
    assert loss.sight == pytest.approx((0.6, 2.1))
    await pilot.press("left_square_bracket")
    assert loss.sight == (0, 3)
    await pilot.press("right_square_bracket", "0")
    assert loss.sight == (0, 3)


async def test_a_click_sets_the_cursor_the_wheel_zooms_and_dragging_moves(pilot):
    loss = pilot.app.screen.query_one("#loss", CurvePane)
    middle = (2 + 6 + 35, 5)  # border and padding, labels, half of 70 columns
    await pilot.click("#loss", offset=middle)
    assert loss.axes.cursor == pytest.approx(1.5, abs=0.05)
    await pilot._post_mouse_events([MouseScrollUp], "#loss", middle)
    low, high = loss.sight
    assert high - low == pytest.approx(3 * 0.8)
    assert low < 1.5 < high
    await pilot.mouse_down("#loss", offset=middle)
    await pilot.hover("#loss", offset=(middle[0] - 7, 5))
    await pilot.mouse_up("#loss", offset=(middle[0] - 7, 5))
    assert loss.sight[0] == pytest.approx(low + 0.1 * (high - low))
    assert loss.axes.cursor == pytest.approx(1.5, abs=0.05)  # dragging is no click


async def test_axes_are_there_the_next_time(pilot):
    await pilot.press("x", "X")
    async with ChartsApp().run_test(size=(80, 30)) as again:
        await again.pause()
        axes = again.app.screen.query_one("#loss", CurvePane).axes
    assert (axes.x, axes.x_log) == ("step", True)


async def test_a_logarithmic_x_axis_begins_at_the_first_report(pilot):
    await pilot.press("X")
    loss = pilot.app.screen.query_one("#loss", CurvePane)
    assert loss.sight == (0.1, 3)
    assert "log x" in pilot.app.picture


async def test_keys_of_charts_are_letters_where_one_types(pilot):
    pilot.app.screen.query_one(Input).focus()
    await pilot.press("x", "0", "left")
    assert pilot.app.screen.query_one(Input).value == "x0"
    assert pilot.app.screen.query_one("#loss", CurvePane).axes.x == "epoch"
