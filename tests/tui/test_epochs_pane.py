import asyncio

from pane_app import PaneApp
from sample_run import WHOLE_RUN, epoch_end, run_start, table_start, view_of
from textual.widgets import DataTable

from tui.widgets.epochs_pane import EpochsPane


def rows(app):
    table = app.query_one(DataTable)
    return [[str(cell).strip() for cell in table.get_row_at(i)] for i in range(table.row_count)]


async def test_there_is_a_row_for_each_epoch_and_a_star_at_the_best():
    app = PaneApp(EpochsPane(), view_of(*WHOLE_RUN))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert rows(app) == [
            ["1", "0.8461", "0.7000", "0.6500", "1.2 s", "5.00 K"],
            ["2", "0.3113", "0.8500", "0.8000★", "1.2 s", "5.00 K"],
            ["3", "0.1145", "0.8000", "0.7500", "1.2 s", "5.00 K"],
        ]


async def test_the_star_moves_to_a_better_epoch():
    first, second = epoch_end(1, 0.5, 0.8), epoch_end(2, 0.4, 0.9)
    app = PaneApp(EpochsPane(), view_of(run_start(), first))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert [row[3] for row in rows(app)] == ["0.7500★"]
        app.pane.view = view_of(run_start(), first, second)
        await pilot.pause()
        assert [row[3] for row in rows(app)] == ["0.7500", "0.8500★"]


async def test_another_run_replaces_the_rows():
    app = PaneApp(EpochsPane(), view_of(*WHOLE_RUN))
    async with app.run_test() as pilot:
        await pilot.pause()
        app.pane.view = view_of(run_start(), epoch_end(1, 0.25, 0.9))
        await pilot.pause()
        assert [row[1] for row in rows(app)] == ["0.2500"]


async def test_the_newest_epoch_is_in_sight_unless_somebody_looks_at_another():
    ends = [epoch_end(n, 1 / n, 0.5) for n in range(1, 60)]
    app = PaneApp(EpochsPane(), view_of(run_start(), *ends[:50]))
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        table = app.query_one(DataTable)
        assert table.cursor_row == 49
        app.pane.view = view_of(run_start(), *ends[:51])
        await pilot.pause()
        assert table.cursor_row == 50
        table.focus()
        await pilot.press("up", "up")
        app.pane.view = view_of(run_start(), *ends)
        await pilot.pause()
        assert table.cursor_row == 48


async def test_the_newest_epoch_stays_in_sight_where_there_is_less_room():
    ends = [epoch_end(n, 1 / n, 0.5) for n in range(1, 8)]
    app = PaneApp(EpochsPane(), view_of(run_start(), *ends))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        await pilot.resize_terminal(60, 7)
        async with asyncio.timeout(100):
            while " 7   0.1429" not in app.picture:
                await pilot.pause(0.01)


async def test_an_empty_table_says_what_will_come():
    app = PaneApp(EpochsPane(), view_of(run_start()))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "a row after each epoch" in app.picture


async def test_of_a_table_it_says_r_squared_and_rows_and_keeps_negative_figures_whole():
    app = PaneApp(EpochsPane(), view_of(table_start(), epoch_end(1, 1.2, -0.17051)))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "epochs · train and test: R²" in app.picture
        assert "rows/s" in app.picture
        assert "img/s" not in app.picture
        assert rows(app)[0][2:4] == ["-0.171", "-0.221★"]
