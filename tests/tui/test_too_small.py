"""A terminal without room for any screen."""

from pathlib import Path

import pytest
from lab import Bare, HeldRun, Lab
from sample_run import END
from textual.widgets import Input
from workspace import Workspace

from core.summary import summarize_named
from tui.screens.help import HelpScreen
from tui.screens.model import ModelScreen
from tui.screens.too_small import TooSmallScreen


async def test_a_dashboard_says_so_and_the_run_goes_on():
    app = Lab(HeldRun(after=[END]))
    async with app.run_test(size=(50, 12)) as pilot:
        await app.run_is_held()
        await app.has_drawn(pilot, "nnlab needs 60×16 characters", "50×12.", "The run goes on.")
        await pilot.press("question_mark", "space", "r")  # of screens that are not in sight
        assert isinstance(app.screen, TooSmallScreen)
        assert app.requests == []
        app.start.release.set()
        await app.run_is_over()
        await pilot.resize_terminal(80, 24)
        await app.has_drawn(pilot, "✔ finished")


async def test_every_screen_gives_way_to_the_notice_and_comes_back_as_it_was(tmp_path):
    app = Workspace(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", "l", "r")
        await pilot.resize_terminal(80, 15)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, TooSmallScreen)
        assert "The run goes on." not in app.picture
        await pilot.press("x")
        await pilot.resize_terminal(60, 16)
        await pilot.pause()
        await pilot.pause()
        assert app.screen is app.runs_screen
        field = app.runs_screen.query_one("#runs-filter", Input)
        assert field.value == "lr"
        assert field.has_focus


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_a_question_below_the_notice_can_still_be_left(key):
    async with Bare(runs_dir=Path("runs")).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        app.push_screen(ModelScreen("lenet", lambda: summarize_named("lenet")))
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, TooSmallScreen)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        await pilot.press(key)
        assert isinstance(app.screen, ModelScreen)
