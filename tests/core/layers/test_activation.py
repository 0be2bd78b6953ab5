import pytest
import torch
from torch.nn import functional as F
from twins import assert_same_function

from core.layers import ACTIVATIONS
from core.layers.activation import LeakyReLU, ReLU, Sigmoid, Tanh

TWINS = {
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
# Both sides, 0 itself, near 0, and so far out that exp() overflows.
POINTS = [-1e4, -800.0, -100.0, -3.0, -1e-9, 0.0, 1e-9, 0.5, 20.0, 100.0, 800.0, 1e4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_activation_equals_its_twin_in_value_and_gradient_also_far_out(name, dtype):
    assert_same_function(ACTIVATIONS[name], TWINS[name], torch.tensor(POINTS, dtype=dtype))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_activation_has_the_gradient_and_curvature_of_its_difference_quotients(name):
    x = torch.tensor([-2.0, -0.5, 0.3, 1.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ACTIVATIONS[name], x)
    assert torch.autograd.gradgradcheck(ACTIVATIONS[name], x)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_a_nan_stays_a_nan(name):
    assert ACTIVATIONS[name](torch.tensor([float("nan")])).isnan().all()


def test_tanh_keeps_its_digits_near_zero():
    tiny = torch.tensor([1e-12, -1e-12])
    torch.testing.assert_close(ACTIVATIONS["tanh"](tiny), tiny, rtol=1e-6, atol=0)


def test_modules_apply_their_function():
    x = torch.tensor([-2.0, 3.0])
    assert ReLU()(x).tolist() == [0, 3]
    assert LeakyReLU(0.5)(x).tolist() == [-1, 3]
    assert torch.equal(Sigmoid()(x), ACTIVATIONS["sigmoid"](x))
    assert torch.equal(Tanh()(x), ACTIVATIONS["tanh"](x))
