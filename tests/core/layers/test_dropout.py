import pytest
import torch
from torch import nn

from core.layers.dropout import Dropout


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_dropout_drops_the_same_units_as_its_twin_with_the_same_seed_one_call_after_another(p):
    outputs = []
    for layer in (Dropout(p), nn.Dropout(p)):
        torch.manual_seed(3)
        x = torch.ones(50, 7, requires_grad=True)
        y = layer(layer(x) + 1)
        y.sum().backward()
        outputs.append((y.detach(), x.grad, torch.rand(1)))  # the generator is where it was, too
    torch.testing.assert_close(*outputs)


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    y = Dropout(0.2)(torch.ones(100_000))
    assert (y == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert y.unique().tolist() == pytest.approx([0, 1.25])


def test_evaluation_drops_nothing():
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(0.9).eval()(x), x)
