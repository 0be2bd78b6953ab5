"""The network of a run, live, attached or over, and of the launch form."""

from pathlib import Path

import pytest
from lab import Bare, HeldRun, Lab
from sample_run import WHOLE_RUN, layer_figures, run_start
from textual.widgets import Static

from core.errors import ModelError
from core.record import read_events
from core.summary import summarize_named
from core.view import RunView, reduce_all
from tui.screens.model import ModelScreen, network_of_run
from tui.screens.prediction import PredictionScreen
from tui.widgets.layer_tree import LayerTree


def text(screen, name):
    return str(screen.query_one(name, Static).content)


async def opened(pilot, screen):
    pilot.app.push_screen(screen)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return screen


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_network_without_a_run_is_its_layers(size):
    async with Bare(runs_dir=Path("runs")).run_test(size=size) as pilot:
        screen = await opened(pilot, ModelScreen("lenet", lambda: summarize_named("lenet")))
        assert text(screen, "#totals").startswith("61,706 parameters")
        assert "gradient" not in text(screen, "#titles")
        assert text(screen, "#layer").startswith("conv1  Conv2d · 1×28×28 → 6×28×28")
        await pilot.press("down", "down", "down")
        await pilot.pause()
        assert text(screen, "#layer").startswith("conv2")


async def test_modules_fold():
    async with Bare(runs_dir=Path("runs")).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, ModelScreen("resnet18", lambda: summarize_named("resnet18")))
        tree = screen.query_one(LayerTree)
        folded = tree.last_line
        await pilot.press("down", "down", "down", "down", "enter")
        await pilot.pause()
        assert tree.cursor_node.data.name == "block1"
        assert tree.last_line == folded + 2
        await pilot.press("z")
        await pilot.pause()
        assert tree.last_line == folded
        await pilot.press("z")
        await pilot.pause()
        assert tree.last_line > 60


async def test_the_figures_of_a_live_run_come_as_it_goes_on():
    view = RunView(start=run_start(), layers=(layer_figures(100),))
    views = [view]

    def unsure():
        raise ModelError("No such file.", "Bring it back.")

    async with Bare(runs_dir=Path("runs")).run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, ModelScreen("a run", unsure, lambda: views[-1]))
        assert text(screen, "#totals") == "No such file. Bring it back."
        tree = screen.query_one(LayerTree)  # of the names that the run has told
        assert [node.data.name for node in tree.root.children] == ["block", "fc"]
        tree.cursor_line = tree.last_line
        await pilot.pause()
        assert "1.0000 → 1.0000" in text(screen, "#layer")
        views.append(RunView(start=run_start(), layers=(*view.layers, layer_figures(200))))
        screen.take_figures()
        assert "1.0000 → 0.5000" in text(screen, "#layer")
        assert "epoch 2" in text(screen, "#layer")


async def test_the_dashboard_opens_it_while_the_run_goes_on(monkeypatch):
    monkeypatch.setattr("core.estimate.summarize_run", lambda start: summarize_named(start.model))
    begun = [run_start(), layer_figures(100)]
    lab = Lab(HeldRun(begun, [layer_figures(200), *WHOLE_RUN[1:]]))
    async with lab.run_test(size=(120, 40)) as pilot:
        await lab.run_is_held()
        await pilot.press("m")
        await pilot.pause()
        screen = lab.screen
        assert isinstance(screen, ModelScreen)
        assert len(screen.figures) == 1
        lab.start.release.set()
        await lab.run_is_over()
        await lab.dashboard.update_panes()
        screen.take_figures()
        assert len(screen.figures) == 2
        await pilot.press("escape")
        assert lab.screen is lab.dashboard


async def test_a_key_opens_what_a_layer_makes_of_an_image(tiny_run):
    run = tiny_run(epochs=1, lr=0.01)
    view = reduce_all(RunView(), read_events(run))
    async with Bare(runs_dir=run.parent).run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, network_of_run(lambda: view, may_build=True))
        await pilot.press("enter")
        maps = pilot.app.screen
        assert isinstance(maps, PredictionScreen)
        assert maps.of_layer == "conv1"
        await pilot.press("escape", "down", "i")
        assert pilot.app.screen.of_layer == "bn1"
        await pilot.press("escape")
        assert screen.active_bindings["i"].enabled


async def test_a_network_without_a_run_has_no_maps():
    async with Bare(runs_dir=Path("runs")).run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, ModelScreen("lenet", lambda: summarize_named("lenet")))
        await pilot.press("enter", "i")
        assert pilot.app.screen is screen
        assert "i" not in screen.active_bindings


async def test_a_users_file_is_not_run_beside_its_own_training():
    lab = Lab(HeldRun([run_start(model="/home/me/net.py:Net"), layer_figures(100)]))
    async with lab.run_test(size=(80, 24)) as pilot:
        await lab.run_is_held()
        await pilot.press("m")
        await pilot.pause()
        assert "once the run is over" in text(lab.screen, "#totals")
        assert lab.screen.query_one(LayerTree).last_line >= 2
        lab.start.release.set()
        await lab.run_is_over()
