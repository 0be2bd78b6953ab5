"""Lazy initialisation: layers that learn their input's size from the first batch (note 000, 4.2.4).

python docs/examples/lazy_initialisation.py
nnlab train docs/examples/lazy_initialisation.py:lazy_net
"""

import torch
from torch import nn


def lazy_net(in_channels: int, num_classes: int, *, input_size: int = 28) -> nn.Module:
    """A convolution and two linear layers, none of which says what comes in."""
    net = nn.Sequential(
        nn.LazyConv2d(8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(64),  # 8 * 12 * 12 for 28x28, and nobody had to work it out
        nn.ReLU(),
        nn.Linear(64, num_classes),
    )
    # Before the first batch there is nothing to give to an optimizer: one black image settles it.
    net(torch.zeros(1, in_channels, input_size, input_size))
    return net


def main() -> None:
    net = nn.Sequential(nn.LazyLinear(256), nn.ReLU(), nn.LazyLinear(10))
    print(f"before: {net[0].weight!r}")
    print(f"output: {tuple(net(torch.rand(5, 20)).shape)}")
    print(f"after: {tuple(net[0].weight.shape)} and {tuple(net[2].weight.shape)}")
    try:
        net(torch.rand(5, 21))
    except RuntimeError:
        print("it stays at 20 inputs: 21 are an error now")
    print(f"lazy_net for 32x32 in colour: {tuple(lazy_net(3, 10, input_size=32)[4].weight.shape)}")


if __name__ == "__main__":
    main()
