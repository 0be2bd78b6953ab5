import pytest
import torch
from twins import assert_same_function

from core.layers.softmax import log_softmax, softmax

LOGITS = torch.tensor(
    [[0.0, 0.0, 0.0], [1.0, -2.0, 3.0], [1000.0, -1000.0, 0.0], [-5e4, -5e4 + 1, -5e4]],
    dtype=torch.float64,
)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(softmax, torch.softmax), (log_softmax, torch.log_softmax)]
)
def test_softmax_equals_its_twin_also_for_logits_whose_exponential_overflows(ours, theirs):
    assert_same_function(ours, lambda x: theirs(x, -1), LOGITS)
    assert torch.autograd.gradcheck(ours, LOGITS[:2].clone().requires_grad_())


def test_probabilities_are_positive_and_add_up_to_one():
    probabilities = softmax(torch.randn(5, 4, 7))
    assert (probabilities > 0).all()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(5, 4))
