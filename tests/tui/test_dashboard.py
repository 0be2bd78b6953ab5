import asyncio
import math

import pytest
from lab import HeldRun, Lab
from sample_run import END, HALF_RUN, WHOLE_RUN, applied, report, run_start
from textual.widgets import DataTable, Footer, Input

from core.control import Request
from core.errors import DataError, TrainingDiverged
from core.events import CheckpointSaved, Progress, RunEnd
from tui.screens.dashboard import affordable, learning_rate, more_epochs
from tui.widgets.config_pane import ConfigPane
from tui.widgets.epochs_pane import EpochsPane
from tui.widgets.loss_pane import LossPane
from tui.widgets.pane import Pane
from tui.widgets.result_pane import ResultPane
from tui.widgets.run_header import RunHeader
from tui.widgets.score_pane import ScorePane

SIZES = [(60, 16), (80, 24), (100, 30), (120, 30), (120, 40), (200, 60)]


async def test_a_run_goes_from_events_to_curves_rows_and_a_result():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert "✔ finished    epoch 3/3" in app.picture
        assert "best test accuracy 0.8000 in epoch 2   last 0.7500" in app.picture
        assert "folder runs/brave-otter" in app.picture
        assert "loss   train" in app.picture
        assert app.dashboard.query_one(DataTable).row_count == 3
        assert "finished after 3 epochs, 300 steps" in app.picture


@pytest.mark.parametrize("size", SIZES)
async def test_state_epoch_progress_curves_and_table_are_in_sight_at_every_size(size):
    app = Lab(HeldRun())
    async with app.run_test(size=size) as pilot:
        await app.run_is_held()
        await pilot.pause()
        await app.footer_shows("Pause")
        lines = app.picture.splitlines()
        assert len(lines) == size[1]
        assert "● training" in lines[0]
        assert "epoch 2/3" in lines[0]
        assert "53%" in lines[0]
        assert "─ loss" in lines[1]
        assert "─ accuracy" in lines[1]
        assert any("0.6500★" in line for line in lines)
        app.start.release.set()
        await app.run_is_over()


@pytest.mark.parametrize("size", [(60, 16), (120, 30), (200, 60)])
async def test_every_pane_can_be_reached_at_every_size(size):
    app = Lab(HeldRun())
    async with app.run_test(size=size) as pilot:
        await app.run_is_held()
        seen = set()
        for _ in range(4):
            await pilot.pause()
            seen |= {type(p).__name__ for p in app.dashboard.query(Pane) if p.region.area}
            await pilot.press("v")
        assert seen - {"CurvePane"} == {  # a third chart, where there is room
            "LossPane", "ScorePane", "DevicePane", "EpochsPane", "ConfigPane", "LogPane",
        }  # fmt: skip
        app.start.release.set()
        await app.run_is_over()


async def test_the_footer_names_every_key_at_80_columns():
    app = Lab(HeldRun())
    async with app.run_test(size=(80, 24)) as pilot:
        await app.run_is_held()
        await pilot.pause()
        await app.footer_shows("Quit")
        footer = app.picture.splitlines()[-1]
        assert footer.strip() == (
            "space Pause m Model s Stop c Save l LR + Epochs f Full v View ? Help q Quit"
        )
        app.start.release.set()
        await app.run_is_over()


@pytest.mark.parametrize(
    ("key", "request_"),
    [("space", Request("pause")), ("c", Request("checkpoint"))],
)
async def test_a_key_asks_the_run_and_does_not_wait(key, request_):
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press(key)
        assert app.requests == [request_]
        app.start.release.set()
        await app.run_is_over()


async def test_space_resumes_a_run_that_is_paused():
    app = Lab(HeldRun([*HALF_RUN, applied(160, "pause")]))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.pause()
        assert "‖ paused" in app.picture
        await app.footer_shows("Resume")
        await pilot.press("space")
        assert app.requests == [Request("resume")]
        app.start.release.set()
        await app.run_is_over()


