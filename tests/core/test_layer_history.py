import math

import pytest

from core.events import LayerFigures
from core.layer_history import Histogram, LayerHistory, layer_history


def figures(step, low=-1.0, dead=(0.25, 0.75), updates=()):
    return LayerFigures(
        1, step, ("block.a", "block.b", "blocks"), (3.0, 4.0, 1.0), (0.3, 0.4, 0.1 * step),
        (low, -1.0, -1.0), (1.0, 1.0, 1.0), ((1, 2), (3, 4), (5, 6)),
        ("block.relu1", "block.relu2"), dead, updates=updates,
    )  # fmt: skip


RUN = [figures(1), figures(2)]


def test_a_layer_is_followed_through_the_run():
    history = layer_history(RUN, "blocks")
    assert history.steps == (1, 2)
    assert history.weights == (1.0, 1.0)
    assert history.gradients == (0.1, 0.2)
    assert [h.counts for h in history.histograms] == [(5, 6), (5, 6)]
    assert history.dead == ()


def test_a_module_is_all_layers_in_it_and_not_those_whose_names_begin_alike():
    history = layer_history(RUN, "block")
    assert history.weights == (5.0, 5.0)
    assert history.gradients == pytest.approx((0.5, 0.5))
    assert history.histograms == ()
    assert history.dead == (0.5, 0.5)


def test_a_relu_has_dead_units_and_no_weights():
    history = layer_history(RUN, "block.relu2")
    assert (history.steps, history.dead_steps, history.dead) == ((), (1, 2), (0.75, 0.75))


def test_the_network_is_everything():
    assert layer_history(RUN, "").weights == pytest.approx((math.sqrt(26),) * 2)
    assert layer_history(RUN, "not there") == LayerHistory()


def test_updates_of_a_module_count_by_their_weights_and_are_unknown_in_older_runs():
    run = [figures(1), figures(2, updates=(0.01, 0.0, 0.5))]
    unknown, ratio = layer_history(run, "block").updates
    assert math.isnan(unknown)
    assert ratio == pytest.approx(0.01 * 3 / 5)  # sqrt((0.01 * 3)^2 + (0 * 4)^2) / sqrt(3^2 + 4^2)
    assert layer_history(run, "blocks").updates[1] == 0.5


def test_weights_that_are_no_numbers_have_no_histogram():
    history = layer_history([figures(1, low=math.nan), figures(2)], "block.a")
    assert [h.step for h in history.histograms] == [2]
    assert history.weights_range == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "columns", "expected"),
    [
        (0.0, 4.0, 4, [8, 2, 0, 4]),  # its own bins
        (0.0, 4.0, 2, [10, 4]),
        (0.0, 4.0, 8, [4, 4, 1, 1, 0, 0, 2, 2]),
        (-4.0, 4.0, 4, [0, 0, 10, 4]),
    ],
)
def test_a_histogram_is_shared_out_over_another_range(low, high, columns, expected):
    histogram = Histogram(1, 0.0, 4.0, (8, 2, 0, 4))
    assert histogram.over(low, high, columns) == pytest.approx(expected)


def test_values_that_are_all_the_same_stand_in_one_place():
    assert Histogram(1, 1.0, 1.0, (7, 0)).over(0.0, 4.0, 4) == [0, 7, 0, 0]
