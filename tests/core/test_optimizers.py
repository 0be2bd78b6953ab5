import pytest
import torch
from torch import nn

from core.optimizers import OPTIMIZERS


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_takes_a_step_downhill_at_its_own_default_learning_rate(name):
    weight = nn.Parameter(torch.tensor([3.0]))
    lr = OPTIMIZERS.declared[name].facts["lr"]
    optimizer = OPTIMIZERS[name]([weight], lr, 0.0, 0.0)
    (weight**2).backward()
    optimizer.step()
    assert 0 < weight.item() < 3


def test_sgd_with_momentum_and_weight_decay_follows_its_formula():
    weight = nn.Parameter(torch.tensor([3.0]))
    optimizer = OPTIMIZERS["sgd"]([weight], 0.1, 0.9, 0.01)
    velocity, expected = 0.0, 3.0
    for _ in range(3):
        optimizer.zero_grad()
        (weight**2).backward()
        optimizer.step()
        velocity = 0.9 * velocity + 2 * expected + 0.01 * expected
        expected -= 0.1 * velocity
    assert weight.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_momentum_is_beta1_of_adam(name):
    optimizer = OPTIMIZERS[name]([nn.Parameter(torch.ones(1))], 0.001, 0.5, 0.0)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)
