import pytest

from tui.ticks import linear_axis, log_axis, log_label, nice_step, tick_label


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
