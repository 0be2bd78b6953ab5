import math

import pytest
import torch
from torch import nn

from core.initializers import INITIALIZERS, initialize

FAN_IN, FAN_OUT = 400, 200
SPREAD = {  # standard deviation of the weights of a linear layer, from each one's formula
    "default": 1 / math.sqrt(3 * FAN_IN),
    "normal": 0.01,
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming_normal": math.sqrt(2 / FAN_IN),
}


@pytest.mark.parametrize("name", list(INITIALIZERS))
def test_every_initializer_gives_the_spread_of_its_formula(name):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FAN_IN, FAN_OUT))
    initialize(model, name)
    assert model[0].weight.std().item() == pytest.approx(SPREAD[name], rel=0.02)
    assert abs(model[0].weight.mean().item()) < 0.001


def test_convolutions_are_initialized_and_norms_and_biases_are_not():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8))
    bias = model[0].bias.clone()
    initialize(model, "normal")
    assert model[0].weight.std() < 0.02
    assert torch.equal(model[0].bias, bias)
    assert torch.equal(model[1].weight, torch.ones(8))
