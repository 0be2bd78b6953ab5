import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet34

from core.errors import ConfigError
from core.models import MODELS


class ResidualOfTheNotes(nn.Module):
    def __init__(self, in_channels, out_channels, use_1x1conv=False, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, stride=stride)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1)
        if use_1x1conv:
            self.conv3 = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride)
        else:
            self.conv3 = None
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.conv3:
            x = self.conv3(x)
        return F.relu(y + x)


def resnet_of_note_003() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        ResidualOfTheNotes(64, 64),
        ResidualOfTheNotes(64, 64),
    ]
    for channels in (64, 128, 256):
        layers += [
            ResidualOfTheNotes(channels, 2 * channels, use_1x1conv=True, stride=2),
            ResidualOfTheNotes(2 * channels, 2 * channels),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def test_weights_of_the_notes_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    theirs = resnet_of_note_003()
    ours = MODELS["resnet18"](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 40, 56)  # not square: swapped height and width must fail
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_children_have_the_shapes_that_note_003_prints():
    with torch.device("meta"):
        x = torch.zeros(1, 1, 224, 224)
        shapes = []
        for child in MODELS["resnet18"](1, 10).eval().children():
            x = child(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (64, 112, 112), (64, 112, 112), (64, 112, 112), (64, 56, 56),
        (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7), (512, 1, 1), (10,),
    ]  # fmt: skip


def test_the_deeper_network_has_the_convolutions_of_torchvisions_in_another_order():
    with torch.device("meta"):
        ours = MODELS["resnet34"](in_channels=3, num_classes=1000)
        theirs = resnet34()
    shapes = [
        sorted(tuple(p.shape) for p in model.parameters() if p.dim() > 1)
        for model in (ours, theirs)
    ]
    assert shapes[0] == shapes[1]
    convolutions = [m for m in ours.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 1 + 2 * 16 + 3  # the last three are on shortcuts
    # As in the note: biases, and no batch normalisation on the three shortcuts.
    biases = sum(m.out_channels for m in convolutions)
    on_shortcuts = 2 * (128 + 256 + 512)
    count = {m: sum(p.numel() for p in m.parameters()) for m in (ours, theirs)}
    assert count[ours] == count[theirs] + biases - on_shortcuts


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_the_stem_for_cifar_keeps_the_size_of_small_images(name):
    with torch.device("meta"):
        x = torch.zeros(1, 3, 32, 32)
        shapes = {}
        for child, module in MODELS[name](3, 10, stem="cifar").eval().named_children():
            x = module(x)
            shapes[child] = tuple(x.shape[1:])
    assert shapes == {
        "conv": (64, 32, 32), "bn": (64, 32, 32), "relu": (64, 32, 32),
        "block1": (64, 32, 32), "block2": (128, 16, 16), "block3": (256, 8, 8),
        "block4": (512, 4, 4), "global_pool": (512, 1, 1), "fc": (10,),
    }  # fmt: skip


def test_a_stem_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="resnet18 has no stem called 'flower'") as caught:
        MODELS["resnet18"](3, 10, stem="flower")
    assert caught.value.fix == "Choose imagenet or cifar."
