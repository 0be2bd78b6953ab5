import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models

from core.errors import ConfigError
from core.models import MODELS

NAMES = ["vgg11", "vgg13", "vgg16", "vgg19"]


def vgg_of_note_000(conv_arch: list[tuple[int, int]], side: int, hidden: int) -> nn.Sequential:
    def vgg_block(num_convs: int, in_channels: int, out_channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(num_convs):
            layers += [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1), nn.ReLU()]
            in_channels = out_channels
        return nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2, stride=2))

    blocks, in_channels = [], 1
    for num_convs, out_channels in conv_arch:
        blocks.append(vgg_block(num_convs, in_channels, out_channels))
        in_channels = out_channels
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        nn.Linear(in_channels * side * side, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(hidden, 10),
    )  # fmt: skip


def test_weights_of_the_note_carry_over_to_a_thin_network_and_give_the_same_logits():
    torch.manual_seed(0)
    conv_arch = [(1, 64 // 4), (1, 128 // 4), (2, 256 // 4), (2, 512 // 4), (2, 512 // 4)]
    theirs = vgg_of_note_000(conv_arch, side=2, hidden=32)
    ours = MODELS["vgg11"](in_channels=1, num_classes=10, input_size=64, width=0.25, hidden=32)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 64, 64)
    logits = []
    for model in (ours, theirs):
        torch.manual_seed(1)  # drops the same units
        logits.append(torch.stack([model.train()(images), model.eval()(images)]))
    torch.testing.assert_close(*logits, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_halve_the_sides_from_224_down_to_7(name):
    with torch.device("meta"):
        x = torch.zeros(1, 1, 224, 224)
        shapes = {}
        for child, module in MODELS[name](1, 10).eval().named_children():
            x = module(x)
            shapes[child] = tuple(x.shape[1:])
    assert shapes == {
        "block1": (64, 112, 112), "block2": (128, 56, 56), "block3": (256, 28, 28),
        "block4": (512, 14, 14), "block5": (512, 7, 7), "flatten": (25_088,),
        "fc1": (4096,), "relu1": (4096,), "dropout1": (4096,),
        "fc2": (4096,), "relu2": (4096,), "dropout2": (4096,), "fc3": (10,),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_for_imagenet_every_tensor_has_the_shape_of_torchvisions(name):
    with torch.device("meta"):
        ours = MODELS[name](in_channels=3, num_classes=1000)
        theirs = getattr(torchvision_models, name)()
    shapes = [[p.shape for p in model.parameters()] for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    # Table 2 of the paper: 133, 133, 138 and 144 million.
    millions = {"vgg11": 133, "vgg13": 133, "vgg16": 138, "vgg19": 144}[name]
    assert round(sum(p.numel() for p in ours.parameters()) / 1e6) == millions


def test_the_thin_network_has_a_quarter_of_the_channels_and_all_hidden_units():
    with torch.device("meta"):
        model = MODELS["vgg11"](1, 10, width=0.25)
    assert [p.shape[0] for n, p in model.named_parameters() if n.endswith("weight")] == [
        16, 32, 64, 64, 128, 128, 128, 128, 4096, 4096, 10,
    ]  # fmt: skip


@pytest.mark.parametrize("width", [0, -1, 5, float("nan"), float("inf")])
def test_a_width_that_cannot_be_is_refused(width):
    with pytest.raises(ConfigError, match=f"vgg16 cannot be {width} times as wide"):
        MODELS["vgg16"](1, 10, width=width)


def test_a_block_keeps_at_least_one_channel():
    with torch.device("meta"):
        assert MODELS["vgg11"](1, 10, width=0.001).block1.conv1.weight.shape == (1, 1, 3, 3)
