"""Inside a run, from the dashboard: the same figures as the commands print."""

import json
import shutil

import pytest
from lab import Bare, HeldRun, Lab
from rich.text import Text
from sample_run import WHOLE_RUN, run_start
from textual.widgets import Static
from typer.testing import CliRunner

from core.events import CheckpointSaved
from tui.cli import app as command
from tui.screens.dashboard import DashboardScreen
from tui.screens.inspect import InspectScreen

SIZES = [(120, 40), (80, 24)]


async def text_of(pilot, screen) -> str:
    """What stands on the screen once its thread is done."""
    pilot.app.push_screen(screen)
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return str(screen.query_one("#text", Static).content)


@pytest.mark.parametrize("size", SIZES)
async def test_it_shows_what_the_commands_print(tiny_run, tmp_path, size):
    run = tiny_run(epochs=2, lr=0.01)
    words = ["evaluate", "tiny", "--json", "--mistakes", "12", "--runs-dir", str(run.parent)]
    found = json.loads(CliRunner().invoke(command, words).stdout)
    async with Bare(runs_dir=run.parent).run_test(size=size) as pilot:
        text = await text_of(pilot, InspectScreen(run))
        assert not pilot.app.screen.query_one("#doing").display
    assert "tiny: net.py:net on fashion-mini, best checkpoint" in text
    assert "4×1×3×3" in next(li for li in text.splitlines() if li.startswith("conv1.weight"))
    assert "conv1: 4 filters of 1×3×3" in text
    assert f"test accuracy {found['accuracy']:.4f}" in text
    assert "rows: true classes; columns: what their images were taken for" in text
    assert "mistakes  (#number, class → what it was taken for)" in text
    assert f"#{found['mistakes'][0]['index']} " in text
    assert max(map(len, text.splitlines())) <= size[0] - 4


async def test_without_colours_images_are_shades_of_grey(tiny_run, monkeypatch):
    run = tiny_run(epochs=1)
    monkeypatch.setenv("NO_COLOR", "1")
    async with Bare(runs_dir=run.parent).run_test(size=SIZES[0]) as pilot:
        assert "▀" not in await text_of(pilot, InspectScreen(run))


async def test_a_run_without_its_checkpoints_is_explained_and_left_by_escape(tiny_run):
    run = tiny_run(epochs=1)
    shutil.rmtree(run / "checkpoints")
    async with Bare(runs_dir=run.parent).run_test(size=SIZES[1]) as pilot:
        screen = InspectScreen(run)
        assert await text_of(pilot, screen) == ""
        assert "checkpoint" in str(screen.query_one("#doing", Static).content)
        await pilot.press("escape")
        assert pilot.app.screen is not screen


async def test_of_a_run_that_goes_on_each_new_checkpoint_is_looked_into(tiny_run):
    run = tiny_run(epochs=3)
    newest = [CheckpointSaved(2, 10, "", "epoch", 0.1, 1)]
    async with Bare(runs_dir=run.parent).run_test(size=SIZES[0]) as pilot:
        screen = InspectScreen(run, checkpoint_of=lambda: newest[-1])
        first = await text_of(pilot, screen)
        assert "epoch 3, step 15" in first
        screen.drawn[0] = lambda *_: [Text("of an older one")]
        screen.look_again()
        await pilot.pause()
        assert screen.drawn[0](1, 1, False)[0].plain == "of an older one"  # nothing new
        newest.append(CheckpointSaved(3, 15, "", "epoch", 0.1, 1))
        screen.look_again()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert str(screen.query_one("#text", Static).content) == first


async def test_the_key_is_there_while_a_run_goes_on_unless_its_network_is_a_users_file():
    for model, shown in (("lenet", True), ("/home/me/net.py:Net", False)):
        saved = CheckpointSaved(1, 100, "", "epoch", 0.1, 1)
        lab = Lab(HeldRun([run_start(model=model), saved]))
        async with lab.run_test(size=SIZES[1]) as pilot:
            await lab.run_is_held()
            await pilot.pause()
            assert bool(lab.dashboard.check_action("inspect_live", ())) is shown
            assert not lab.dashboard.check_action("inspect", ())
            lab.start.release.set()
            await lab.run_is_over()


async def test_the_key_is_there_once_a_run_with_a_checkpoint_is_over(monkeypatch):
    opened = []
    monkeypatch.setattr(InspectScreen, "work_out", lambda screen: opened.append(screen.run))
    lab = Lab(lambda: WHOLE_RUN)
    async with lab.run_test(size=SIZES[1]) as pilot:
        await lab.run_is_over()
        await pilot.pause()
        await pilot.press("i")
        await pilot.pause()
        assert [run.name for run in opened] == ["brave-otter"]
        await pilot.press("escape")
        assert isinstance(lab.screen, DashboardScreen)


async def test_there_is_no_key_without_a_checkpoint():
    lab = Lab(lambda: [e for e in WHOLE_RUN if not isinstance(e, CheckpointSaved)])
    async with lab.run_test(size=SIZES[1]) as pilot:
        await lab.run_is_over()
        await pilot.pause()
        assert not lab.dashboard.check_action("inspect", ())
