from pane_app import PaneApp
from sample_run import run_start, view_of
from textual.containers import VerticalScroll

from core.events import Notice
from tui.widgets.log_pane import LogPane

LINES = [Notice(f"line {n}") for n in range(100)]


async def test_the_newest_line_is_in_sight():
    app = PaneApp(LogPane(), view_of(*LINES[:60]))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        assert "line 59" in app.picture
        app.pane.view = view_of(*LINES)
        await pilot.pause()
        assert "line 99" in app.picture


async def test_somebody_who_scrolled_up_is_left_in_peace():
    app = PaneApp(LogPane(), view_of(*LINES[:60]))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        app.query_one(VerticalScroll).scroll_home(animate=False)
        await pilot.pause()
        app.pane.view = view_of(*LINES)
        await pilot.pause()
        assert "line 0" in app.picture
        assert "line 99" not in app.picture


async def test_a_line_is_text_and_neither_markup_nor_a_command():
    app = PaneApp(LogPane(), view_of(run_start(), Notice("[/red] \x1b[2Jcleared")))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "[/red] \ufffd[2Jcleared" in app.picture
