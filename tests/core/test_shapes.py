"""Each shape rule against the operation itself, on real tensors."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import shapes
from core.shapes import ShapesOnly

X = (2, 4, 9, 12)  # not square: swapped height and width must fail

OPERATIONS: dict[str, Callable[[Tensor], object]] = {
    "conv": lambda x: F.conv2d(x, x.new_zeros(6, 4, 3, 2), stride=(2, 3), padding=(1, 0)),
    "grouped dilated conv": lambda x: F.conv2d(x, x.new_zeros(6, 2, 3, 3), groups=2, dilation=2),
    "conv1d": lambda x: F.conv1d(x[:, :, 0], x.new_zeros(6, 4, 3)),
    "transposed conv": lambda x: F.conv_transpose2d(x, x.new_zeros(4, 6, 3, 3), stride=2),
    "max pool": lambda x: F.max_pool2d(x, (2, 3)),
    "max pool with indices": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
    "dilated max pool": lambda x: F.max_pool2d(x, 3, 1, dilation=2),
    "max pool in ceil mode": lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True),
    "average pool": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
    "adaptive pool": lambda x: F.adaptive_avg_pool2d(x, (3, 5)),
    "global pool": lambda x: F.adaptive_avg_pool2d(x, 1),
    "batch norm": lambda x: F.batch_norm(x, x.new_zeros(4), x.new_ones(4)),
    "batch norm in training": lambda x: F.batch_norm(x, None, None, training=True),
    "layer norm": lambda x: F.layer_norm(x, (12,)),
    "linear": lambda x: F.linear(x, x.new_zeros(5, 12), x.new_zeros(5)),
    "linear of flat images": lambda x: F.linear(x.flatten(1), x.new_zeros(5, 432), x.new_zeros(5)),
    "matrix product": lambda x: x[0, 0] @ x.new_zeros(12, 7),
    "batched product": lambda x: x[0] @ x[1].transpose(1, 2),
    "relu": F.relu,
    "relu in place": lambda x: F.relu_(x),
    "gelu": F.gelu,
    "softmax": lambda x: x.softmax(1),
    "sum that broadcasts": lambda x: x + x.new_zeros(12),
    "sum in place": lambda x: x.add_(1),
    "sum of two types": lambda x: x + x.double(),
    "product by a number": lambda x: 2 * x,
    "comparison": lambda x: x > 0,
    "cat": lambda x: torch.cat([x, x[:, :1]], 1),
    "cat from the end": lambda x: torch.cat([x, x], -1),
    "mean over sides": lambda x: x.mean((2, 3)),
    "mean that keeps sides": lambda x: x.mean((-1, -2), keepdim=True),
    "mean of everything": lambda x: x.mean(),
    "dropout": lambda x: F.dropout(x),
    "padding": lambda x: F.pad(x, (1, 2)),
    "normal": lambda x: nn.init.normal_(x),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_rules_give_the_shape_and_type_of_the_real_result(name):
    operation = OPERATIONS[name]
    real = list(shapes.tensors_in(operation(torch.zeros(X))))
    with ShapesOnly():
        found = list(shapes.tensors_in(operation(torch.zeros(X, device="meta"))))
    assert [(t.shape, t.dtype) for t in found] == [(t.shape, t.dtype) for t in real]
    assert all(t.is_meta for t in found)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: F.conv2d(x, x.new_zeros(6, 3, 3, 3)),  # three channels for four
        lambda x: F.conv2d(x, x.new_zeros(6, 4, 10, 10)),  # a filter larger than the image
        lambda x: F.max_pool2d(x, 20),
        lambda x: F.linear(x, x.new_zeros(5, 11)),
        lambda x: x + x.new_zeros(5),
        lambda x: torch.cat([x, x[:, :, :1]], 1),
        lambda x: F.batch_norm(x, x.new_zeros(3), x.new_ones(3)),
    ],
)
def test_what_cannot_be_stays_an_error(operation):
    with ShapesOnly(), pytest.raises((RuntimeError, IndexError)):
        operation(torch.zeros(X, device="meta"))


def test_real_tensors_are_computed_as_usual():
    with ShapesOnly():
        assert F.relu(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]


def test_a_deep_network_needs_none_of_the_modules_that_take_torch_so_long():
    code = """
import sys, torch
from torch import nn
from core.shapes import ShapesOnly
with torch.device("meta"), ShapesOnly():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(392, 50), nn.Dropout(), nn.Linear(50, 10),
    )
    nn.init.normal_(net[0].weight)
    net.eval()(torch.zeros(2, 3, 64, 64))
print({"sympy", "torch._dynamo"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
