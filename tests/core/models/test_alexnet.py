import torch
from torch import nn

from core.models import MODELS


def alexnet_of_note_000(flat: int = 6400, hidden: int = 4096) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Flatten(),
        nn.Linear(flat, hidden), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(hidden, 10),
    )  # fmt: skip


def test_weights_of_the_note_carry_over_and_give_the_same_logits():
    torch.manual_seed(0)
    side = 104  # 24, 11, 5, 2 after the first convolution and the poolings
    theirs = alexnet_of_note_000(flat=256 * 2 * 2, hidden=32)
    ours = MODELS["alexnet"](in_channels=1, num_classes=10, input_size=side, hidden=32)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 1, side, side)
    logits = []
    for model in (ours, theirs):
        torch.manual_seed(1)  # drops the same units
        logits.append(torch.stack([model.train()(images), model.eval()(images)]))
    torch.testing.assert_close(*logits, rtol=0, atol=0)


def test_children_have_the_shapes_that_note_000_prints():
    with torch.device("meta"):
        x = torch.zeros(1, 1, 224, 224)
        shapes = []
        kinds = []
        for child in MODELS["alexnet"](1, 10).eval().children():
            x = child(x)
            shapes.append(tuple(x.shape[1:]))
            kinds.append(type(child).__name__)
    assert kinds == [type(child).__name__ for child in alexnet_of_note_000()]
    assert shapes == [
        (96, 54, 54), (96, 54, 54), (96, 26, 26),
        (256, 26, 26), (256, 26, 26), (256, 12, 12),
        (384, 12, 12), (384, 12, 12), (384, 12, 12), (384, 12, 12), (256, 12, 12), (256, 12, 12),
        (256, 5, 5), (6400,),
        (4096,), (4096,), (4096,), (4096,), (4096,), (4096,), (10,),
    ]  # fmt: skip
