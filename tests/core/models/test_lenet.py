import pytest
import torch
from torch import nn

from core.errors import ConfigError
from core.models import MODELS


def lenet_of_note_000() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


def lenet_of_note_003() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "of_the_notes"), [("lenet", lenet_of_note_000), ("lenet_bn", lenet_of_note_003)]
)
def test_weights_of_the_notes_carry_over_and_give_the_same_logits(name, of_the_notes):
    torch.manual_seed(0)
    theirs = of_the_notes()
    ours = MODELS[name](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["lenet", "lenet_bn"])
@pytest.mark.parametrize("side", [16, 17, 28, 29, 30, 31, 32, 64])
def test_images_of_other_sizes_fit(name, side):
    with torch.device("meta"):
        logits = MODELS[name](3, 10, input_size=side).eval()(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 10)


@pytest.mark.parametrize(("name", "smallest"), [("lenet", 12), ("lenet_bn", 16)])
def test_images_too_small_are_refused_with_the_smallest_that_fit(name, smallest):
    MODELS[name](1, 10, input_size=smallest)(torch.zeros(2, 1, smallest, smallest))
    with pytest.raises(ConfigError) as caught:
        MODELS[name](1, 10, input_size=smallest - 1)
    assert f"{smallest - 1}x{smallest - 1}" in caught.value.problem
    assert f"at least {smallest}" in caught.value.fix
