"""The networks from scratch against their twins of torch.nn."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import ConfigError
from core.initializers import INITIALIZERS, initialize
from core.layers.loss import cross_entropy, squared_loss
from core.models import MODELS
from core.models.linear import linear, linear_scratch
from core.optimizers import OPTIMIZERS

Loss = Callable[[Tensor, Tensor], Tensor]
SCRATCH = [name for name in MODELS if name.endswith("_scratch")]
CLASSIFIERS = [name for name in SCRATCH if not MODELS.declared[name].facts.get("numbers")]


def twins(name: str, **options: int) -> list[nn.Module]:
    """The network called `name` and its twin, each built with the same seed."""
    networks = []
    for builder in (MODELS[name], MODELS[name.removesuffix("_scratch")]):
        torch.manual_seed(0)
        networks.append(builder(in_channels=1, num_classes=10, **options))
    return networks


def images_and_labels(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(10, (count,), generator=generator)
    images = torch.rand(count, 1, 28, 28, generator=generator) / 2
    images[torch.arange(count), 0, 2 * labels + 2] += 0.5  # a row that says the label
    return images, labels


@pytest.mark.parametrize("name", SCRATCH)
def test_twins_have_the_same_layers_names_shapes_and_recipes(name):
    ours, theirs = twins(name)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [(n, t.shape, t.dtype) for n, t in ours.state_dict().items()] == [
        (n, t.shape, t.dtype) for n, t in theirs.state_dict().items()
    ]
    facts, twin_facts = (MODELS.declared[m].facts for m in (name, name.removesuffix("_scratch")))
    assert (facts["recipe"], facts["input_size"]) == (
        twin_facts["recipe"],
        twin_facts["input_size"],
    )


@pytest.mark.parametrize("name", SCRATCH)
def test_twins_have_the_same_options_with_the_same_defaults(name):
    ours, theirs = (inspect.signature(MODELS[m]) for m in (name, name.removesuffix("_scratch")))
    assert ours.parameters == theirs.parameters


@pytest.mark.parametrize("name", SCRATCH)
def test_a_network_from_scratch_has_no_layer_of_torch(name):
    ours, _ = twins(name)
    kinds = {type(m) for m in ours.modules()} - {nn.Sequential}
    assert all(kind.__module__.startswith("core.layers.") for kind in kinds)


@pytest.mark.parametrize("initializer", list(INITIALIZERS))
@pytest.mark.parametrize("name", SCRATCH)
def test_the_same_seed_gives_twins_the_same_weights(name, initializer):
    networks = twins(name)
    for network in networks:
        torch.manual_seed(2)
        initialize(network, initializer)
    torch.testing.assert_close(*(n.state_dict() for n in networks))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_weights_carry_over_both_ways_and_give_the_same_logits(name):
    ours, theirs = twins(name)
    images, _ = images_and_labels(4)
    initialize(theirs, "normal", {"std": 0.2})
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))
    initialize(ours, "normal", {"std": 0.2})
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(images), theirs(images))


def train_20_steps(
    network: nn.Module, loss_of: Loss, optimizer: str, lr: float, initializer: str
) -> list[float]:
    """The loss of each step."""
    torch.manual_seed(3)  # weights, and then dropout
    initialize(network, initializer)
    step = OPTIMIZERS[optimizer](network.parameters(), lr, 0.0, 0.0)
    images, labels = images_and_labels(256)
    losses = []
    for i in range(20):
        batch = slice(i % 4 * 64, (i % 4 + 1) * 64)
        loss = loss_of(network(images[batch]), labels[batch])
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_training_with_the_recipe_gives_twins_the_same_loss_at_every_step(name):
    # From scratch from the layers and the loss to the optimizer.
    ours, theirs = twins(name)
    recipe = MODELS.declared[name].facts["recipe"]
    algorithm, lr = recipe["optimizer"], recipe["lr"]
    begin = recipe.get("initializer", "default")
    losses = train_20_steps(ours, cross_entropy, f"{algorithm}_scratch", lr, begin)
    expected = train_20_steps(theirs, F.cross_entropy, algorithm, lr, begin)
    assert losses == pytest.approx(expected, rel=0, abs=1e-5)
    assert abs(losses[-1] - losses[0]) > 1e-3


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_training_with_sgd_gives_twins_the_same_weights_and_running_statistics(name):
    # Not so with Adam: the gradient of a bias before a batch normalisation is nothing but rounding
    # (the mean takes the bias out again), and Adam makes of the smallest gradient a whole step.
    ours, theirs = twins(name)
    losses = train_20_steps(ours, cross_entropy, "sgd_scratch", 0.1, "default")
    expected = train_20_steps(theirs, F.cross_entropy, "sgd", 0.1, "default")
    assert losses == pytest.approx(expected, rel=0, abs=1e-5)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "smallest"), [("lenet_scratch", 12), ("lenet_bn_scratch", 16)])
def test_images_too_small_are_refused_with_the_smallest_that_fit(name, smallest):
    assert (
        twins(name, input_size=smallest)[0](torch.zeros(2, 1, smallest, smallest)).isfinite().all()
    )
    with pytest.raises(ConfigError, match=f"{name} cannot take images of {smallest - 1}x"):
        twins(name, input_size=smallest - 1)


def test_linear_regression_and_its_twin_are_the_same():
    torch.manual_seed(0)
    ours, theirs = linear_scratch(3), linear(3)
    ours.load_state_dict(theirs.state_dict())
    features, targets = torch.randn(5, 3), torch.randn(5, 1)
    torch.testing.assert_close(ours(features), theirs(features))
    assert ours(features).shape == (5, 1)
    torch.testing.assert_close(
        squared_loss(ours(features), targets), nn.MSELoss()(theirs(features), targets) / 2
    )
