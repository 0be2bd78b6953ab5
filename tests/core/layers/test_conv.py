import pytest
import torch
from torch import nn
from torch.nn import functional as F
from twins import assert_twins

from core.layers.conv import Conv2d, conv2d_by_definition, cross_correlate

SETTINGS = [  # kernel, stride, padding
    (1, 1, 0),
    (1, 2, 0),
    (3, 1, 1),
    (5, 2, 2),
    ((3, 5), (3, 4), (0, 1)),  # the note's "complex" example
    ((2, 1), 1, (3, 0)),  # more padding than kernel
    ((7, 9), 1, 0),  # the whole image: one number
]


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_convolution_equals_its_twin(kernel, stride, padding):
    x = torch.randn(2, 3, 7, 9)  # not square: exchanged height and width must fail
    ours = Conv2d(3, 4, kernel, stride, padding)
    assert_twins(ours, nn.Conv2d(3, 4, kernel, stride, padding), x)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SETTINGS)
def test_convolution_is_what_its_definition_says_pixel_by_pixel(kernel, stride, padding):
    layer = Conv2d(3, 4, kernel, stride, padding).double()
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64)
    expected = conv2d_by_definition(x, layer.weight, layer.bias, layer.stride, layer.padding)
    torch.testing.assert_close(layer(x), expected)


def test_the_definition_gives_the_note_s_worked_example():
    # Note 000, section 5.4: two input channels, three kernels.
    x = torch.tensor([[[0.0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
    k = torch.tensor([[[0.0, 1], [2, 3]], [[1, 2], [3, 4]]])
    y = conv2d_by_definition(x[None], torch.stack([k, k + 1, k + 2]), torch.zeros(3))
    assert y[0].tolist() == [
        [[56, 72], [104, 120]],
        [[76, 100], [148, 172]],
        [[96, 128], [192, 224]],
    ]


def test_a_difference_of_neighbours_finds_the_edges():
    # Note 000, section 5.2: a bright bar, and the kernel (1, -1).
    bar = torch.zeros(1, 1, 4, 8)
    bar[..., 2:6] = 1
    edges = cross_correlate(bar, torch.tensor([[[[1.0, -1.0]]]]), torch.zeros(1))
    assert edges[0, 0].tolist() == [[0, -1, 0, 0, 0, 1, 0]] * 4


def test_gradients_are_those_of_difference_quotients():
    torch.manual_seed(0)
    inputs = [torch.randn(*s, dtype=torch.float64, requires_grad=True)
              for s in [(2, 2, 4, 5), (3, 2, 2, 3), (3,)]]  # fmt: skip
    assert torch.autograd.gradcheck(lambda *a: cross_correlate(*a, (2, 1), (1, 0)), inputs)


def test_convolution_takes_images_in_any_memory_layout():
    x = torch.randn(2, 3, 7, 9, dtype=torch.float64).to(memory_format=torch.channels_last)
    layer = Conv2d(3, 4, 3).double()
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight, layer.bias))


def test_convolution_begins_with_the_random_numbers_of_its_twin():
    torch.manual_seed(0)
    ours = Conv2d(3, 8, (3, 5))
    torch.manual_seed(0)
    theirs = nn.Conv2d(3, 8, (3, 5))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
