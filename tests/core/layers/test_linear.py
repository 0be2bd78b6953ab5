import torch
from torch import nn
from twins import assert_twins

from core.layers.linear import Linear


def test_linear_equals_its_twin_on_rows_and_on_more_dimensions():
    assert_twins(Linear(5, 3), nn.Linear(5, 3), torch.randn(4, 5))
    assert_twins(Linear(5, 3), nn.Linear(5, 3), torch.randn(2, 4, 5))


def test_linear_begins_with_the_random_numbers_of_its_twin():
    torch.manual_seed(0)
    ours = Linear(400, 30)
    torch.manual_seed(0)
    theirs = nn.Linear(400, 30)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
