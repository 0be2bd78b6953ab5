import torch
from torch import nn
from twins import assert_twins

from core.layers.flatten import Flatten


def test_flatten_equals_its_twin_whatever_the_memory_layout():
    x = torch.randn(2, 3, 4, 5)
    assert_twins(Flatten(), nn.Flatten(), x)
    assert torch.equal(Flatten()(x.to(memory_format=torch.channels_last)), x.reshape(2, 60))
