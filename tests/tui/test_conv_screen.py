"""The convolution playground: keys change what is drawn, and the command below draws the same."""

import shlex

from lab import Bare
from PIL import Image
from test_inspect_screen import text_of
from textual.widgets import Input, Static
from typer.testing import CliRunner

from tui.cli import app as command
from tui.screens.conv import kernels_over
from tui.screens.inspect import InspectScreen


def shown(pilot) -> str:
    return str(pilot.app.screen.query_one("#text", Static).content)


def printed(screen) -> list[str]:
    """What the command prints that the screen shows."""
    result = CliRunner().invoke(command, shlex.split(screen.command)[1:])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


async def test_keys_change_kernel_image_padding_and_stride_and_the_command_does_the_same(tmp_path):
    async with Bare(runs_dir=tmp_path).run_test(size=(80, 24)) as pilot:
        screen = kernels_over("fashion-mini", None)
        first = await text_of(pilot, screen)
        assert "kernel 1 of 10 · image 0 of 2,000: Ankle boot · padding 0 · stride 1" in first
        assert "(28 + 2*0 - 3) // 1 + 1 = 26" in first
        await pilot.press("down", "down", "right", "plus", "plus", "minus", "greater_than_sign")
        assert "kernel 3 of 10 · image 1 of 2,000: Pullover · padding 1 · stride 2" in shown(pilot)
        assert "H' = (H + 2p - k) // s + 1 = (28 + 2*1 - 1) // 2 + 1 = 15" in shown(pilot)
        lines = [line.strip() for line in printed(screen)]
        found = [line.strip() for line in shown(pilot).splitlines()]
        assert lines[1:] == found[1:-1]  # all but the first line, and the command itself
        await pilot.press("minus", "minus", "minus", "less_than_sign", "less_than_sign", "up", "a")
        assert "all 10 kernels" in shown(pilot)
        assert "padding 0 · stride 1" in shown(pilot)
        assert "sobel_x" in shown(pilot)


async def test_a_kernel_and_an_image_of_ones_own_can_be_tried(tmp_path):
    Image.new("RGB", (2, 2), "red").save(tmp_path / "red.png")
    async with Bare(runs_dir=tmp_path).run_test(size=(80, 24)) as pilot:
        screen = kernels_over("fashion-mini", None)
        await text_of(pilot, screen)
        await pilot.press("k")
        await pilot.pause()
        await pilot.press(*"1 x", "enter")
        assert "'1 x' is no kernel" in str(pilot.app.screen.query_one("#details", Static).content)
        await pilot.press("backspace", *"-1", "enter")
        await pilot.pause()
        assert "1 -1 (1x2): as typed" in shown(pilot)
        await pilot.press("o")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = str(tmp_path / "red.png")
        await pilot.press("enter")
        await pilot.pause()
        assert "kernel 11 of 11 · red.png" in shown(pilot)
        assert "(2 + 2*0 - 2) // 1 + 1 = 1" in shown(pilot)
        assert any("(2 + 2*0 - 2) // 1 + 1 = 1" in line for line in printed(screen))
        await pilot.press("up")
        assert "A kernel of 3x3 does not fit into an image of 2x2. Press +" in shown(pilot)
        await pilot.press("plus")
        assert "(2 + 2*1 - 3) // 1 + 1 = 2" in shown(pilot)


async def test_the_filters_of_a_run_are_laid_over_its_images(tiny_run):
    run = tiny_run(epochs=1)
    async with Bare(runs_dir=run.parent).run_test(size=(80, 24)) as pilot:
        await text_of(pilot, InspectScreen(run))
        await pilot.press("k")
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        text, screen = shown(pilot), pilot.app.screen
        assert "filter of conv1, tiny, epoch 1" in text
        assert not screen.check_action("type_kernel", ())
        await pilot.press("down")
        assert "kernel 2 of 4" in shown(pilot)
        lines = [line.strip() for line in printed(screen)]
        assert lines[1:] == [line.strip() for line in shown(pilot).splitlines()][1:-1]
