import subprocess
import sys

import pytest
from lab import HeldRun, Lab
from sample_run import END, HALF_RUN, WHOLE_RUN, applied, view_of

from core.control import Request
from core.events import CheckpointSaved, RunEnd
from core.view import RunView
from tui.app import NNLabApp, farewell
from tui.screens.dashboard import DashboardScreen
from tui.screens.help import HelpScreen
from tui.screens.launch import LaunchScreen

STOPPED = [
    applied(160, "stop"),
    CheckpointSaved(2, 160, "checkpoints/step-160", "stop", 0.1, 500_000),
    RunEnd("stopped", 1, 160, 1, 0.65, 2.0),
]


def test_the_app_imports_without_torch():
    code = "import sys, tui.app, tui.screens.launch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


FIRST_PAINT = """
import asyncio, sys
from pathlib import Path
from tui.app import NNLabApp

class Watched(NNLabApp):
    importing = None

    def import_torch(self):
        print("painted:", bool(self.screen._compositor.render_strips()), "torch" in sys.modules)
        self.importing = super().import_torch()
        return self.importing

async def main():
    app = Watched(runs_dir=Path("runs"))
    async with app.run_test() as pilot:
        while app.importing is None:
            await pilot.pause()
        await app.importing.wait()
    print("imported:", "core.experiment" in sys.modules)

asyncio.run(main())
"""


@pytest.mark.slow
def test_torch_is_imported_in_the_background_after_the_first_paint():
    done = subprocess.run([sys.executable, "-c", FIRST_PAINT], capture_output=True, text=True)
    assert done.stdout == "painted: True False\nimported: True\n", done.stderr


async def test_without_a_run_the_launch_screen_opens(tmp_path):
    app = NNLabApp(runs_dir=tmp_path)
    app.import_torch = lambda: None
    async with app.run_test():
        assert isinstance(app.screen, LaunchScreen)


async def test_with_a_run_its_dashboard_opens_and_n_leads_to_the_next():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        assert isinstance(app.screen, DashboardScreen)
        await app.run_is_over()
        await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, LaunchScreen)
        assert app.screen.first_values["model"] == "lenet"


async def test_quitting_asks_while_a_run_is_training_and_waits_for_its_checkpoint():
    app = Lab(HeldRun(after=STOPPED))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        for key in ("q", "ctrl+q"):
            await pilot.press(key)
            await pilot.pause()
            assert "This run is still training." in app.picture
            await pilot.press("escape")
            await pilot.pause()
            assert app.requests == []
        await pilot.press("q", "y")
        await pilot.pause()
        assert app.requests == [Request("stop")]
        assert "■ saving" in app.picture
        assert app.is_running
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()
    assert app.return_code == 0
    assert app.last_view is not None
    assert app.last_view.state == "stopped"


async def test_a_run_that_is_kept_is_saved_first_and_then_goes_on_without_the_app():
    app = Lab(HeldRun(after=STOPPED))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.run_is_held()
        await pilot.press("q")
        await pilot.pause()
        assert "Keep training (k)" in app.picture
        await pilot.press("k")
        await pilot.pause()
        assert app.requests == [Request("stop")]
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()
    assert app.return_code == 0
    assert app.keep_training


async def test_quitting_is_immediate_when_the_run_is_over():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running
    assert app.return_code == 0


async def test_a_run_that_ends_while_the_question_stands_does_not_block_leaving():
    app = Lab(HeldRun(after=[END]))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press("q")
        await pilot.pause()
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()
        assert app.is_running
        await pilot.press("y")
        await pilot.pause()
        assert not app.is_running


async def test_a_signal_leaves_with_its_code_after_the_checkpoint():
    app = Lab(HeldRun(after=STOPPED))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        app.leave(143)
        await pilot.pause()
        assert app.requests == [Request("stop")]
        assert app.is_running
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()
    assert app.return_code == 143


async def test_help_lists_every_key_of_the_screen():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 50)) as pilot:
        await app.run_is_over()
        await pilot.press("?")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        shown = {text for _, keys in app.screen.groups for _, text in keys}
        assert shown >= {binding.tooltip for binding in DashboardScreen.BINDINGS}
        assert "All keys of this screen" in app.picture
        (_, here), *_, (later, not_now) = app.screen.groups
        assert later == "not at the moment"  # the run is over
        stop, another = "Stop training and keep a checkpoint", "Start another run"
        assert stop in dict(map(reversed, not_now))
        assert another in dict(map(reversed, here))
        assert stop not in dict(map(reversed, here))
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, DashboardScreen)


async def test_the_palette_has_an_entry_for_every_key_that_works():
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(app.screen)]
        for title in ("Pause", "Stop", "Save", "LR", "Epochs", "Log", "EMA", "Full", "Help"):
            assert titles.count(title) == 1
        assert "New run" not in titles
        pause = next(c for c in app.get_system_commands(app.screen) if c.title == "Pause")
        await pause.callback()
        assert app.requests == [Request("pause")]
        app.start.release.set()
        await app.run_is_over()


def test_the_farewell_tells_state_best_accuracy_and_folder():
    assert farewell(view_of(*WHOLE_RUN)).plain == (
        "brave-otter: finished after 3 of 3 epochs, best test accuracy 0.8000 in epoch 2, "
        "runs/brave-otter"
    )


def test_the_farewell_of_an_unfinished_run_tells_how_to_go_on():
    assert farewell(view_of(*HALF_RUN, *STOPPED)).plain == (
        "brave-otter: stopped after 1 of 3 epochs, best test accuracy 0.6500 in epoch 1, "
        "runs/brave-otter\nGo on with: nnlab resume brave-otter"
    )
    assert farewell(RunView()).plain == "No run was started."
