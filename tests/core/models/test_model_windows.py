import pytest
import torch
from torch import nn

from core.errors import ConfigError
from core.models import MODELS
from core.models._windows import side_after

SMALLEST = {
    "lenet": 12,  # -> 6 -> 2 -> 1
    "lenet_bn": 16,  # -> 12 -> 6 -> 2 -> 1
    "convnet": 6,  # -> 4 -> 2 -> 1
    "alexnet": 65,  # -> 15 -> 7 -> 3 -> 1
    "vgg11": 32,  # -> 16 -> 8 -> 4 -> 2 -> 1
    "vgg13": 32,
    "vgg16": 32,
    "vgg19": 32,
    "nin": 67,  # -> 15 -> 7 -> 3 -> 1
    "densenet": 29,  # -> 15 -> 8 -> 4 -> 2 -> 1
}


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_sides_are_those_that_torch_finds(kernel, stride, padding):
    conv = nn.Conv2d(1, 1, kernel, stride=stride, padding=padding)
    for size in range(6, 12):
        side = side_after("a network", size, [(kernel, stride, padding)])
        assert conv(torch.zeros(1, 1, size, size)).shape == (1, 1, side, side)


@pytest.mark.parametrize(("name", "smallest"), SMALLEST.items())
def test_images_too_small_are_refused_with_the_smallest_that_fit(name, smallest):
    with torch.device("meta"):
        model = MODELS[name](1, 10, input_size=smallest).eval()
        assert model(torch.zeros(2, 1, smallest, smallest)).shape == (2, 10)
    with pytest.raises(ConfigError) as caught:
        MODELS[name](1, 10, input_size=smallest - 1)
    assert f"{name} cannot take images of {smallest - 1}x{smallest - 1}" in caught.value.problem
    assert caught.value.fix == f"Choose an input size of at least {smallest}."


@pytest.mark.parametrize(("name", "smallest"), SMALLEST.items())
def test_nothing_is_refused_that_would_fit(name, smallest):
    with torch.device("meta"):
        *until_pooled, _ = _before_flat(MODELS[name](1, 10).eval())
        x = torch.zeros(2, 1, smallest - 1, smallest - 1)
        with pytest.raises(RuntimeError, match=r"too small|can't be greater"):
            nn.Sequential(*until_pooled)(x)


def _before_flat(model: nn.Module) -> list[nn.Module]:
    names = [name for name, _ in model.named_children()]
    return list(model.children())[: names.index("flatten") + 1]


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize("more", [0, 1, 2, 3, 5, 60])
def test_images_of_other_sizes_fit(name, more):
    side = SMALLEST[name] + more
    with torch.device("meta"):
        logits = MODELS[name](3, 10, input_size=side).eval()(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 10)
