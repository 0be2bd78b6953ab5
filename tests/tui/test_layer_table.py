from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.summary import summarize_named
from tui.layer_lines import layer_lines, total_lines
from tui.widgets.layer_table import LayerTable


class OneTable(App[None]):
    def compose(self) -> ComposeResult:
        table = LayerTable()
        table.message = "Pick a [network]."
        yield table


def texts(app: App[None]) -> list[str]:
    return [str(static.content) for static in app.query(Static)]


async def test_before_there_is_a_summary_the_message_says_what_will_come():
    async with OneTable().run_test() as pilot:
        assert texts(pilot.app) == ["", "Pick a [network].", ""]


async def test_titles_layers_and_totals_of_a_network_fit_the_width():
    summary = summarize_named("lenet")
    async with OneTable().run_test(size=(60, 20)) as pilot:
        pilot.app.query_one(LayerTable).summary = summary
        await pilot.pause()
        titles, *layers = layer_lines(summary, 59)
        assert texts(pilot.app) == [titles, "\n".join(layers), "\n".join(total_lines(summary, 59))]


async def test_a_wider_terminal_brings_more_columns():
    async with OneTable().run_test(size=(60, 20)) as pilot:
        pilot.app.query_one(LayerTable).summary = summarize_named("lenet")
        await pilot.pause()
        assert "memory" not in texts(pilot.app)[0]
        await pilot.resize_terminal(120, 20)
        await pilot.pause()
        assert "memory" in texts(pilot.app)[0]


async def test_many_layers_scroll_between_titles_and_totals_that_stay():
    async with OneTable().run_test(size=(80, 24)) as pilot:
        table, scroll = pilot.app.query_one(LayerTable), pilot.app.query_one(VerticalScroll)
        table.summary = summarize_named("resnet18")
        await pilot.pause()
        assert scroll.max_scroll_y > 30
        scroll.focus()
        await pilot.press("end")
        scroll.scroll_end(animate=False)
        await pilot.pause()
        titles, _, totals = pilot.app.query(Static)
        assert titles.region.y == 0
        assert totals.region.bottom == 24
        assert scroll.scroll_y == scroll.max_scroll_y

        table.summary = summarize_named("lenet")
        await pilot.pause()
        assert scroll.scroll_y == 0


async def test_depth_shows_modules_as_wholes():
    async with OneTable().run_test() as pilot:
        table = pilot.app.query_one(LayerTable)
        table.summary = summarize_named("resnet18")
        table.depth = 1
        await pilot.pause()
        assert len(texts(pilot.app)[1].splitlines()) == 10


async def test_a_summary_given_before_the_first_layout_is_shown():
    class Ready(App[None]):
        def compose(self) -> ComposeResult:
            table = LayerTable()
            table.summary = summarize_named("mlp")
            yield table

    async with Ready().run_test() as pilot:
        assert texts(pilot.app)[2].startswith("203,530 parameters")
