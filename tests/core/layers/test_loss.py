import torch
from torch.nn import functional as F
from twins import assert_same_function

from core.layers.loss import cross_entropy, l1_penalty, l2_penalty, squared_loss
from core.layers.softmax import softmax


def test_cross_entropy_equals_its_twin_also_where_probabilities_underflow():
    logits = torch.tensor([[1.0, -2.0, 3.0], [1000.0, -1000.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([2, 1])
    assert cross_entropy(logits, labels) > 999  # -log(0) would be infinite
    assert_same_function(cross_entropy, F.cross_entropy, logits, labels)


def test_the_gradient_of_cross_entropy_is_softmax_minus_the_label_as_the_note_derives():
    logits = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 3, 3, 4])
    cross_entropy(logits, labels).backward()
    one_hot = torch.eye(5, dtype=torch.float64)[labels]
    torch.testing.assert_close(logits.grad, (softmax(logits) - one_hot) / 4)


def test_squared_loss_is_half_of_its_twin():
    predicted, target = torch.randn(2, 6, 1, dtype=torch.float64)
    assert_same_function(squared_loss, lambda a, b: F.mse_loss(a, b) / 2, predicted, target)


def test_squared_loss_compares_a_column_with_a_row_value_by_value():
    column, row = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])
    assert squared_loss(column, row) == 0


def test_penalties_have_the_weights_and_their_signs_as_gradients():
    weights = [torch.tensor([3.0, -4.0], requires_grad=True), torch.ones(1, requires_grad=True)]
    assert l2_penalty(weights).item() == 13  # (9 + 16 + 1) / 2
    assert l1_penalty(weights).item() == 8
    (gradient,) = torch.autograd.grad(l2_penalty(weights), weights[:1])
    assert gradient.tolist() == [3, -4]
    (gradient,) = torch.autograd.grad(l1_penalty(weights), weights[:1])
    assert gradient.tolist() == [1, -1]
