import torch
from twins import assert_twins

from core.layers.dense import DenseBlock, transition
from core.models import MODELS


def test_a_dense_block_and_a_transition_equal_those_of_densenet():
    twin = MODELS["densenet"](1, 10, growth=3)
    x = torch.randn(2, 64, 6, 9)
    assert_twins(DenseBlock(4, in_channels=64, growth=3), twin.dense1, x)
    assert_twins(transition(76, 38), twin.transition1, torch.randn(2, 76, 6, 9))


def test_a_dense_block_passes_its_input_on_and_adds_to_it():
    x = torch.randn(4, 3, 8, 8)  # the shapes of note 003
    y = DenseBlock(2, in_channels=3, growth=10)(x)
    assert y.shape == (4, 23, 8, 8)
    assert torch.equal(y[:, :3], x)
    assert transition(23, 10)(y).shape == (4, 10, 4, 4)
