import math

import pytest
import torch

from core.errors import UnknownName
from core.initializers import INITIALIZERS
from core.layers import ACTIVATIONS
from core.plots import activation_curve, schedule_curve, spread_by_layer
from core.schedules import SCHEDULES


@pytest.mark.parametrize(
    ("name", "twin"),
    [("relu", torch.relu), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh)],
)
def test_curves_and_gradients_are_those_of_torch(name, twin):
    found = activation_curve(name, 6.0)
    xs = torch.tensor(found.xs, dtype=torch.float64, requires_grad=True)
    ys = twin(xs)
    (gradients,) = torch.autograd.grad(ys.sum(), xs)
    assert (found.xs[0], found.xs[200], found.xs[-1]) == (-6, 0, 6)
    assert found.ys == pytest.approx(ys.tolist())
    assert found.gradients == pytest.approx(gradients.tolist())


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_activation_has_a_finite_curve(name):
    found = activation_curve(name, 1000.0)
    assert all(map(math.isfinite, found.ys + found.gradients))


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_stays_between_zero_and_its_peak(name):
    epochs, rates = schedule_curve(name, 30, 0.4)
    assert epochs[0] == 0
    assert 29 < epochs[-1] < 30
    assert max(rates) == pytest.approx(0.4, rel=1e-3)
    assert min(rates) >= 0


def test_a_warm_up_is_a_straight_line_below_the_schedule():
    epochs, rates = schedule_curve("cosine", 10, 0.4, warmup=5)
    plain = schedule_curve("cosine", 10, 0.4)[1]
    for epoch, rate, peak in zip(epochs, rates, plain, strict=True):
        assert rate == pytest.approx(peak * min(epoch / 5, 1))
    assert rates[0] == 0


def test_options_of_an_initializer_reach_it():
    # The standard deviation that keeps a rectified signal: sqrt(2 / width).
    kaiming = spread_by_layer("kaiming_normal", "relu", 10, 128)
    normal = spread_by_layer("normal", "relu", 10, 128, {"std": 0.125})
    assert normal[-1].activations == pytest.approx(kaiming[-1].activations, rel=1e-4)


def test_kaiming_keeps_rectified_signals_and_xavier_loses_half_of_the_variance_in_each_layer():
    kaiming = spread_by_layer("kaiming_normal", "relu", depth=10, width=256)
    xavier = spread_by_layer("xavier_normal", "relu", depth=10, width=256)
    assert 0.5 < kaiming[-1].activations / kaiming[0].activations < 2
    # He et al., section 2.2: Var is halved by each rectified layer: 2^(-9/2) after nine more.
    assert xavier[-1].activations / xavier[0].activations == pytest.approx(2**-4.5, rel=0.5)
    assert 0.5 < kaiming[0].gradients / kaiming[-1].gradients < 2
    assert xavier[0].gradients < xavier[-1].gradients / 10


def test_the_same_seed_gives_the_same_figures():
    assert spread_by_layer("normal", "tanh", 3, 16) == spread_by_layer("normal", "tanh", 3, 16)


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_every_initializer_can_be_looked_at(name):
    layers = spread_by_layer(name, "relu", depth=4, width=8)
    assert [layer.layer for layer in layers] == [1, 2, 3, 4]


def test_zeros_let_nothing_through():
    assert {layer.activations for layer in spread_by_layer("zeros", "relu", 3, 8)} == {0.0}


def test_an_unknown_name_is_refused():
    for call in (
        lambda: activation_curve("rlu", 1),
        lambda: schedule_curve("cosin", 1, 1),
        lambda: spread_by_layer("normal", "rlu", 2, 2),
    ):
        with pytest.raises(UnknownName):
            call()
