import pytest
import torch
from torch import Tensor, nn

from core.errors import ConfigError
from core.models import MODELS
from core.models.densenet import DenseLayer


class DenseBlockOfNote003(nn.Module):
    def __init__(self, num_convs, in_channels, out_channels):
        super().__init__()
        self.net = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(in_channels + i * out_channels), nn.ReLU(),
                nn.Conv2d(in_channels + i * out_channels, out_channels, 3, padding=1),
            )
            for i in range(num_convs)
        )  # fmt: skip
        self.out_channels = in_channels + num_convs * out_channels

    def forward(self, x: Tensor) -> Tensor:
        for blk in self.net:
            x = torch.cat((x, blk(x)), dim=1)
        return x


def densenet_of_note_003(growth_rate: int = 32) -> nn.Sequential:
    net = nn.Sequential(
        nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3),
        nn.BatchNorm2d(64), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )  # fmt: skip
    num_channels = 64
    for i, num_convs in enumerate([4, 4, 4, 4]):
        block = DenseBlockOfNote003(num_convs, num_channels, growth_rate)
        net.append(block)
        num_channels = block.out_channels
        if i != 3:
            net.append(
                nn.Sequential(
                    nn.BatchNorm2d(num_channels), nn.ReLU(),
                    nn.Conv2d(num_channels, num_channels // 2, kernel_size=1),
                    nn.AvgPool2d(kernel_size=2, stride=2),
                )
            )  # fmt: skip
            num_channels //= 2
    for layer in (nn.BatchNorm2d(num_channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()):
        net.append(layer)
    return net.append(nn.Linear(num_channels, 10))


def test_weights_of_the_note_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    theirs = densenet_of_note_003()
    ours = MODELS["densenet"](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 40, 56)  # not square: swapped height and width must fail
    torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_children_have_the_shapes_of_note_003_at_96_pixels():
    with torch.device("meta"):
        x = y = torch.zeros(1, 1, 96, 96)
        shapes = {}
        model = MODELS["densenet"](1, 10).eval()
        for (name, ours), theirs in zip(
            model.named_children(), densenet_of_note_003().eval(), strict=True
        ):
            x, y = ours(x), theirs(y)
            shapes[name] = tuple(x.shape[1:])
            assert x.shape == y.shape
    assert shapes == {
        "conv": (64, 48, 48), "bn1": (64, 48, 48), "relu1": (64, 48, 48), "pool": (64, 24, 24),
        "dense1": (64 + 4 * 32, 24, 24), "transition1": (96, 12, 12),
        "dense2": (96 + 4 * 32, 12, 12), "transition2": (112, 6, 6),
        "dense3": (112 + 4 * 32, 6, 6), "transition3": (120, 3, 3),
        "dense4": (120 + 4 * 32, 3, 3), "bn2": (248, 3, 3), "relu2": (248, 3, 3),
        "global_pool": (248, 1, 1), "flatten": (248,), "fc": (10,),
    }  # fmt: skip


def test_a_dense_layer_keeps_what_it_was_given_and_appends_its_own():
    torch.manual_seed(0)
    x = torch.rand(4, 3, 8, 8)
    y = DenseLayer(3, growth=10)(x)
    assert y.shape == (4, 13, 8, 8)
    assert torch.equal(y[:, :3], x)


def test_the_growth_rate_is_an_option():
    with torch.device("meta"):
        model = MODELS["densenet"](1, 10, growth=12)
    assert model.dense1.layer4.conv.weight.shape == (12, 64 + 3 * 12, 3, 3)
    channels = 64
    for _ in range(3):
        channels = (channels + 4 * 12) // 2
    assert model.fc.in_features == channels + 4 * 12
    with pytest.raises(ConfigError, match="densenet cannot grow by 0 feature maps"):
        MODELS["densenet"](1, 10, growth=0)
