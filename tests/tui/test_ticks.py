import time

import pytest

from tui.ticks import linear_axis, log_axis, log_label, nice_step, tick_label, x_ticks


@pytest.mark.parametrize(
    ("span", "most", "step"),
    [(1.0, 5, 0.2), (0.6, 3, 0.2), (2.3, 5, 0.5), (16, 8, 2), (7, 3, 5), (1e-6, 4, 5e-7)],
)
def test_a_step_is_the_smallest_1_2_5_number_with_few_enough_parts(span, most, step):
    assert nice_step(span, most) == pytest.approx(step)


def test_a_linear_axis_is_widened_to_half_steps_and_labelled_at_whole_ones():
    low, high, ticks = linear_axis(0.13, 2.31, 5)
    assert (low, high) == (0.0, 2.5)
    assert ticks == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert linear_axis(0.1, 2.1, 2) == (0.0, 2.5, [0, 1, 2])


def test_limits_that_are_round_already_are_kept():
    assert linear_axis(0.2, 1.0, 4)[:2] == pytest.approx((0.2, 1.0))


def test_a_log_axis_has_1_2_5_ticks_where_there_is_room():
    low, high, ticks = log_axis(0.13, 2.1, 5)
    assert (low, high) == pytest.approx((0.1, 5))
    assert ticks == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5])


def test_a_log_axis_over_many_decades_is_labelled_at_powers_of_ten():
    _, _, ticks = log_axis(1e-7, 3.0, 4)
    assert ticks == pytest.approx([1e-6, 1e-4, 1e-2, 1])


@pytest.mark.parametrize(
    ("value", "step", "label"),
    [
        (0.5, 0.5, "0.5"),
        (1.0, 0.5, "1.0"),
        (0.25, 0.05, "0.25"),
        (16, 2, "16"),
        (1000, 1000, "1k"),
        (1500, 500, "1.5k"),
        (20_000_000, 10_000_000, "20M"),
        (1e12, 1e12, "1e12"),
        (0.0001, 0.0001, "1e-4"),
        (0, 0.0001, "0"),
        (-0.5, 0.5, "-0.5"),
    ],
)
def test_a_label_is_short_and_exact(value, step, label):
    assert tick_label(value, step) == label


def test_each_tick_of_a_log_axis_has_the_decimals_that_it_needs():
    assert [log_label(v) for v in (1e-4, 0.02, 0.5, 1, 20, 5000)] == [
        "1e-4",
        "0.02",
        "0.5",
        "1",
        "20",
        "5k",
    ]


def test_ticks_of_durations_are_round_in_minutes_and_hours():
    def labels(span):
        return [label for _, label in x_ticks(0, span, 5, "seconds")]

    assert labels(2) == ["0", "0.5s", "1.0s", "1.5s", "2.0s"]
    assert labels(14) == ["0", "5s", "10s"]
    assert labels(100) == ["0", "30s", "1m", "1m30"]
    assert labels(5 * 3600) == ["0", "1h", "2h", "3h", "4h", "5h"]
    assert labels(4 * 86400) == ["0", "1d", "2d", "3d", "4d"]


def test_ticks_of_the_clock_are_round_where_one_lives(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")  # half an hour beside the hours of Greenwich
    time.tzset()
    try:
        begin = 1_700_000_000  # 03:43:20 there
        found = [label for _, label in x_ticks(begin, begin + 3 * 3600, 3, "clock")]
        assert found == ["04:00", "05:00", "06:00"]
        found = [label for _, label in x_ticks(begin, begin + 60, 4, "clock")]
        assert found == ["03:43:30", "03:43:45", "03:44:00", "03:44:15"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_logarithmic_x_axis_is_not_widened():
    found = x_ticks(15, 3000, 6, "number", log=True)
    assert [label for _, label in found] == ["100", "1k"]
