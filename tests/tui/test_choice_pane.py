"""The curve beside the launch form: which settings have one, and that it follows the form."""

import pytest
from lab import Bare

from core.config import RunConfig
from core.initializers import INITIALIZERS
from core.schedules import SCHEDULES
from tui.draw_choice import choice_lines
from tui.screens.launch import LaunchScreen
from tui.widgets.choice_pane import ChoicePane, plot_of


def run(**values) -> RunConfig:
    return RunConfig.model_validate({"model": "mlp", "data": "fashion-mini"} | values)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_schedule_is_drawn_over_the_epochs_of_the_run(name):
    plot = plot_of("schedule", run(schedule=name, epochs=7, lr=0.4))()
    assert plot.heading.startswith(f"{name}: ")
    assert "peak 0.4" in plot.legend["train"]
    assert plot.options["x_limits"] == (0, 7)
    assert all(len(line.plain.splitlines()[0]) <= 60 for line in choice_lines(plot, 60, 8)[2:])


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "default"])
def test_an_initializer_is_tried_on_ten_layers(name):
    plot = plot_of("init_options", run(initializer=name))()
    assert plot.heading.startswith(name)
    assert plot.options["x_limits"] == (1, 10)


def test_an_activation_among_the_networks_options_is_drawn_and_most_settings_are_not():
    tanh = run(model_options={"activation": "tanh"})
    assert plot_of("model_options", tanh)().heading.startswith("tanh: ")
    assert plot_of("model_options", run()) is None
    assert plot_of("initializer", run()) is None  # what it is, each layer says itself
    assert plot_of("epochs", tanh) is None


async def test_it_stands_beside_the_form_while_the_cursor_is_in_such_a_setting(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(LaunchScreen, "find_cost", lambda screen: None)
    async with Bare(runs_dir=tmp_path).run_test(size=(120, 40)) as pilot:
        screen = LaunchScreen({"schedule": "cosine"})
        pilot.app.push_screen(screen)
        await pilot.pause()
        pane = screen.query_one(ChoicePane)
        assert not pane.display
        for setting, shown in (("schedule", True), ("epochs", False)):
            screen.query_one(f"#setting-{setting}").control.focus()
            await pilot.pause()
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
            assert pane.display is shown
            assert not shown or str(pane.content).startswith("cosine: ")
