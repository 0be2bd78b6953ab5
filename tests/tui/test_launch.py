"""The launch screen in the real app, headless; only the timing of a step is replaced."""

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from heart import write_heart
from lab import notified
from textual.containers import Vertical
from textual.widgets import Button, Input, OptionList, Static

import tui.screens.cost as cost
import tui.screens.launch as launch
from core.config import make_config
from core.errors import NNLabError
from core.models import MODELS
from core.presets import PRESETS
from tui.app import NNLabApp
from tui.screens.compare import CompareScreen
from tui.screens.confirm import ConfirmScreen
from tui.widgets.estimate_pane import EstimatePane
from tui.widgets.layer_table import LayerTable
from tui.widgets.network_list import NetworkList
from tui.widgets.picker import Picker
from tui.widgets.settings_form import SettingsForm

WIDE, SMALL = (120, 40), (80, 24)


class Lab(NNLabApp):
    """The app, but a run that is started is only noted."""

    def __init__(self, tmp_path):
        super().__init__(runs_dir=tmp_path / "runs", data_dir=tmp_path / "data")
        self.started = []

    def start_run(self, config):
        self.started.append(config)

    def import_torch(self):
        """The tests have imported it, and collecting garbage for each of them takes long."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cost, "PAUSE", 0)
    monkeypatch.setattr(cost, "time_step", lambda config, found, cancelled: 0.01)


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


async def settled(pilot):
    """When nothing is under way any more; what is replaced before it is done is no failure."""
    await pilot.pause()
    while any(not worker.is_finished for worker in pilot.app.workers):
        await pilot.pause(0.01)
    await pilot.pause()


async def comes(pilot, true):
    """Wait for a condition: what is typed passes through several messages."""
    async with asyncio.timeout(100):
        while not true():
            await pilot.pause(0.01)


def text_of(widget):
    return str(widget.render())


def field(app, name):
    return app.screen.query_one(SettingsForm).fields[name]


async def test_enter_at_once_starts_a_run_that_needs_nothing_else(lab):
    async with lab.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await settled(pilot)
    assert lab.started == [make_config({"model": "mlp", "data": "fashion-mini"})]


async def test_arrow_keys_pick_a_network_and_everything_follows(lab):
    async with lab.run_test(size=WIDE) as pilot:
        names = list(MODELS)
        await pilot.press(*["up"] * (names.index("mlp") - names.index("lenet")))
        await settled(pilot)
        assert lab.screen.query_one(LayerTable).summary.total_params == 61_706
        assert lab.screen.query_one("#detail", Vertical).border_title == "lenet on fashion-mini"
        assert text_of(lab.screen.query_one("#command", Static)) == "nnlab train lenet"
        # 94 steps of 64 images, and 2,000 test images at a third of the price: 1.04 s; ten times.
        assert "≈ 1.0 s an epoch, 10.4 s in all" in text_of(lab.screen.query_one("#estimate"))
        await pilot.press("enter")
        await settled(pilot)
    assert lab.started == [make_config({"model": "lenet"})]


async def test_searching_narrows_the_list_and_picks_the_first_that_fits(lab):
    async with lab.run_test(size=WIDE) as pilot:
        networks = lab.screen.query_one(NetworkList)
        options = networks.query_one(OptionList)
        await pilot.press("slash", *"resnet18")
        await comes(pilot, lambda: (networks.value, options.option_count) == ("resnet18", 1))
        await pilot.press("escape")
        await comes(pilot, lambda: options.option_count > 3)
        await pilot.press("enter")
        await settled(pilot)
    assert [config.model for config in lab.started] == ["resnet18"]
    assert lab.started[0].input_size == 28  # its recipe


@pytest.mark.slow
async def test_a_setting_that_cannot_work_is_explained_and_refused(lab):
    async with lab.run_test(size=WIDE) as pilot:
        lr = field(lab, "lr")
        lr.control.focus()
        await pilot.press(*"-1")
        await settled(pilot)
        assert "greater than 0" in lr.problem
        assert "greater than 0" in text_of(lr.query_one(".problem", Static))
        field(lab, "epochs").control.focus()
        await pilot.press(*"many", "enter")
        await settled(pilot)
        told = [n.message for n in lab._notifications]
        assert len(told) == 1
        assert "lr: " in told[0]
        assert "epochs: " in told[0]
        assert lab.started == []
        assert lab.focused is field(lab, "epochs").control
        await pilot.press("ctrl+u", "7")
        lr.control.focus()
        await pilot.press("ctrl+u", *"0.5", "enter")
        await settled(pilot)
    assert [(c.lr, c.epochs) for c in lab.started] == [(0.5, 7)]


@pytest.mark.slow
async def test_no_text_in_any_field_is_more_than_a_problem(lab):
    async with lab.run_test(size=WIDE) as pilot:
        inputs = list(lab.screen.query("SettingField Input").results(Input))
        for garbage in ["x", "-1", "1e999", "nan", "[/b]", "\u202e9\x1b[31m", "9" * 5000, " "]:
            for control in inputs:
                control.value = garbage
            for _ in range(100):  # it passes from field to form to screen: messages, not time
                await pilot.pause()
                if bool(lab.screen.asked.problems) == bool(garbage.strip()):
                    break
            else:
                pytest.fail(f"{garbage!r} was not noticed")
        await pilot.press("enter")
        await settled(pilot)
    assert len(lab.started) == 1


async def test_what_the_network_suggests_is_shown_and_what_differs_is_marked(lab):
    async with lab.run_test(size=WIDE) as pilot:
        lr = field(lab, "lr")
        assert lr.control.placeholder == "0.001"  # mlp's recipe: adam
        lr.control.focus()
        label = lr.query_one(".label", Static)
        await pilot.press(*"0.001")
        await comes(pilot, lambda: lr.text == "0.001" and "•" not in text_of(label))
        await pilot.press("1")
        await comes(pilot, lambda: "•" in text_of(label))


async def test_choosing_another_optimizer_suggests_its_learning_rate(lab):
    async with lab.run_test(size=WIDE) as pilot:
        optimizer = field(lab, "optimizer").control
        optimizer.focus()
        names = [value for _, value in optimizer._options]
        places = names.index("sgd") - names.index(optimizer.value)
        await pilot.press("enter")
        await comes(pilot, lambda: lab.focused is not optimizer)  # but its list
        await pilot.press(*["down" if places > 0 else "up"] * abs(places), "enter")
        lr = field(lab, "lr").control
        await comes(pilot, lambda: (optimizer.value, lr.placeholder) == ("sgd", "0.1"))
        assert lab.started == []  # Enter belonged to the list
        await pilot.press("ctrl+s")
        await settled(pilot)
    assert [(c.optimizer, c.lr) for c in lab.started] == [("sgd", 0.1)]


@pytest.mark.slow
async def test_the_next_session_begins_with_what_was_started_last(lab, tmp_path):
    async with lab.run_test(size=WIDE) as pilot:
        lab.screen.query_one("#model", Picker).pick("lenet")
        field(lab, "lr").control.value = "0.25"
        await comes(pilot, lambda: lab.screen.asked.config and lab.screen.asked.config.lr == 0.25)
        await pilot.press("ctrl+s")
        await settled(pilot)
    again = Lab(tmp_path)
    async with again.run_test(size=WIDE) as pilot:
        await comes(pilot, lambda: again.screen.asked.command == "nnlab train lenet --lr 0.25")
        await pilot.press("p", "end", "enter")
        await comes(pilot, lambda: again.screen.asked.command == "nnlab train mlp")


@pytest.mark.slow
async def test_every_preset_can_be_taken_over(lab):
    async with lab.run_test(size=WIDE) as pilot:
        for preset in PRESETS:
            lab.screen.use_preset(preset)
            await pilot.pause()
            assert lab.screen.asked.config == make_config(preset.values)
            assert preset.title in str(lab.screen.query_one(SettingsForm).border_subtitle)


@pytest.mark.slow
async def test_a_key_offers_the_presets_and_enter_takes_one(lab):
    async with lab.run_test(size=WIDE) as pilot:
        await pilot.press("p", "down", "enter", "enter")
        await settled(pilot)
    assert lab.started == [make_config(PRESETS[1].values)]


async def test_the_command_is_copied(lab):
    async with lab.run_test(size=WIDE) as pilot:
        field(lab, "epochs").control.focus()
        await pilot.press("3", "escape", "C")
        assert lab.clipboard == "nnlab train mlp --epochs 3"


async def test_a_network_file_with_a_mistake_is_explained_and_refused(lab, tmp_path):
    (tmp_path / "net.py").write_text("class Net(:\n", encoding="utf-8")
    async with lab.run_test(size=WIDE) as pilot:
        await pilot.press("slash")
        lab.focused.value = f"{tmp_path}/net.py:Net"
        await settled(pilot)
        assert "SyntaxError" in lab.screen.query_one(LayerTable).message
        await pilot.press("enter")
        await settled(pilot)
        assert "SyntaxError" in await notified(lab)
    assert lab.started == []


async def test_a_folder_that_is_not_there_is_explained(lab):
    async with lab.run_test(size=WIDE) as pilot:
        lab.screen.query_one("#data Input", Input).value = "no/[/b]\x1b[31m/folder"
        await settled(pilot)
        told = text_of(lab.screen.query_one("#data .about"))
        assert "There is no folder" in told
        assert "\x1b" not in told
        await pilot.press("enter")
        await settled(pilot)
    assert lab.started == []


async def test_picking_something_else_ends_the_probe(lab, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def endless(config, found, cancelled):
        if config.model != "mlp":
            return 0.01
        begun.set()
        while not cancelled():
            ended.wait(0.01)
        ended.set()
        return None

    monkeypatch.setattr(cost, "time_step", endless)
    async with lab.run_test(size=WIDE) as pilot:
        while not begun.is_set():
            await pilot.pause(0.01)
        assert "measuring" in text_of(lab.screen.query_one("#estimate"))
        await pilot.press("home")
        await settled(pilot)
        assert ended.is_set()
        assert "in all" in text_of(lab.screen.query_one("#estimate"))


async def test_a_run_starts_only_after_the_probe_has_ended(lab, monkeypatch):
    begun, order = threading.Event(), []

    def endless(config, found, cancelled):
        begun.set()
        while not cancelled():
            threading.Event().wait(0.01)
        order.append("probe ended")
        return

    monkeypatch.setattr(cost, "time_step", endless)
    monkeypatch.setattr(lab, "start_run", lambda config: order.append("started"))
    async with lab.run_test(size=WIDE) as pilot:
        while not begun.is_set():
            await pilot.pause(0.01)
        await pilot.press("enter")
        await settled(pilot)
    assert order == ["probe ended", "started"]


async def test_nothing_is_timed_while_a_run_trains(lab, monkeypatch):
    monkeypatch.setattr(Lab, "training", property(lambda self: object()))
    monkeypatch.setattr(cost, "time_step", lambda *_: pytest.fail("timed"))
    async with lab.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "not measured" in text_of(lab.screen.query_one("#estimate"))
        monkeypatch.undo()


async def test_what_does_not_fit_is_warned_of_and_not_tried(lab, monkeypatch):
    def crowded(config, images):
        found = real(config, images)
        return replace(found, device=replace(found.device, memory_free_bytes=1000))

    real = cost.layers_and_memory
    monkeypatch.setattr(cost, "layers_and_memory", crowded)
    monkeypatch.setattr(cost, "time_step", lambda *_: pytest.fail("timed"))
    async with lab.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "too much" in text_of(lab.screen.query_one("#estimate"))
        await pilot.press("ctrl+s")
        await comes(pilot, lambda: isinstance(lab.screen, ConfirmScreen))
        assert "1000 B are free" in lab.screen.details
        await pilot.press("enter")  # the safe answer
        await settled(pilot)
        assert lab.started == []
        await pilot.press("ctrl+s")
        await comes(pilot, lambda: isinstance(lab.screen, ConfirmScreen))
        await pilot.press("y")
        await settled(pilot)
    assert len(lab.started) == 1


@pytest.mark.slow
async def test_everything_can_be_reached_at_80x24(lab):
    async with lab.run_test(size=SMALL) as pilot:
        await settled(pilot)
        lab.animation_level = "none"  # scrolling is done at once
        reached = set()
        while lab.focused not in reached:
            reached.add(lab.focused)
            assert lab.screen.region.contains_region(lab.focused.region), lab.focused
            lab.screen.focus_next()  # what the tab key does
            await pilot.pause()
        fields = lab.screen.query_one(SettingsForm).fields.values()
        assert {f.control for f in fields} <= reached
        assert set(lab.screen.query("Picker Input, Picker OptionList")) <= reached
        await pilot.press("escape", "v")
        start = lab.screen.query_one("#start")
        assert start.region.height == 1
        assert lab.screen.region.contains_region(start.region)
        assert lab.screen.query_one(LayerTable).region.height >= 1


async def test_at_80x24_one_line_tells_the_cost_and_a_key_shows_the_layers(lab):
    async with lab.run_test(size=SMALL) as pilot:
        await settled(pilot)
        brief = lab.screen.query_one("#brief", EstimatePane)
        assert brief.region.height == 1
        assert text_of(brief).startswith("204 K parameters · ")
        assert not lab.screen.query_one(LayerTable).region
        await pilot.press("v")
        assert lab.screen.query_one(LayerTable).region.width > 70
        await pilot.press("escape", "v")
        assert lab.screen.query_one("#model").region.height == 0
        await pilot.click("#start")
        await settled(pilot)
    assert len(lab.started) == 1


@pytest.mark.slow
async def test_the_screen_survives_any_size(lab):
    async with lab.run_test(size=WIDE) as pilot:
        for size in [(10, 3), (500, 120), (80, 24), (1, 1), (120, 40)]:
            await pilot.resize_terminal(*size)
            await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
    assert len(lab.started) == 1


async def test_a_real_probe_ends_with_a_time(lab, monkeypatch):
    monkeypatch.undo()
    async with lab.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert lab.screen.query_one("#estimate", EstimatePane).estimate.step_seconds > 0


def test_the_first_paint_does_not_wait_for_torch():
    code = """
