import math

import pytest

from core.schedules import SCHEDULES, warm_up


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_stays_between_zero_and_the_peak_and_reaches_it(name):
    factors = [SCHEDULES[name](i / 1000) for i in range(1001)]
    assert all(0 <= f <= 1 for f in factors)
    assert max(factors) == pytest.approx(1.0)


def test_cosine_is_at_half_the_peak_half_way():
    assert SCHEDULES["cosine"](0.5) == pytest.approx(0.5)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0.0)


def test_step_drops_tenfold_at_a_half_and_three_quarters():
    assert [SCHEDULES["step"](d) for d in (0.49, 0.5, 0.74, 0.75)] == [1.0, 0.1, 0.1, 0.01]


def test_one_cycle_rises_to_its_peak_at_three_tenths_without_a_jump():
    one_cycle = SCHEDULES["one_cycle"]
    assert one_cycle(0.0) == pytest.approx(1 / 25)
    assert one_cycle(0.3) == pytest.approx(1.0)
    assert math.isclose(one_cycle(0.2999), one_cycle(0.3001), abs_tol=1e-4)


def test_a_warm_up_is_a_straight_line_to_the_peak_and_then_stays():
    assert [warm_up(done, 2.0) for done in (0, 0.5, 1, 2, 7)] == [0, 0.25, 0.5, 1, 1]


def test_without_a_warm_up_the_schedule_is_itself():
    assert warm_up(0.0, 0.0) == 1.0
