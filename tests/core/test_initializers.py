import math

import pytest
import torch
from torch import nn

from core.errors import ConfigError
from core.initializers import INITIALIZERS, initialize
from core.layers.conv import Conv2d
from core.layers.linear import Linear
from core.layers.norm import BatchNorm

FAN_IN, FAN_OUT = 400, 200
SPREAD = {  # standard deviation of the weights of a linear layer, from each one's formula
    "default": 1 / math.sqrt(3 * FAN_IN),
    "normal": 0.01,
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming_normal": math.sqrt(2 / FAN_IN),
    "kaiming_uniform": math.sqrt(2 / FAN_IN),
    # The integral of w^2 / 20 over 5 <= |w| <= 10.
    "thresholded_uniform": math.sqrt((10**3 - 5**3) / 30),
    "constant": 0,
    "zeros": 0,
}
MEAN = {"constant": 0.01}


@pytest.mark.parametrize("layer", [nn.Linear, Linear])
@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_every_initializer_gives_the_spread_of_its_formula(name, layer):
    torch.manual_seed(0)
    model = nn.Sequential(layer(FAN_IN, FAN_OUT))
    initialize(model, name)
    spread, mean = SPREAD[name], MEAN.get(name, 0)
    assert model[0].weight.std().item() == pytest.approx(spread, rel=0.02, abs=1e-9)
    # Four standard deviations of a mean.
    error = 4 * spread / math.sqrt(FAN_IN * FAN_OUT)
    assert model[0].weight.mean().item() == pytest.approx(mean, abs=error, rel=1e-5)


def test_half_of_the_thresholded_weights_are_zero_and_none_is_small():
    weight = torch.empty(200, 300)
    INITIALIZERS["thresholded_uniform"](weight)
    kept = weight[weight != 0].abs()
    assert kept.numel() / weight.numel() == pytest.approx(0.5, abs=0.02)
    assert kept.min() >= 5
    assert kept.max() <= 10


@pytest.mark.parametrize(("conv", "norm"), [(nn.Conv2d, nn.BatchNorm2d), (Conv2d, BatchNorm)])
def test_convolutions_are_initialized_and_norms_and_biases_are_not(conv, norm):
    torch.manual_seed(0)
    model = nn.Sequential(conv(1, 8, 3), norm(8))
    bias = model[0].bias.clone()
    initialize(model, "normal")
    assert model[0].weight.std() < 0.02
    assert torch.equal(model[0].bias, bias)
    assert torch.equal(model[1].weight, torch.ones(8))


def test_what_an_initializer_takes_can_be_set():
    model = nn.Sequential(nn.Linear(FAN_IN, FAN_OUT))
    initialize(model, "normal", {"std": 2.0})
    assert model[0].weight.std().item() == pytest.approx(2, rel=0.02)
    initialize(model, "constant", {"value": 0.5})
    assert model[0].weight.unique().tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("normal", "Did you mean 'std'? It takes: std."),
        ("constant", "It takes: value."),
        ("zeros", "It takes no options."),
    ],
)
def test_an_option_that_it_does_not_take_is_refused(name, takes):
    with pytest.raises(ConfigError) as caught:
        initialize(nn.Linear(2, 2), name, {"sdt": 1.0})
    assert f"The initializer {name} has no option 'sdt'." == caught.value.problem
    assert caught.value.fix == takes


@pytest.mark.parametrize(
    ("name", "options"),
    [("normal", {"std": -1.0}), ("thresholded_uniform", {"bound": -1.0})],
)
def test_a_value_that_it_cannot_take_is_refused_and_shown(name, options):
    with pytest.raises(ConfigError) as caught:
        initialize(nn.Linear(2, 2), name, options)
    assert f"{next(iter(options))}=-1" in caught.value.problem


def test_convolutions_can_begin_otherwise_than_linear_layers():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8, 2))
    initialize(model, "constant", {"value": 0.5}, conv="zeros")
    assert model[0].weight.unique().tolist() == [0]
    assert model[2].weight.unique().tolist() == [0.5]


def test_constant_weights_keep_the_units_of_a_layer_the_same():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    initialize(model, "constant")
    nn.init.zeros_(model[0].bias)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    images, targets = torch.randn(8, 4), torch.randn(8, 1)
    for _ in range(20):
        optimizer.zero_grad()
        (model(images) - targets).square().mean().backward()
        optimizer.step()
    assert (model[0].weight - 0.01).abs().max() > 0.1  # it has learned something,
    assert torch.equal(model[0].weight[0], model[0].weight[1])  # the same for all units


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, BatchNorm, nn.LayerNorm])
def test_scales_of_normalisations_begin_at_one_or_uniform_between_zero_and_one(kind):
    torch.manual_seed(0)
    model = nn.Sequential(kind(10_000), nn.PReLU())
    initialize(model, "normal")
    assert torch.equal(model[0].weight, torch.ones(10_000))
    initialize(model, "normal", norm="uniform")
    assert 0 <= model[0].weight.min() < 0.001 < 0.999 < model[0].weight.max() <= 1
    assert model[0].weight.mean().item() == pytest.approx(0.5, abs=0.02)
    assert model[0].bias.abs().max() == 0
    assert model[1].weight.item() == 0.25  # a vector, but no scale of a normalisation
