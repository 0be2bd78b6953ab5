"""What each registered network promises, checked for the next one before it is written."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.config import RunConfig
from core.initializers import initialize
from core.models import MODELS
from core.shapes import ShapesOnly

SMALL = 28  # what takes 224x224 images takes these too, and is tried with them: 50 times faster


@pytest.fixture(autouse=True)
def one_thread():
    # Two threads that share their cores with another process are ten times slower than one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(name: str, in_channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return MODELS[name](in_channels=in_channels, num_classes=10)


def small_images(name: str, count: int, in_channels: int = 1) -> torch.Tensor:
    side = min(MODELS.declared[name].facts["input_size"], SMALL)
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, in_channels, side, side, generator=generator)


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_gives_a_logit_per_class_and_every_parameter_a_gradient(name, in_channels):
    model = build(name, in_channels)
    logits = model(small_images(name, 4, in_channels))
    F.cross_entropy(logits, torch.tensor([3, 7, 0, 9])).backward()

    assert logits.shape == (4, 10)
    # A bias before batch normalisation is taken out again by the mean, up to rounding.
    unreached = [n for n, p in model.named_parameters() if p.grad is None]
    assert not unreached
    still = [n for n, p in model.named_parameters() if n.endswith("weight") and not p.grad.any()]
    assert not still


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_learns_four_images_with_its_own_recipe(name):
    recipe = MODELS.declared[name].facts["recipe"]
    model = build(name)
    initialize(model, recipe.get("initializer", "default"))
    images, labels = torch.zeros(4, 1, SMALL, SMALL), torch.arange(4)
    for label in range(4):  # a bright quarter, another one for each label
        top, left = SMALL // 2 * (label // 2), SMALL // 2 * (label % 2)
        images[label, :, top : top + SMALL // 2, left : left + SMALL // 2] = 1
    algorithm = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[recipe["optimizer"]]
    optimizer = algorithm(model.parameters(), lr=recipe["lr"])
    for _ in range(400):
        loss = F.cross_entropy(model(images), labels)
        if loss < 0.5:  # a guess among ten classes is 2.3
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_has_shapes_without_values_at_its_own_size(name):
    side = MODELS.declared[name].facts["input_size"]
    with torch.device("meta"), ShapesOnly():
        logits = build(name, in_channels=3).eval()(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 10)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_says_what_it_is_where_it_comes_from_and_how_to_train_it(name):
    declared = MODELS.declared[name]
    assert declared.summary.endswith(".")
    assert declared.facts["source"].startswith("note")
    assert declared.facts["recipe"]
    RunConfig(model=name, **declared.facts["recipe"])  # raises for a setting that cannot be


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("softmax", 784 * 10 + 10),
        ("mlp", 784 * 256 + 256 + 256 * 10 + 10),
        ("lenet", 61_706),  # the count that everybody has for LeNet-5 with 28x28 images
        ("lenet_bn", 44_878),
        ("resnet18", 11_178_378),
    ],
)
def test_parameters_are_as_many_as_in_the_notes(name, params):
    with torch.device("meta"):
        model = build(name)
    assert sum(p.numel() for p in model.parameters()) == params
