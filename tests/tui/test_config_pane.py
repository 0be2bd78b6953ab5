import pytest
from pane_app import PaneApp
from sample_run import report, run_start, view_of

from core.config import RunConfig
from core.view import RunView
from tui.widgets.config_pane import ConfigPane, facts, newspaper, settings


def test_settings_that_are_not_set_are_left_out():
    config = RunConfig.model_construct(
        model="lenet", lr=0.05, augmentation=("flip", "crop"), model_options={}, threads=None
    )
    shown = dict(settings(config))
    assert shown["lr"] == "0.05"
    assert shown["augmentation"] == "flip, crop"
    assert not {"model options", "threads", "input size"} & shown.keys()


def test_the_facts_of_a_run_are_known_once_it_has_started():
    assert dict(facts(RunView())) == {}
    shown = dict(facts(view_of(run_start(), report(10, 2.0, lr=0.0125))))
    assert shown["parameters"] == "61,706"
    assert shown["lr now"] == "0.0125"
    assert shown["data wait"] == "2%"
    assert shown["folder"] == "runs/brave-otter"


@pytest.mark.parametrize(
    ("executor", "told"),
    [("eager", "eagerly"), ("compile", "compiled"), ("graph", "by a CUDA graph")],
)
def test_how_steps_are_carried_out_is_told(executor, told):
    assert dict(facts(view_of(run_start(executor=executor))))["steps run"] == told


def test_settings_run_down_the_columns_that_fit_and_long_ones_follow():
    pairs = [
        ("epochs", "16"),
        ("lr", "0.5"),
        ("seed", "0"),
        ("folder", "runs/a-long-name-of-a-run"),
    ]
    assert newspaper(pairs, 24).plain.split("\n") == [
        "epochs 16    seed 0",
        "lr     0.5",
        "folder runs/a-long-name-of-a-run",
    ]
    assert newspaper(pairs, 12).plain.split("\n")[:3] == ["epochs 16", "lr     0.5", "seed   0"]
    assert newspaper([], 30).plain == ""


async def test_names_from_outside_cannot_reach_the_terminal_as_commands():
    config = RunConfig.model_construct(model="net.py:A[/b]\x1b[2J", data="/data/\x9b31m")
    app = PaneApp(ConfigPane(config), view_of(run_start(path="runs/\x1b]0;title\x07")))
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.pause()
        assert "net.py:A[/b]\ufffd[2J" in app.picture
        assert not {"\x1b", "\x9b", "\x07"} & set(app.picture)
