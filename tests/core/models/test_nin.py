import torch
from torch import nn

from core.models import MODELS


def nin_of_note_000() -> nn.Sequential:
    def nin_block(i: int, o: int, kernel_size: int, strides: int, padding: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(i, o, kernel_size, strides, padding), nn.ReLU(),
            nn.Conv2d(o, o, kernel_size=1), nn.ReLU(),
            nn.Conv2d(o, o, kernel_size=1), nn.ReLU(),
        )  # fmt: skip

    return nn.Sequential(
        nin_block(1, 96, kernel_size=11, strides=4, padding=0), nn.MaxPool2d(3, stride=2),
        nin_block(96, 256, kernel_size=5, strides=1, padding=2), nn.MaxPool2d(3, stride=2),
        nin_block(256, 384, kernel_size=3, strides=1, padding=1), nn.MaxPool2d(3, stride=2),
        nn.Dropout(0.5),
        nin_block(384, 10, kernel_size=3, strides=1, padding=1),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )  # fmt: skip


def test_weights_of_the_note_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    theirs = nin_of_note_000()
    ours = MODELS["nin"](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, 100, 120)  # not square: swapped height and width must fail
    logits = []
    for model in (ours, theirs):
        torch.manual_seed(1)  # drops the same units
        logits.append(torch.stack([model.train()(images), model.eval()(images)]))
    torch.testing.assert_close(*logits, rtol=0, atol=0)
    assert logits[0].min() >= 0  # rectified, as the note has it


def test_children_have_the_sides_of_alexnet():
    with torch.device("meta"):
        x = torch.zeros(1, 1, 224, 224)
        shapes = []
        for child in MODELS["nin"](1, 10).eval().children():
            x = child(x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (96, 54, 54), (96, 26, 26), (256, 26, 26), (256, 12, 12), (384, 12, 12), (384, 5, 5),
        (384, 5, 5), (10, 5, 5), (10, 1, 1), (10,),
    ]  # fmt: skip
