import math

import pytest

from tui.curves import Curve, along, best_point, dots, smooth, value_at

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


def test_the_value_at_a_place_is_that_of_the_nearest_point():
    curve = Curve("train", [1.0, 2.0, 4.0], [10.0, 20.0, NAN])
    assert [value_at(curve, x) for x in (0, 1.4, 1.6, 2.9, 3.1, 9)] == [10, 10, 20, 20, None, None]
    assert value_at(Curve("train", [], []), 1.0) is None


def test_the_best_point_is_the_first_of_several_and_never_a_gap():
    curve = Curve("test", [1, 2, 3, 4], [NAN, 0.5, 0.9, 0.9])
    assert best_point(curve, highest=True) == (3, 0.9)
    assert best_point(curve, highest=False) == (2, 0.5)
    assert best_point(Curve("test", [1], [INF]), highest=True) is None


def test_dots_lie_on_the_line_at_equal_distances():
    # 8 units along x, then 6 along y: a dot every 4, around the corner too
    found = dots([(0.0, 0.0), (8.0, 0.0), (8.0, 6.0)], 1.0, 1.0, 4.0)
    assert found == [(0.0, 0.0), (4.0, 0.0), (8.0, 0.0), (8.0, 4.0)]


def test_signs_stand_along_the_line_and_at_its_end():
    line = [(0.0, 0.0), (4.0, 8.0), (5.0, 0.0)]
    assert along(line, 1.0, 2.0) == [(1.0, 2.0), (3.0, 6.0), (5.0, 0.0)]
    assert along(line, 9.0, 2.0) == [(5.0, 0.0)]
    assert along([(2.0, 3.0)], 0.0, 1.0) == [(2.0, 3.0)]
