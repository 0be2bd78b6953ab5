from dataclasses import replace

import pytest
from sample_run import END, WHOLE_RUN, applied, epoch_end, report, run_start, view_of

from core.events import EpochEnd, StepReport
from tui.axes import Axes, extent, in_sight, places, seconds_of_training, whole

WHOLE = (0.0, 10.0)


def test_zooming_in_keeps_the_place_under_the_cursor_where_it_is():
    axes = Axes().zoomed(WHOLE, 0.5, at=2.0)
    assert axes.window == (1.0, 6.0)  # a fifth from the left, before and after
    assert axes.zoomed(WHOLE, 2.0, at=2.0).window is None


def test_zooming_in_ends_somewhere():
    axes = Axes()
    for _ in range(100):
        axes = axes.zoomed(WHOLE, 0.5, at=5.0)
    low, high = axes.window
    assert high - low == pytest.approx(0.001)
    assert low <= 5.0 <= high


def test_a_window_is_moved_no_further_than_the_whole_reaches():
    axes = Axes(window=(4.0, 6.0))
    assert axes.panned(WHOLE, 0.5).window == (5.0, 7.0)
    assert axes.panned(WHOLE, -9).window == (0.0, 2.0)
    assert axes.panned(WHOLE, 9).window == (8.0, 10.0)
    assert Axes().panned(WHOLE, 1).window is None


def test_the_cursor_enters_at_an_end_and_stops_at_the_ends():
    assert Axes().moved(WHOLE, -0.1).cursor == 10.0
    assert Axes().moved(WHOLE, 0.1).cursor == 0.0
    assert Axes(cursor=9.5).moved(WHOLE, 0.1).cursor == 10.0


def test_the_window_follows_the_cursor():
    axes = Axes(window=(4.0, 6.0), cursor=6.0).moved(WHOLE, 0.5)
    assert axes.cursor == 7.0
    assert axes.window == (5.0, 7.0)


def test_on_a_logarithmic_axis_moves_are_factors():
    axes = Axes(x_log=True).zoomed((1.0, 10_000.0), 0.5, at=1.0)
    assert axes.window == pytest.approx((1.0, 100.0))
    assert axes.panned((1.0, 10_000.0), 0.5).window == pytest.approx((10.0, 1000.0))


def test_another_x_axis_shows_all_of_it():
    axes = Axes(window=(1.0, 2.0), cursor=1.5)
    kinds = []
    for _ in range(4):
        axes = axes.with_next_x()
        kinds.append(axes.x)
        assert axes.window is axes.cursor is None
    assert kinds == ["step", "time", "clock", "epoch"]


def test_a_logarithmic_axis_begins_at_the_first_figure_and_a_time_of_day_has_none():
    assert in_sight(Axes(x_log=True), (0.0, 8.0), first=0.5) == ((0.5, 8.0), (0.5, 8.0))
    assert in_sight(Axes(x_log=True, x="clock"), (3.0, 8.0), first=3.0)[0] == (3.0, 8.0)


def test_epochs_and_steps_are_places_of_reports():
    view = view_of(*WHOLE_RUN)
    assert places(view, "epoch").reports[:2] == [0.1, 0.2]
    assert places(view, "step").ends == [100, 200, 300]
    assert places(view, "epoch").at_step(150) == 1.5
    assert whole(view, places(view, "step"), "step") == (0, 300)


def test_seconds_of_training_are_those_that_epochs_say():
    view = view_of(*WHOLE_RUN)
    reports, ends = seconds_of_training(view)
    assert ends == [1.25, 2.5, 3.75]
    assert reports == sorted(reports)
    assert reports[0] == pytest.approx(10 * 64 / 5000 * 1.25 / 1.28)  # 1.28 s by its throughput
    assert reports[9] == pytest.approx(1.25)
    assert whole(view, places(view, "time"), "time") == (0.0, 3.75)


def test_within_an_epoch_the_throughput_says_where_a_report_is():
    view = view_of(run_start(), report(10, 2.0), report(30, 1.0))
    assert seconds_of_training(view)[0] == pytest.approx([0.128, 0.384])


def test_a_run_that_goes_on_from_a_checkpoint_begins_there():
    view = view_of(run_start(step=100), report(110, 2.0))
    assert seconds_of_training(view)[0] == pytest.approx([0.128])


def test_a_pause_takes_no_time_of_training():
    events = [run_start(), report(10, 2.0), applied(10, "pause"), applied(10, "resume")]
    view = view_of(*events, report(20, 2.0), epoch_end(1, 1.0, 0.5), END)
    assert places(view, "time").at_step(10) == places(view, "time").reports[0]


def test_the_time_of_day_never_goes_back_and_ignores_damage():
    times = [1000.0, 1002.0, 1001.0, 1e300]
    reports = [replace(report(s, 1.0), time=t) for s, t in zip(range(1, 5), times, strict=True)]
    assert places(view_of(run_start(), *reports), "clock").reports == [1000, 1002, 1002, 1002]


def test_nothing_yet_has_an_axis_all_the_same():
    for x in ("epoch", "step", "time", "clock"):
        low, high = whole(view_of(), places(view_of(), x), x)
        assert low < high


def test_when_an_event_was_does_not_make_it_another_one():
    assert report(1, 2.0) == replace(report(1, 2.0), time=5.0)
    assert StepReport(1, 1, 1, 1, 1, 1, 0).time > 1.7e9
    assert EpochEnd(1, 1, 1, 1, 1, 1, 1, 1, 1).time > 1.7e9


def test_the_x_axis_grows_in_1_2_5_steps_to_the_planned_epochs():
    spans = [extent(done, 16) for done in (0, 0.3, 0.5, 1.2, 2.1, 7, 11, 16)]
    assert spans == [16, 0.5, 0.5, 2, 5, 10, 16, 16]
    assert extent(0, 0) == 1  # nothing is known yet
