import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.memory_format import match_weights, put_channels_last
from core.models import MODELS
from core.optimizers import OPTIMIZERS, make_optimizer

LAST = torch.channels_last


def conv_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 3))


def steps(model, optimizer, count):
    torch.manual_seed(count)
    for _ in range(count):
        images, labels = torch.rand(5, 3, 8, 8), torch.randint(3, (5,))
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def test_weights_keep_their_values_and_names():
    model, before = conv_net(), conv_net().state_dict()
    put_channels_last(model)
    assert model[0].weight.is_contiguous(memory_format=LAST)
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["mlp", "softmax", "lenet_scratch"])
def test_networks_without_torchs_convolutions_stay_as_they_are(name):
    model = MODELS[name](in_channels=1, num_classes=10)
    put_channels_last(model)
    assert all(p.is_contiguous() for p in model.parameters())


def test_kernels_of_one_pixel_alone_are_left():
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    before = model[0].weight.stride()
    put_channels_last(model)
    assert model[0].weight.stride() == before


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_an_optimizer_goes_on_from_a_checkpoint_as_it_would_have_gone_on(name):
    """What a checkpoint keeps is contiguous: without match_weights, fused sgd and adam would pair
    each weight with another one's momentum."""
    model = conv_net()
    put_channels_last(model)
    momentum = {"momentum": 0.0 if name.startswith(("adagrad", "adadelta")) else 0.9}
    optimizer = make_optimizer(name, model, 0.01, **momentum)
    steps(model, optimizer, 3)
    kept = copy.deepcopy(optimizer.state_dict())
    for entries in kept["state"].values():
        for key, value in entries.items():
            entries[key] = value.contiguous() if isinstance(value, torch.Tensor) else value
    other = copy.deepcopy(model)
    resumed = make_optimizer(name, other, 0.01, **momentum)
    resumed.load_state_dict(kept)
    match_weights(resumed)
    steps(model, optimizer, 4)
    steps(other, resumed, 4)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
