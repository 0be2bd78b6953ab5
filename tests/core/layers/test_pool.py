import pytest
import torch
from torch import nn
from twins import assert_twins

from core.layers.pool import AvgPool2d, MaxPool2d

TWINS = [(MaxPool2d, nn.MaxPool2d), (AvgPool2d, nn.AvgPool2d)]


@pytest.mark.parametrize(("ours", "theirs"), TWINS)
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (2, None, 0),
        (1, 2, 0),
        (3, 1, 1),
        ((3, 2), (1, 3), (1, 0)),
        (3, 3, 0),  # 7 = 2 * 3 + 1: the last row is seen by no window
        ((7, 9), None, 0),  # the whole image
    ],
)
def test_pooling_equals_its_twin(ours, theirs, kernel, stride, padding):
    x = torch.randn(2, 3, 7, 9)  # not square: exchanged height and width must fail
    assert_twins(ours(kernel, stride, padding), theirs(kernel, stride, padding), x)
    assert_twins(ours(kernel, stride, padding), theirs(kernel, stride, padding), x - 10)


def test_of_equal_values_the_first_gets_the_gradient_as_in_the_twin():
    # After rectified or saturated units whole windows are equal.
    x = torch.tensor([0.0, 1.0])[torch.randint(2, (2, 3, 7, 9))]
    assert_twins(MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, 1), x)


def test_pooling_gives_the_note_s_worked_example():
    x = torch.arange(9.0).view(1, 1, 3, 3)  # note 000, section 5.5
    assert MaxPool2d(2, stride=1)(x).flatten().tolist() == [4, 5, 7, 8]
    assert AvgPool2d(2, stride=1)(x).flatten().tolist() == [2, 3, 5, 6]
    assert MaxPool2d((2, 3), padding=(0, 1))(x).tolist() == [[[[4]]]]
