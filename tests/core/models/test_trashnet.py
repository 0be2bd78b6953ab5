import torch
from test_resnet import ResidualOfTheNotes
from torch import Tensor, nn
from torch.nn import functional as F

from core.models import MODELS


class TrashNetOfNote001(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, stride=1, padding=1)
        self.bn1 = nn.BatchNorm2d(32)
        self.mp = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.res1 = ResidualOfTheNotes(32, 64, True, stride=2)
        self.res2 = ResidualOfTheNotes(64, 64)
        self.ap = nn.AdaptiveAvgPool2d((1, 1))
        self.linarg = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mp(F.relu(self.bn1(self.conv1(x))))
        x = self.ap(self.res2(self.res1(x)))
        return self.linarg(x.view(-1, 64))


def test_weights_of_the_note_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    theirs = TrashNetOfNote001()
    ours = MODELS["trashnet"](in_channels=3, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 3, 32, 36)  # not square: swapped height and width must fail
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_only_the_first_residual_unit_halves_the_sides():
    with torch.device("meta"):
        x = torch.zeros(1, 3, 32, 32)
        shapes = {}
        for name, child in MODELS["trashnet"](3, 10).eval().named_children():
            x = child(x)
            shapes[name] = tuple(x.shape[1:])
    assert shapes == {
        "conv": (32, 32, 32), "bn": (32, 32, 32), "relu": (32, 32, 32), "pool": (32, 32, 32),
        "residual1": (64, 16, 16), "residual2": (64, 16, 16),
        "global_pool": (64, 1, 1), "flatten": (64,), "fc": (10,),
    }  # fmt: skip
