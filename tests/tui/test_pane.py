import pytest
from pane_app import PaneApp
from sample_run import WHOLE_RUN, report, run_start, view_of

from core.view import RunView
from tui.widgets.loss_pane import LossPane
from tui.widgets.pane import Pane


class Brittle(Pane):
    shows = 0

    def show(self, view: RunView) -> None:
        type(self).shows += 1
        raise ZeroDivisionError("[/bold] nothing to divide")


@pytest.fixture(autouse=True)
def never_shown():
    Brittle.shows = 0


async def test_a_pane_that_cannot_be_drawn_says_so_once_and_the_app_goes_on():
    app = PaneApp(Brittle(), view_of(run_start()))
    async with app.run_test() as pilot:
        await pilot.pause()
        app.pane.view = view_of(*WHOLE_RUN)
        await pilot.pause()
        assert "this pane broke: ZeroDivisionError; the run goes on" in app.picture
        assert [(event.pane, "nothing to divide" in event.trace) for event in app.broken] == [
            ("Brittle", True)
        ]
        assert Brittle.shows == 1


async def test_a_pane_is_drawn_again_when_its_size_changes():
    app = PaneApp(LossPane(), view_of(run_start(), report(10, 2.0), report(20, 1.0)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        assert len(app.pane.render().plain.split("\n")) == 10
