import math
from dataclasses import replace

import pytest

from core.events import (
    CheckpointSaved,
    ControlApplied,
    EpochEnd,
    LayerFigures,
    Notice,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
    Waiting,
)
from core.view import LOG_LINES, MOST_FIGURES, MOST_POINTS, RunView, describe, reduce, reduce_all

START = RunStart(
    "brave-otter", "runs/brave-otter", "mlp", "fashion-mini", "cpu", "a CPU", 2, 203530,
    ("a", "b"), 100, 50, epochs=4, steps_per_epoch=10, batch_size=10,
)  # fmt: skip


def report(step, rate=1000.0):
    return StepReport((step - 1) // 10 + 1, step, 1 / step, 0.5, 0.1, rate, 0.01)


def epoch(number, accuracy=0.5, seconds=2.0):
    return EpochEnd(number, number * 10, 0.5, 0.5, 0.5, accuracy, 0.1, seconds, 1000.0)


def view_of(*events):
    return reduce_all(RunView(), events)


def test_a_run_goes_through_its_states():
    events = [
        (Progress("decoding", 1, 2), "preparing"),
        (START, "training"),
        (report(1), "training"),
        (ControlApplied(1, 1, "pause"), "paused"),
        (Waiting("no room"), "waiting"),
        (Waiting("read-only now"), "waiting"),
        (Waiting(""), "paused"),
        (ControlApplied(1, 1, "resume"), "training"),
        (report(10), "training"),
        (Progress("evaluating", 1, 5), "evaluating"),
        (epoch(1), "training"),
        (ControlApplied(2, 10, "stop"), "stopping"),
        (RunEnd("stopped", 1, 10, 1, 0.5, 2.0), "stopped"),
        (Waiting(""), "stopped"),  # a process was heard again, too late
    ]
    view = RunView()
    for event, state in events:
        view = reduce(view, event)
        assert view.state == state, event


def test_progress_is_gone_when_the_next_thing_has_happened():
    assert view_of(START, Progress("evaluating", 1, 5)).progress is not None
    assert view_of(START, Progress("evaluating", 1, 5), epoch(1)).progress is None


def test_time_left_comes_from_throughput_first_and_then_from_whole_epochs():
    # 39 of 40 steps left, 10 images each, at 1000 a second
    assert view_of(START, report(1)).eta_seconds == pytest.approx(0.39)
    # three epochs left at 2 s
    assert view_of(START, report(10), epoch(1)).eta_seconds == pytest.approx(6.0)
    assert view_of().eta_seconds is None
    assert view_of(START, RunEnd("finished", 4, 40, 1, 0.5, 8.0)).eta_seconds is None


def test_the_best_epoch_is_the_first_with_the_highest_test_accuracy():
    assert view_of(START, epoch(1, 0.7), epoch(2, 0.9), epoch(3, 0.9)).best == epoch(2, 0.9)
    assert view_of(START).best is None


def test_steps_within_the_epoch_are_counted_from_its_start():
    assert view_of(START, report(13)).step_in_epoch == 3
    assert view_of(START, report(10)).step_in_epoch == 10
    assert view_of(START).step_in_epoch == 0


def test_a_resumed_run_starts_in_the_epoch_where_it_was():
    from dataclasses import replace

    assert view_of(replace(START, step=25)).epoch == 3
    assert view_of(replace(START, step=25)).step_in_epoch == 5


def test_a_million_reports_stay_a_few_thousand_points_with_the_newest_whole():
    view = RunView()
    for step in range(1, 30_001):
        view = reduce(view, report(step))
    assert len(view.reports) <= MOST_POINTS
    assert view.reports[-1].step == 30_000
    assert view.reports[0].step == 1
    steps = [r.step for r in view.reports]
    assert steps == sorted(set(steps))
    assert steps[-1000:] == list(range(29_001, 30_001))


def test_the_log_keeps_the_newest_lines():
    view = view_of(*(Notice(f"line {i}") for i in range(LOG_LINES + 50)))
    assert len(view.log) == LOG_LINES
    assert view.log[-1] == f"line {LOG_LINES + 49}"


def test_more_epochs_are_planned_when_asked():
    assert view_of(START, ControlApplied(1, 3, "epochs", 8.0)).total_steps == 80


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (START, "started brave-otter: mlp (203,530 parameters) on fashion-mini"),
        (ControlApplied(1, 3, "lr", 0.05), "lr 0.05 at step 3"),
        (CheckpointSaved(1, 10, "p", "asked", 0.1, 5), "checkpoint saved at step 10"),
        (Waiting("no room"), "no room"),
        (Waiting(""), "the run goes on"),
        (RunEnd("failed", 1, 9, None, None, 1.0, "It broke.", "Mend it."), "It broke. Mend it."),
    ],
)
def test_the_log_tells_in_words(event, words):
    assert words in describe(event)


def test_routine_is_not_worth_a_line():
    assert describe(report(1)) is None
    assert describe(CheckpointSaved(1, 10, "p", "epoch", 0.1, 5)) is None


def test_an_epoch_whose_test_gave_no_number_is_never_the_best():
    lost = replace(epoch(1), test_loss=math.nan, test_score=0.99)
    assert view_of(START, lost).best is None
    assert view_of(START, lost, epoch(2)).best == epoch(2)
    assert view_of(START, epoch(1), replace(epoch(2), test_score=math.nan)).best == epoch(1)


def test_figures_of_the_layers_are_kept_from_first_to_last_and_thinned():
    def figures(step):
        return LayerFigures(1, step, ("fc",), (1.0,), (0.1,), (-1.0,), (1.0,), ((1, 2),))

    view = view_of(START, *map(figures, range(1, 5 * MOST_FIGURES)))
    steps = [event.step for event in view.layers]
    assert MOST_FIGURES // 2 < len(steps) <= MOST_FIGURES
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, 5 * MOST_FIGURES - 1)
