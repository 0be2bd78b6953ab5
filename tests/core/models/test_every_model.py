"""What each registered network promises, checked for the next one before it is written."""

import pytest
import torch
from heart import write_heart
from small_networks import CLASSIFIERS, shapes_only, small_network, small_side
from torch import nn
from torch.nn import functional as F

from core.build import build_model, default_input_shape
from core.config import make_config
from core.initializers import initialize
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from core.shapes import ShapesOnly


@pytest.fixture(autouse=True)
def one_thread():
    # Two threads that share their cores with another process are ten times slower than one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_network_gives_a_logit_per_class_and_every_parameter_a_gradient(name, in_channels):
    model = small_network(name, in_channels)
    side = small_side(name)
    images = torch.rand(4, in_channels, side, side, generator=torch.Generator().manual_seed(1))
    logits = model(images)
    F.cross_entropy(logits, torch.tensor([3, 7, 0, 9])).backward()

    assert logits.shape == (4, 10)
    # A bias before batch normalisation is taken out again by the mean, up to rounding.
    unreached = [n for n, p in model.named_parameters() if p.grad is None]
    assert not unreached
    still = [n for n, p in model.named_parameters() if n.endswith("weight") and not p.grad.any()]
    assert not still


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_network_learns_four_images_with_its_own_recipe(name):
    config = make_config({"model": name})  # its recipe, and defaults for what that leaves open
    model = small_network(name)
    initialize(model, config.initializer)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # with few units, it makes the loss of four images a matter of luck
    side = small_side(name)
    images, labels = torch.zeros(4, 1, side, side), torch.arange(4)
    for label in range(4):  # a bright quarter, another one for each label
        top, left = side // 2 * (label // 2), side // 2 * (label % 2)
        images[label, :, top : top + side // 2, left : left + side // 2] = 1
    optimizer = OPTIMIZERS[config.optimizer](
        model.parameters(), config.lr, config.momentum, config.weight_decay
    )
    for _ in range(400):
        loss = F.cross_entropy(model(images), labels)
        if loss < 0.5:  # a guess among ten classes is 2.3
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5


@pytest.mark.parametrize(("in_channels", "num_classes"), [(1, 10), (3, 10), (3, 2), (4, 1000)])
@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_has_shapes_without_values_at_its_own_size(name, in_channels, num_classes):
    _, *sides = default_input_shape(name)
    with torch.device("meta"), ShapesOnly():
        model = build_model(name, in_channels, num_classes, input_size=sides[0]).eval()
        logits = model(torch.zeros(2, in_channels, *sides))
    assert logits.shape == (2, num_classes)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_says_what_it_is_where_it_comes_from_and_how_to_train_it(name, tmp_path):
    heart = write_heart(tmp_path / "heart.csv")
    declared = MODELS.declared[name]
    assert declared.summary.endswith(".")
    assert declared.facts["source"]
    assert declared.facts["input_size"] > 0
    data = {} if name in CLASSIFIERS else {"data": str(heart), "target": "age"}
    make_config({"model": name} | data)  # raises for a recipe with a setting that cannot be


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("softmax", 784 * 10 + 10),
        ("mlp", 784 * 256 + 256 + 256 * 10 + 10),
        ("mlp_dropout", 269_322),
        ("lenet", 61_706),  # the count that everybody has for LeNet-5 with 28x28 images
        ("lenet_bn", 44_878),
        ("convnet", 300_426),
        ("alexnet", 46_764_746),
        ("vgg11", 128_806_154),
        ("nin", 1_992_166),
        ("googlenet", 5_977_530),
        ("resnet18", 11_178_378),
        ("densenet", 758_226),
    ],
)
def test_parameters_are_as_many_as_in_the_notes(name, params):
    assert sum(p.numel() for p in shapes_only(name).parameters()) == params


def test_trashnet_has_as_many_parameters_as_in_note_001_with_three_channels():
    assert sum(p.numel() for p in shapes_only("trashnet", in_channels=3).parameters()) == 133_514
