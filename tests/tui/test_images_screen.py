"""The images of a data set, from the launch screen."""

import pytest
from test_inspect_screen import Bare, text_of
from textual.widgets import Static

from tui.app import NNLabApp
from tui.screens.images import ImagesScreen
from tui.screens.launch import LaunchScreen


class Quiet(NNLabApp):
    def import_torch(self) -> None:
        """The test has done so."""


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_it_shows_classes_figures_and_samples(tmp_path, size):
    async with Bare(runs_dir=tmp_path).run_test(size=size) as pilot:
        text = await text_of(pilot, ImagesScreen("fashion-mini"))
    assert "6,000 for training, 2,000 for testing" in text
    assert text.count("Ankle boot") == 3  # its line of the balance, and below two samples
    assert "█" in text
    assert max(map(len, text.splitlines())) <= size[0] - 4


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
async def test_a_terminal_without_half_blocks_gets_shades_of_grey(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr("tui.screens.look.encoding_of_screen", lambda: encoding)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with Bare(runs_dir=tmp_path).run_test(size=(80, 24)) as pilot:
        text = await text_of(pilot, ImagesScreen("fashion-mini"))
    assert ("▀▀" in text) is (encoding == "utf-8")
    assert ("##" in text) is (encoding == "ascii")


async def test_a_data_set_that_is_gone_is_explained(tmp_path):
    async with Bare(runs_dir=tmp_path).run_test() as pilot:
        screen = ImagesScreen(str(tmp_path / "absent"))
        assert await text_of(pilot, screen) == ""
        assert "absent" in str(screen.query_one("#doing", Static).content)


async def test_a_key_of_the_launch_screen_opens_it_and_escape_goes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(ImagesScreen, "work_out", lambda screen: None)
    monkeypatch.setattr(LaunchScreen, "find_cost", lambda screen: None)
    app = Quiet(runs_dir=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(app.screen, ImagesScreen)
        assert app.screen.data == "fashion-mini"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, LaunchScreen)