async def test_what_was_asked_for_shows_until_the_run_has_done_it():
    app = Lab(HeldRun(after=[applied(160, "pause")]))
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press("space")
        await pilot.pause()
        assert "pausing" in app.picture
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()
        assert "pausing" not in app.picture


async def test_stopping_asks_first_and_the_safe_answer_has_the_focus():
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press("s")
        await pilot.pause()
        assert "Stop this run?" in app.picture
        await pilot.press("enter")
        await pilot.pause()
        assert app.requests == []
        await pilot.press("s", "y")
        await pilot.pause()
        assert app.requests == [Request("stop")]
        assert "stopping" in app.picture
        app.start.release.set()
        await app.run_is_over()


async def test_the_learning_rate_is_asked_for_and_checked():
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press("l")
        await pilot.pause()
        field = app.screen.query_one(Input)
        assert field.value == "0.1"
        field.value = "fast"
        await pilot.press("enter")
        await pilot.pause()
        assert "'fast' is not a number" in app.picture
        assert app.requests == []
        field.value = "2e-2"
        await pilot.press("enter")
        await pilot.pause()
        assert app.requests == [Request("lr", 0.02)]
        await pilot.press("l", "escape")
        await pilot.pause()
        assert app.requests == []
        app.start.release.set()
        await app.run_is_over()


async def test_epochs_are_added_to_those_that_were_planned():
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.press("+")
        await pilot.pause()
        app.screen.query_one(Input).value = "4"
        await pilot.press("enter")
        await pilot.pause()
        assert app.requests == [Request("extend", 4)]
        app.start.release.set()
        await app.run_is_over()


@pytest.mark.parametrize(("text", "rate"), [("0.5", 0.5), ("1e-3", 0.001), ("0,05", 0.05)])
def test_a_learning_rate_is_a_number_above_zero(text, rate):
    assert learning_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf"])
def test_anything_else_is_no_learning_rate(text):
    with pytest.raises(ValueError, match=r"is not a number|must be above 0"):
        learning_rate(text)


@pytest.mark.parametrize("text", ["", "1.5", "-3", "0", "many", "99999999"])
def test_epochs_are_whole_numbers(text):
    assert more_epochs(" 12 ") == 12
    with pytest.raises(ValueError, match="whole number"):
        more_epochs(text)


async def test_log_scale_smoothing_and_full_size_change_the_curves():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        loss, accuracy = app.dashboard.query_one(LossPane), app.dashboard.query_one(ScorePane)
        await pilot.press("y", "e")
        assert loss.axes.y_log
        assert loss.axes.smoothing == accuracy.axes.smoothing == 0.9
        await pilot.press("e")
        assert loss.axes.smoothing == 0.0
        await pilot.press("f")
        await pilot.pause()
        assert loss.outer_size.width == 120
        assert app.picture.splitlines()[0].startswith(" lenet · fashion-mini")
        await pilot.press("f")
        await pilot.pause()
        assert loss.outer_size.width == 60


async def test_f_fills_the_screen_with_the_pane_that_has_the_focus():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        app.dashboard.query_one(DataTable).focus()
        await pilot.press("f")
        await pilot.pause()
        assert app.dashboard.query_one(EpochsPane).outer_size.width == 120


async def test_a_click_focuses_a_pane_and_a_click_in_the_footer_is_its_key():
    app = Lab(HeldRun())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_held()
        await pilot.click(ScorePane)
        assert app.focused is app.dashboard.query_one(ScorePane)
        await pilot.click(Footer, offset=(3, 0))
        await pilot.pause()
        assert app.requests == [Request("pause")]
        app.start.release.set()
        await app.run_is_over()


async def test_keys_that_need_a_run_are_gone_when_it_is_over_and_a_new_run_is_offered():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        await app.footer_shows("n New run")
        footer = app.picture.splitlines()[-1]
        assert not {"Pause", "Stop", "Save", "LR", "Epochs"} & set(footer.split())
        await pilot.press("s", "c", "space")
        assert app.requests == []


