"""Nested blocks: networks made of networks (note 000, sections 4.1 and 4.2.1).

python docs/examples/nested_blocks.py
nnlab summary docs/examples/nested_blocks.py:nested_net --depth 1
"""

import torch
from torch import Tensor, nn


class Chain(nn.Module):
    """What nn.Sequential does: calls its modules one after the other."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)  # registered: their parameters are ours

    def forward(self, x: Tensor) -> Tensor:
        for module in self.children():
            x = module(x)
        return x


def pair(width: int) -> nn.Module:
    """Out to `width` and back to 16, each with a ReLU."""
    return Chain(
        up=nn.Linear(16, width), relu1=nn.ReLU(), down=nn.Linear(width, 16), relu2=nn.ReLU()
    )


def nested_net(in_channels: int, num_classes: int, *, input_size: int = 28) -> nn.Module:
    """Blocks inside a block inside a network."""
    return Chain(
        flatten=nn.Flatten(),
        entry=nn.Linear(in_channels * input_size**2, 16),
        blocks=Chain(**{f"block{i}": pair(8 * i) for i in range(1, 5)}),
        output=nn.Linear(16, num_classes),
    )


def main() -> None:
    net = nested_net(1, 10)
    print(f"children: {[name for name, _ in net.named_children()]}")
    # A parameter is reached by its path, as a name or as attributes.
    path = "blocks.block2.up.weight"
    same = net.get_parameter(path) is net.blocks.block2.up.weight
    print(f"{path}: {tuple(net.get_parameter(path).shape)}, the same as the attribute: {same}")
    sizes = [p.numel() for p in net.parameters()]
    print(f"{len(sizes)} tensors, {sum(sizes):,} numbers")
    print(f"output: {tuple(net(torch.rand(2, 1, 28, 28)).shape)}")


if __name__ == "__main__":
    main()
