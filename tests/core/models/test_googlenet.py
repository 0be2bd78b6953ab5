import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models import MODELS
from core.models.googlenet import Inception


class InceptionOfNote000(nn.Module):
    def __init__(self, in_channels, c1, c2, c3, c4):
        super().__init__()
        self.p1_1 = nn.Conv2d(in_channels, c1, kernel_size=1)
        self.p2_1 = nn.Conv2d(in_channels, c2[0], kernel_size=1)
        self.p2_2 = nn.Conv2d(c2[0], c2[1], kernel_size=3, padding=1)
        self.p3_1 = nn.Conv2d(in_channels, c3[0], kernel_size=1)
        self.p3_2 = nn.Conv2d(c3[0], c3[1], kernel_size=5, padding=2)
        self.p4_1 = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.p4_2 = nn.Conv2d(in_channels, c4, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        p1 = F.relu(self.p1_1(x))
        p2 = F.relu(self.p2_2(F.relu(self.p2_1(x))))
        p3 = F.relu(self.p3_2(F.relu(self.p3_1(x))))
        p4 = F.relu(self.p4_2(self.p4_1(x)))
        return torch.cat((p1, p2, p3, p4), dim=1)


def googlenet_of_note_000() -> nn.Sequential:
    block = InceptionOfNote000

    def pool() -> nn.Module:
        return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)

    return nn.Sequential(
        nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3), nn.ReLU(), pool(),
        nn.Conv2d(64, 64, kernel_size=1), nn.ReLU(),
        nn.Conv2d(64, 192, kernel_size=3, padding=1), nn.ReLU(), pool(),
        block(192, 64, (96, 128), (16, 32), 32),
        block(256, 128, (128, 192), (32, 96), 64), pool(),
        block(480, 192, (96, 208), (16, 48), 64),
        block(512, 160, (112, 224), (24, 64), 64),
        block(512, 128, (128, 256), (24, 64), 64),
        block(512, 112, (144, 288), (32, 64), 64),
        block(528, 256, (160, 320), (32, 128), 128), pool(),
        block(832, 256, (160, 320), (32, 128), 128),
        block(832, 384, (192, 384), (48, 128), 128), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
        nn.Linear(1024, 10),
    )  # fmt: skip


def test_weights_of_the_note_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    theirs = googlenet_of_note_000()
    ours = MODELS["googlenet"](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 40, 56)  # not square: swapped height and width must fail
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_an_inception_block_stacks_what_its_four_paths_see():
    block = Inception(3, 2, (4, 5), (1, 7), 11)
    image = torch.zeros(1, 3, 9, 9, requires_grad=True)
    maps = block(image)
    assert maps.shape == (1, 2 + 5 + 7 + 11, 9, 9)
    with torch.no_grad():
        for p in block.parameters():
            p.fill_(1.0)  # so that nothing is rectified away
    seen = {}
    for path, channel in {"path1": 0, "path2": 2, "path3": 7}.items():
        (gradient,) = torch.autograd.grad(block(image)[0, channel, 4, 4], image)
        seen[path] = int((gradient[0, 0] != 0).sum())
    assert seen == {"path1": 1, "path2": 3 * 3, "path3": 5 * 5}


def test_children_have_the_shapes_of_the_notes_book_at_96_pixels():
    with torch.device("meta"):
        x = torch.zeros(1, 1, 96, 96)
        shapes = {}
        for name, child in MODELS["googlenet"](1, 10).eval().named_children():
            x = child(x)
            shapes[name] = tuple(x.shape[1:])
    assert shapes["conv1"] == (64, 48, 48)
    assert shapes["pool1"] == (64, 24, 24)
    assert shapes["pool2"] == (192, 12, 12)
    assert shapes["pool3"] == (480, 6, 6)
    assert shapes["pool4"] == (832, 3, 3)
    inside = {name: shape for name, shape in shapes.items() if name.startswith("inception")}
    assert inside == {
        "inception3a": (256, 12, 12), "inception3b": (480, 12, 12),
        "inception4a": (512, 6, 6), "inception4b": (512, 6, 6), "inception4c": (512, 6, 6),
        "inception4d": (528, 6, 6), "inception4e": (832, 6, 6),
        "inception5a": (832, 3, 3), "inception5b": (1024, 3, 3),
    }  # fmt: skip
    assert list(shapes.items())[-3:] == [
        ("global_pool", (1024, 1, 1)), ("flatten", (1024,)), ("fc", (10,)),
    ]  # fmt: skip


@pytest.mark.parametrize("side", [1, 17, 224])
def test_images_of_any_size_fit(side):
    with torch.device("meta"):
        logits = MODELS["googlenet"](3, 7).eval()(torch.zeros(2, 3, side, side))
    assert logits.shape == (2, 7)
