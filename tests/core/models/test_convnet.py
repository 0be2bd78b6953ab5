import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.models import MODELS


class ConvNetOfNote004(nn.Module):
    def __init__(self):
        super().__init__()
        self.cn1 = nn.Conv2d(1, 16, 3, 1)
        self.cn2 = nn.Conv2d(16, 32, 3, 1)
        self.dp1 = nn.Dropout2d(0.10)
        self.dp2 = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(4608, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.cn2(F.relu(self.cn1(x))))
        x = self.dp1(F.max_pool2d(x, 2))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return F.log_softmax(self.fc2(self.dp2(x)), dim=1)


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize("training", [False, True])
def test_weights_of_the_note_carry_over_and_give_the_same_loss(training):
    torch.manual_seed(0)
    theirs = ConvNetOfNote004().train(training)
    ours = MODELS["convnet"](in_channels=1, num_classes=10).train(training)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images, labels = torch.rand(4, 1, 28, 28), torch.tensor([3, 1, 4, 1])
    torch.manual_seed(1)  # drops the same feature maps and units
    expected = F.nll_loss(theirs(images), labels)
    torch.manual_seed(1)
    torch.testing.assert_close(F.cross_entropy(ours(images), labels), expected, rtol=0, atol=0)


def test_the_first_dropout_leaves_out_whole_feature_maps():
    torch.manual_seed(0)
    model = MODELS["convnet"](in_channels=1, num_classes=10, dropout1=0.5)
    maps = model.dropout1(torch.ones(8, 32, 12, 12)).flatten(2)
    assert {tuple(m.unique().tolist()) for image in maps for m in image} == {(0.0,), (2.0,)}


def test_children_have_the_shapes_of_the_note():
    with torch.device("meta"):
        x = torch.zeros(1, 1, 28, 28)
        shapes = {}
        for name, child in MODELS["convnet"](1, 10).eval().named_children():
            x = child(x)
            shapes[name] = tuple(x.shape[1:])
    assert shapes["conv1"] == (16, 26, 26)
    assert shapes["conv2"] == (32, 24, 24)
    assert shapes["pool"] == (32, 12, 12)
    assert shapes["flatten"] == (4608,)
    assert shapes["fc1"] == (64,)
    assert shapes["fc2"] == (10,)
