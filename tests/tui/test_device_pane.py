from dataclasses import replace

import pytest
from pane_app import PaneApp
from sample_devices import GIB, HOST, gpu, reading
from sample_run import report, run_start

from core.view import RunView, reduce_all
from tui.widgets.device_pane import DevicePane, title


@pytest.fixture
def app() -> PaneApp:
    """A pane with room for 56 columns and 6 lines."""
    pane = DevicePane()
    pane.styles.width, pane.styles.height = 60, 8
    return PaneApp(pane, RunView())


def shown(app: PaneApp) -> list[str]:
    return str(app.pane.render()).split("\n")


async def test_an_empty_pane_says_what_will_come(app):
    async with app.run_test():
        assert shown(app) == ["the first reading comes in a moment"]


async def test_readings_become_sparklines_in_the_room_inside_the_border(app):
    async with app.run_test() as pilot:
        pane = app.pane
        for moment, fraction in enumerate((0.0, 0.4, 1.0)):
            pane.devices = reading(gpu(utilisation=fraction), time=moment)
        await pilot.pause()
        assert shown(app) == [
            "util                    ▁▄█ 100 %            temp  54 °C",
            "mem                     ▃▃▃ 20.0 / 80.0 GiB  fan      –",
            "power                   ▅▅▅ 350 / 700 W      state   P0",
            "this process 2.0 GiB · uid 1004 18.0 GiB (python 4712)",
            "cpu              ▃▃▃   25 %  ram  18.0 / 128.0 GiB",
            "this process 1.5 cores  3.0 GiB",
        ]
        assert "▁▄█ 100 %" in app.picture
        assert not app.broken
        assert str(pane.border_title) == "GPU 0  NVIDIA H100 80GB HBM3"


async def test_the_runs_figures_and_the_most_memory_it_was_seen_with_stand_below(app):
    app.view = reduce_all(RunView(), [run_start(), report(10, 2.0)])
    async with app.run_test() as pilot:
        for held in (3, 5, 4):
            app.pane.devices = reading(gpu(), host=replace(HOST, process_memory_bytes=held * GIB))
        await pilot.pause()
        assert "this run   data wait 2 %  compute 98 %" in shown(app)[-1]
        app.pane.styles.height = 24
        await pilot.pause()
        assert "this run   data wait 2 %  compute 98 %" in shown(app)
        assert "peak memory 5.0 GiB" in shown(app)


async def test_news_of_the_run_alone_draw_nothing_anew(app):
    async with app.run_test() as pilot:
        app.pane.devices = reading(gpu())
        await pilot.pause()
        before = app.pane.render()
        app.pane.view = reduce_all(RunView(), [run_start(), report(10, 2.0)])
        await pilot.pause()
        assert app.pane.render() is before
        app.pane.devices = reading(gpu(), time=1.0)
        await pilot.pause()
        assert "this run" in str(app.pane.render())


async def test_a_pane_that_fills_the_screen_shows_graphs_and_processes(app):
    async with app.run_test(size=(120, 40)) as pilot:
        app.pane.styles.width, app.pane.styles.height = 120, 40
        for moment in range(5):
            app.pane.devices = reading(gpu(), time=moment)
        await pilot.pause()
        assert "python other.py" in app.picture
        assert "graphs: 1.0 s a column, now at the right" in app.picture


async def test_a_smaller_pane_is_drawn_anew_in_fewer_lines(app):
    async with app.run_test() as pilot:
        pane = app.pane
        pane.devices = reading(gpu(0), gpu(1))
        pane.styles.height = 5
        await pilot.pause()
        assert [line[:4] for line in shown(app)] == ["  0 ", "  1 ", "cpu "]
        pane.training_on = ("1",)
        await pilot.pause()
        assert [line[:4] for line in shown(app)] == ["  0 ", "▸ 1 ", "cpu "]


async def test_names_from_outside_are_neither_markup_nor_escape_sequences(app):
    async with app.run_test() as pilot:
        pane = app.pane
        pane.devices = reading(gpu(name="[/b]\x1b[2J"), host=replace(HOST, cpu_name="[red]"))
        await pilot.pause()
        assert " GPU 0  [/b]\ufffd[2J " in app.picture
        assert not app.broken


@pytest.mark.parametrize(
    ("now", "training_on", "expected"),
    [
        (reading(), (), "host  Some CPU"),
        (reading(gpu(3)), (), "GPU 3  NVIDIA H100 80GB HBM3"),
        (reading(gpu(3)), ("3",), "GPU 3  NVIDIA H100 80GB HBM3  this run"),
        (reading(gpu(0), gpu(1)), ("0", "1"), "2 GPUs  NVIDIA H100 80GB HBM3"),
        (reading(gpu(name=None)), (), "GPU 0  –"),
    ],
)
def test_the_title_names_the_first_gpu_or_the_host(now, training_on, expected):
    assert title(now, training_on) == expected
