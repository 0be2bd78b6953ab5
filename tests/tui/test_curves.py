import math

import pytest

from tui.curves import Curve, along, dots, limits, pieces, smooth, thin

NAN, INF = math.nan, math.inf


def test_smoothing_is_an_average_in_which_the_first_value_counts_fully():
    # 0.6 of the past: (0.6 * 0.4 * 1 + 0.4 * 3) / (0.6 * 0.4 + 0.4)
    assert smooth([1.0, 3.0], 0.6) == pytest.approx([1.0, 1.44 / 0.64])
    assert smooth([1.0, 3.0], 0.0) == [1.0, 3.0]


def test_smoothing_leaves_a_gap_and_goes_on_after_it():
    smoothed = smooth([2.0, NAN, INF, 2.0], 0.9)
    assert smoothed[0] == smoothed[3] == pytest.approx(2.0)
    assert math.isnan(smoothed[1])
    assert math.isnan(smoothed[2])


def test_limits_are_those_of_the_finite_values():
    assert limits([0.5, NAN, 2.3, INF, -INF]) == (0.5, 2.3)
    assert limits([NAN, INF]) is None
    assert limits([]) is None


def test_a_spike_does_not_count_for_the_limits_but_the_start_of_a_falling_loss_does():
    assert limits([1.0, 2.0, 1.5, 1e12, 1.0]) == (1.0, 2.0)
    assert limits([2.3] + [0.01] * 99) == (0.01, 2.3)


def test_a_constant_curve_has_room_above_and_below():
    assert limits([2.0, 2.0]) == pytest.approx((1.9, 2.1))
    assert limits([0.0]) == pytest.approx((-0.5, 0.5))
    assert limits([0.1], least_span=0.1) == pytest.approx((0.05, 0.15))


def test_a_logarithmic_axis_only_sees_what_is_above_zero():
    assert limits([0.0, -1.0, 0.1, 10.0], log=True) == (0.1, 10.0)
    assert limits([0.0, -1.0], log=True) is None


def test_values_that_are_not_finite_cut_a_curve_into_pieces():
    curve = Curve("train", range(6), [1.0, NAN, 2.0, 3.0, INF, 4.0])
    found = pieces(curve, 10, 0, 5, log=False)
    assert found == [[(0, 1.0)], [(2, 2.0), (3, 3.0)], [(5, 4.0)]]


def test_pieces_are_clipped_to_the_limits_and_logarithms_on_a_log_axis():
    curve = Curve("train", range(3), [1e12, -7.0, 0.5])
    assert pieces(curve, 10, 0.0, 1.0, log=False) == [[(0, 1.0), (1, 0.0), (2, 0.5)]]
    curve = Curve("train", range(3), [100.0, -7.0, 0.1])
    assert pieces(curve, 10, 0.1, 10.0, log=True) == [[(0, 1.0)], [(2, -1.0)]]


def test_a_million_points_become_two_a_column_and_every_spike_stays():
    points = [(i / 1_000_000, 1.0) for i in range(1_000_000)]
    points[123_456] = (points[123_456][0], 99.0)
    points[123_460] = (points[123_460][0], -99.0)
    kept = thin(points, 0.0, 1.0, 50)
    assert len(kept) <= 100
    assert points[123_456] in kept
    assert points[123_460] in kept
    assert kept == sorted(kept)


def test_few_points_are_left_as_they_are():
    points = [(0.0, 1.0), (1.0, 2.0)]
    assert thin(points, 0.0, 1.0, 50) is points


def test_dots_lie_on_the_line_at_equal_distances():
    # 8 units along x, then 6 along y: a dot every 4, around the corner too
    found = dots([(0.0, 0.0), (8.0, 0.0), (8.0, 6.0)], 1.0, 1.0, 4.0)
    assert found == [(0.0, 0.0), (4.0, 0.0), (8.0, 0.0), (8.0, 4.0)]


def test_signs_stand_along_the_line_and_at_its_end():
    line = [(0.0, 0.0), (4.0, 8.0), (5.0, 0.0)]
    assert along(line, 1.0, 2.0) == [(1.0, 2.0), (3.0, 6.0), (5.0, 0.0)]
    assert along(line, 9.0, 2.0) == [(5.0, 0.0)]
    assert along([(2.0, 3.0)], 0.0, 1.0) == [(2.0, 3.0)]
