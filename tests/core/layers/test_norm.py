import pytest
import torch
from torch import nn
from twins import assert_twins

from core.layers.norm import BatchNorm

CASES = [
    (nn.BatchNorm1d, (6, 3)),  # after a linear layer
    (nn.BatchNorm2d, (4, 3, 5, 7)),  # after a convolution
    (nn.BatchNorm2d, (1, 3, 1, 2)),  # one image
]


def far_from_standard(norm: nn.Module) -> nn.Module:
    """A twin with statistics, scales and shifts that are not those of the beginning."""
    with torch.no_grad():
        for i, tensor in enumerate([*norm.parameters(), norm.running_mean, norm.running_var]):
            tensor.copy_(torch.linspace(0.5, 2.5, 3) + i)
    return norm


@pytest.mark.parametrize(("twin", "shape"), CASES)
def test_batch_normalisation_equals_its_twin_in_training(twin, shape):
    ours, theirs = BatchNorm(3), far_from_standard(twin(3))
    for _ in range(3):  # running statistics add up
        assert_twins(ours, theirs, 5 * torch.randn(shape) + 2)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    assert ours.num_batches_tracked == 3


@pytest.mark.parametrize(("twin", "shape"), CASES)
def test_batch_normalisation_equals_its_twin_in_evaluation_and_learns_nothing_there(twin, shape):
    ours, theirs = BatchNorm(3).eval(), far_from_standard(twin(3)).eval()
    assert_twins(ours, theirs, 5 * torch.randn(shape) + 2)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5, 7)])
def test_training_gives_each_feature_mean_0_and_variance_1(shape):
    y = BatchNorm(3)(5 * torch.randn(shape) + 2)
    features = y.transpose(0, 1).flatten(1)
    torch.testing.assert_close(features.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(features.var(1, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_an_evaluation_before_any_training_changes_nothing_much():
    # The note's moving variance of 0 would divide by sqrt(eps): 316 times too large.
    x = torch.randn(4, 3)
    torch.testing.assert_close(BatchNorm(3).eval()(x), x, rtol=1e-4, atol=0)


def test_running_statistics_are_saved_and_move_with_the_layer_but_are_not_trained():
    norm = BatchNorm(3)
    assert {"running_mean", "running_var"} <= norm.state_dict().keys()
    assert norm.to("meta").running_var.is_meta
    assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]


def test_gradients_are_those_of_difference_quotients():
    torch.manual_seed(0)
    norm = BatchNorm(2).double()
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, x)


def test_one_value_per_feature_is_refused_in_training_and_leaves_no_trace():
    norm = BatchNorm(3)
    with pytest.raises(ValueError, match="more than one value"):
        norm(torch.randn(1, 3))
    assert norm.num_batches_tracked == 0
    assert norm.running_var.isfinite().all()