import asyncio, sys
from pathlib import Path
import tui.screens.cost as cost
from tui.app import NNLabApp

cost.PAUSE = 3600  # no estimate, which needs torch
NNLabApp.import_torch = lambda self: None

async def main():
    app = NNLabApp(runs_dir=Path("runs"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        names = app.screen.query_one("#model OptionList")
        print("torch" in sys.modules, names.option_count > 3, names.region.height > 3)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False True True\n", done.stderr


@pytest.mark.slow
async def test_a_table_can_be_typed_with_its_target_and_started(lab, tmp_path):
    heart = write_heart(tmp_path / "heart.csv")
    async with lab.run_test(size=WIDE) as pilot:
        await settled(pilot)
        lab.screen.query_one("#data", Picker).pick(str(heart))
        await settled(pilot)
        assert "Which column" in lab.screen.trouble.problem  # so it does not start
        lab.screen.query_one(SettingsForm).fields["target"].give("thalach")
        await settled(pilot)
        assert lab.screen.trouble is None
        summary = lab.screen.query_one(LayerTable).summary
        assert (summary.input_shape, summary.rows()[-1].output_shape) == ((17, 1, 1), (1,))
        assert f"--data {heart} --target thalach" in lab.screen.asked.command
        # Sizes stand at the networks that take rows, and at no other.
        counted = {c.name for c in lab.screen.query_one(NetworkList).choices if c.note}
        rows = {name for name, d in MODELS.declared.items() if d.facts.get("rows")}
        assert counted == rows
        lab.screen.query_one("#model", Picker).pick("lenet")
        await settled(pilot)
        assert "lenet is for images" in lab.screen.query_one("#data", Picker).problem
        lab.screen.query_one("#model", Picker).pick("linear")
        await settled(pilot)
        await pilot.press("ctrl+s")
        await settled(pilot)
        assert (lab.started[0].model, lab.started[0].target) == ("linear", "thalach")


async def test_d_starts_in_the_background_and_says_how_to_get_at_it(lab, monkeypatch, tmp_path):
    started = []

    def detach(config, *, runs_dir, data_dir):
        started.append((config, runs_dir, data_dir))
        return runs_dir / "brave-otter"

    monkeypatch.setattr(launch, "detach", detach)
    async with lab.run_test(size=WIDE) as pilot:
        await pilot.press("d")
        await settled(pilot)
        told = await notified(lab)
        assert "nnlab attach brave-otter" in told
        assert "nnlab stop brave-otter" in told
        config = make_config({"model": "mlp", "data": "fashion-mini"})
        assert started == [(config, tmp_path / "runs", tmp_path / "data")]
        assert lab.started == []
        field(lab, "lr").control.focus()
        await pilot.press(*"-1")
        await pilot.press("escape", "d")
        await settled(pilot)
        assert await notified(lab, "lr: ")
        assert len(started) == 1


async def test_a_list_in_a_field_is_a_sweep_that_starts_in_the_background(lab, monkeypatch):
    started = []

    def start_sweep(sweep, runs_dir, data_dir):
        started.append(sweep)
        return [runs_dir / trial.name for trial in sweep.trials]

    monkeypatch.setattr(launch, "start_sweep", start_sweep)
    async with lab.run_test(size=WIDE) as pilot:
        field(lab, "lr").control.value = "0.01,0.1,1"
        field(lab, "epochs").control.value = "2:4:2"
        # Of 1.04 s an epoch: three runs of 2 epochs and three of 4.
        async with asyncio.timeout(60):
            while "6 runs, ≈ 18.8 s in all" not in text_of(lab.screen.query_one("#estimate")):
                await pilot.pause(0.01)
        assert str(lab.screen.query_one("#start", Button).label) == "Start 6 runs"
        assert lab.screen.asked.command == "nnlab sweep mlp --epochs 2:4:2 --lr 0.01,0.1,1"
        await pilot.press("enter")
        async with asyncio.timeout(60):
            while not isinstance(lab.screen, CompareScreen):
                await pilot.pause(0.01)
        assert [len(sweep.trials) for sweep in started] == [6]
        assert lab.screen.paths[0].name == started[0].trials[0].name
        assert lab.started == []


async def test_what_keeps_a_background_run_from_starting_is_told(lab, monkeypatch):
    def detach(config, **_):
        raise NNLabError("The disk is full.", "Free [space].")

    monkeypatch.setattr(launch, "detach", detach)
    async with lab.run_test(size=WIDE) as pilot:
        await pilot.press("d")
        assert await notified(lab) == "The disk is full. Free [space]."