async def test_a_problem_before_the_start_is_explained_and_the_app_lives_on():
    def start():
        yield Progress("downloading", 1, 10, "bytes")
        raise DataError("There are no [/b] images.", "Use --data\nfashion-mini.")

    app = Lab(start)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert "There are no [/b] images." in app.picture
        assert "✘ failed" in app.picture
        assert "downloading" not in app.picture
        await app.footer_shows("n New run")


async def test_a_run_that_diverged_shows_the_advice_once():
    def start():
        yield from HALF_RUN
        yield report(170, math.nan)
        yield RunEnd("failed", 1, 170, 1, 0.65, 2.0, "The loss is nan.", "Try less than 0.1.")
        raise TrainingDiverged("The loss is nan.", "Try less than 0.1.")

    app = Lab(start)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        result = app.dashboard.query_one(ResultPane).render().plain
        assert result.count("The loss is nan.") == 1
        assert "nnlab resume brave-otter" in result
        assert app.dashboard.query_one(ResultPane).has_class("-failed")


async def test_a_bug_in_training_is_told_with_its_traceback_and_the_app_lives_on():
    def start():
        yield from HALF_RUN
        raise KeyError("no such [/thing] \x1b[2J")

    app = Lab(start)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        in_the_log = "test_dashboard.py"
        await app.has_drawn(pilot, "This is a bug in nnlab: KeyError", in_the_log)
        assert "\x1b" not in app.picture


async def test_a_bug_in_a_pane_does_not_end_training(monkeypatch):
    def show(self, view):
        raise ZeroDivisionError("in a drawing")

    monkeypatch.setattr(ScorePane, "show", show)
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        await app.dashboard.update_panes()
        await pilot.pause()
        assert "✔ finished" in app.picture
        assert "this pane broke: ZeroDivisionError" in app.picture
        await app.has_drawn(pilot, "in a drawing")  # in the log


async def test_a_checkpoint_that_was_asked_for_is_confirmed():
    saved = CheckpointSaved(2, 160, "checkpoints/step-160", "asked", 0.12, 531_000)
    app = Lab(lambda: [*HALF_RUN, saved, END])
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert "Checkpoint saved" in app.picture
        assert "step 160, 519 KiB in 120 ms" in app.picture


async def test_the_training_thread_never_waits_for_the_screen(monkeypatch):
    monkeypatch.setattr("tui.screens.dashboard.UPDATES_PER_SECOND", 0.001)  # it takes nothing
    steps = 50_000
    run = [run_start(epochs=500), *(report(step, 1.0) for step in range(1, steps + 1)), END]
    app = Lab(HeldRun(before=run))
    async with app.run_test(size=(80, 24)) as pilot:
        assert await asyncio.to_thread(app.start.reached.wait, 100)  # it said all it had to say
        assert app.dashboard.view.step == 0
        await app.run_is_held()
        assert app.dashboard.view.step == steps
        app.start.release.set()
        await app.run_is_over()
        await pilot.pause()


@pytest.mark.parametrize(
    ("spent", "wait"),
    [(0.02, 0.4), (0.04, 0.8), (0.4, 2.0), pytest.param(60.0, 2.0, id="a minute")],
)
def test_updates_that_cost_much_come_less_often_but_every_other_second(spent, wait):
    assert affordable(wait, spent)
    assert not affordable(wait - 0.01, spent)


async def test_names_from_outside_cannot_reach_the_terminal_as_commands():
    evil = run_start(run="\x1b]0;x\x07", path="runs/\x1b[2J", model="[/b]", data="\x9b2J")
    app = Lab(lambda: [evil, *HALF_RUN[1:], END])
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert not {"\x1b", "\x07", "\x9b"} & set(app.picture)
        assert "[/b]" in app.dashboard.query_one(RunHeader).render().plain


async def test_settings_of_the_run_are_shown():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.run_is_over()
        await pilot.pause()
        assert app.dashboard.query_one(ConfigPane).region.area
        assert "fashion-mini" in app.picture
