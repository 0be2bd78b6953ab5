"""Multiply-adds against torch's own counter, receptive fields against arithmetic."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from core.cost import Field, field_of_windows, multiply_adds, receptive_field
from core.layers.conv import Conv2d
from core.layers.pool import AvgPool2d
from core.shapes import ShapesOnly, run


class Counter(ShapesOnly):
    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.fields: dict[int, tuple[torch.Tensor, Field]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = run(func, args, kwargs or {})
        first = result[0] if isinstance(result, tuple) else result
        self.macs += multiply_adds(func, args, first)
        if field := receptive_field(func, args, first, self.seen):
            self.fields[id(first)] = (first, field)
        return result

    def seen(self, tensor: torch.Tensor) -> Field | None:
        held = self.fields.get(id(tensor))
        return held[1] if held else None


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: F.linear(x, x.new_zeros(5, 12), x.new_zeros(5)),
        lambda x: F.linear(x.flatten(1), x.new_zeros(5, 432), x.new_zeros(5)),
        lambda x: x @ x.transpose(2, 3),
        lambda x: torch.baddbmm(x[0], x[0], x.new_zeros(4, 12, 12)),
        lambda x: F.conv2d(x, x.new_zeros(6, 4, 3, 2), stride=(2, 3)),
        lambda x: F.conv2d(x, x.new_zeros(8, 1, 3, 3), groups=4),
        lambda x: F.conv_transpose2d(x, x.new_zeros(4, 6, 3, 3), stride=2),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: torch.einsum("bchw,bdhw->bcd", x, x),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_multiply_adds_are_half_of_what_torch_calls_flops(operation, device):
    x = torch.zeros(2, 4, 9, 12, device=device)
    with Counter() as counter:
        operation(x)
    with FlopCounterMode(display=False) as torchs:
        operation(x)
    assert counter.macs == torchs.get_total_flops() / 2 > 0


@pytest.mark.parametrize(
    ("layers", "sizes"),
    [
        ([nn.Conv2d(1, 1, 5)], (5, 5)),
        ([nn.Conv2d(1, 1, (1, 7)), nn.Conv2d(1, 1, (7, 1))], (7, 7)),
        ([nn.Conv2d(1, 1, 3, dilation=2)], (5, 5)),
        ([nn.Conv2d(1, 1, 3, stride=2), nn.ReLU(), nn.Conv2d(1, 1, 3)], (7, 7)),  # 3 + 2 * 2
        ([nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Sigmoid()], (4, 4)),
        ([nn.MaxPool2d(3, stride=1, dilation=2)], (5, 5)),
    ],
)
def test_receptive_fields_grow_with_kernels_strides_and_dilation(layers, sizes):
    x = torch.zeros(1, 1, 32, 32)
    counter = Counter()
    counter.fields[id(x)] = (x, Field())
    with torch.no_grad(), counter:
        y = nn.Sequential(*layers)(x)
    assert counter.seen(y).sizes == sizes


def test_a_branch_with_a_larger_field_decides_and_what_has_seen_everything_has_none():
    x = torch.zeros(1, 1, 32, 32)
    weight = torch.zeros(1, 1, 5, 5)
    counter = Counter()
    counter.fields[id(x)] = (x, Field())
    with counter:
        both = torch.cat([x, F.conv2d(x, weight, padding=2)], 1)
        gated = both * both.mean((2, 3), keepdim=True)
        flat = F.relu(both).flatten(1)
    assert counter.seen(both).sizes == (5, 5)
    assert counter.seen(gated) is None
    assert counter.seen(flat) is None


def test_what_all_images_share_leaves_a_field_as_it_is():
    x = torch.zeros(2, 3, 8, 8)
    counter = Counter()
    counter.fields[id(x)] = (x, Field((5, 5)))
    with counter:
        scaled = x * torch.ones(1, 3, 1, 1)  # a parameter
        centred = x - x.mean((0, 2, 3)).view(1, 3, 1, 1)  # as batch normalisation does
        gated = x * x.mean((2, 3), keepdim=True)  # each image by what all of it holds
    assert counter.seen(scaled).sizes == counter.seen(centred).sizes == (5, 5)
    assert counter.seen(gated) is None


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        (Conv2d(3, 4, 5, padding=2), (9, 9)),
        (Conv2d(3, 4, (1, 3), stride=2), (5, 7)),
        (AvgPool2d(2), (6, 6)),
        (nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), None),  # gives more than its windows
    ],
)
def test_a_layer_made_of_other_operations_is_taken_at_its_word_if_its_sizes_fit(layer, sizes):
    x = torch.zeros(2, 3, 9, 9)
    found = field_of_windows(layer, Field((5, 5)), x, layer(x))
    assert (found and found.sizes) == sizes
