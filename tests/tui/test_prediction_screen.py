"""One image of a run: its probabilities and feature maps, as the commands print them."""

import json
from types import SimpleNamespace

import pytest
from lab import Bare
from PIL import Image
from test_inspect_screen import text_of
from textual.widgets import Input, Static
from typer.testing import CliRunner

from core.trained import load_trained
from tui.cli import app as command
from tui.screens.inspect import InspectScreen
from tui.screens.prediction import PredictionScreen, layer_of_run
from tui.waiting import wait_for


@pytest.fixture
def seen(tiny_run) -> SimpleNamespace:
    run = tiny_run(epochs=1, lr=0.01)
    trained = load_trained(run, "best")
    return SimpleNamespace(run=run, trained=trained, dataset=wait_for(trained.load_data()))


def opened(seen):
    yield from ()
    return seen.trained, seen.dataset


async def settled(pilot) -> str:
    """What stands on the screen once no image is waiting for the thread."""
    screen = pilot.app.screen
    await pilot.pause()
    while screen._at_work:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
    return str(screen.query_one("#text", Static).content)


async def test_it_begins_with_the_worst_mistake_and_keys_go_through_the_images(seen, tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "black.png")
    words = ["predict", "tiny", str(tmp_path / "black.png"), "--runs-dir", str(seen.run.parent)]
    printed = json.loads(CliRunner().invoke(command, [*words, "--json"]).stdout)
    most = printed["images"][0]["classes"][0]
    async with Bare(runs_dir=tmp_path).run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(PredictionScreen("a run", lambda: opened(seen), (7, 23)))
        text = await settled(pilot)
        assert f"image 7 of 24: {seen.trained.classes[int(seen.dataset.test.labels[7])]}" in text
        assert text.count(" % ") == 3
        assert "conv1: 4×" in text
        assert max(map(len, text.splitlines())) <= 76
        await pilot.press("right", "right", "left")
        assert "image 8 of 24" in await settled(pilot)
        await pilot.press("w", "w")
        assert "image 23 of 24" in await settled(pilot)
        await pilot.press("right")
        assert "image 0 of 24" in await settled(pilot)
        await pilot.press("g")
        await pilot.pause()
        question = pilot.app.screen
        question.query_one(Input).value = "24"
        await pilot.press("enter")
        assert "no test image '24'" in str(question.query_one("#details", Static).content)
        question.query_one(Input).value = "12"
        await pilot.press("enter")
        assert "image 12 of 24" in await settled(pilot)
        await pilot.press("o")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = str(tmp_path / "black.png")
        await pilot.press("enter")
        lines = (await settled(pilot)).splitlines()
        assert lines[0].endswith("black.png")
        assert most["name"] in lines[1]
        assert f"{most['probability']:.1%}".replace("%", " %") in lines[1]
        await pilot.press("left")
        assert "image 12 of 24" in await settled(pilot)


@pytest.mark.parametrize(
    ("layer", "shown"), [("conv1", "conv1: 4×"), ("fc", "fc: 3 units"), ("nix", "no layer 'nix'")]
)
async def test_a_layer_shows_what_it_makes_of_an_image(seen, layer, shown):
    async with Bare(runs_dir=seen.run.parent).run_test(size=(80, 24)) as pilot:
        pilot.app.push_screen(layer_of_run(seen.run, "best", layer, None))
        text = await settled(pilot)
        assert "image 0 of 24" in text
        assert shown in text + str(pilot.app.screen.query_one("#doing", Static).content)
        assert max(map(len, text.splitlines())) <= 76
        await pilot.press("right")
        assert "image 1 of 24" in await settled(pilot)


async def test_a_key_of_an_inspected_run_opens_it(seen):
    async with Bare(runs_dir=seen.run.parent).run_test(size=(120, 40)) as pilot:
        screen = InspectScreen(seen.run)
        await text_of(pilot, screen)
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PredictionScreen)
        assert pilot.app.screen.image == screen.found.mistakes[0].index
        await pilot.press("escape")
        assert pilot.app.screen is screen
