import math

import numpy as np
import pytest

from tui.curves import Curve
from tui.pieces import limits, pieces, thin

NAN, INF = math.nan, math.inf


def points(found):
    return [list(zip(xs.tolist(), ys.tolist(), strict=True)) for xs, ys in found]


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
    found = pieces(curve, (0, 10), 0, 5, log=False)
    assert points(found) == [[(0, 1.0)], [(2, 2.0), (3, 3.0)], [(5, 4.0)]]


def test_pieces_are_clipped_to_the_limits_and_logarithms_on_a_log_axis():
    curve = Curve("train", range(3), [1e12, -7.0, 0.5])
    assert points(pieces(curve, (0, 10), 0.0, 1.0, log=False)) == [[(0, 1.0), (1, 0.0), (2, 0.5)]]
    curve = Curve("train", range(3), [100.0, -7.0, 0.1])
    assert points(pieces(curve, (0, 10), 0.1, 10.0, log=True)) == [[(0, 1.0)], [(2, -1.0)]]


def test_a_million_points_become_two_a_column_and_every_spike_stays():
    xs, ys = np.arange(1_000_000) / 1_000_000, np.ones(1_000_000)
    ys[123_456], ys[123_460] = 99.0, -99.0
    kept = thin((xs, ys), (0.0, 1.0), 50)
    assert len(kept) <= 100
    assert (0.123456, 99.0) in kept
    assert (0.12346, -99.0) in kept
    assert kept == sorted(kept)


def test_few_points_are_left_as_they_are():
    piece = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    assert thin(piece, (0.0, 1.0), 50) == [(0.0, 1.0), (1.0, 2.0)]


def test_a_line_is_cut_where_it_leaves_the_part_in_sight():
    line = Curve("train", [0, 2, 4, 6], [0.0, 2.0, 4.0, 6.0])
    assert points(pieces(line, (1, 5), 0, 9, log=False)) == [[(1, 1), (2, 2), (4, 4), (5, 5)]]
    assert points(pieces(line, (2.5, 3.5), 0, 9, log=False)) == [[(2.5, 2.5), (3.5, 3.5)]]
    assert pieces(line, (7, 9), 0, 9, log=False) == []


def test_of_a_dotted_curve_only_points_in_sight_are_left():
    dotted = Curve("test", [0, 2, 4, 6], [0.0, 2.0, 4.0, 6.0], dotted=True)
    assert points(pieces(dotted, (1, 5), 0, 9, log=False)) == [[(2, 2), (4, 4)]]
