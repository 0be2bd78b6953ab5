"""Parameter sharing: one layer used twice (note 000, section 4.2.3).

python docs/examples/parameter_sharing.py
nnlab train docs/examples/parameter_sharing.py:SharedNet
"""

import torch
from torch import Tensor, nn


class SharedNet(nn.Module):
    """A perceptron whose second and third hidden layers are the same layer."""

    def __init__(self, in_channels: int, num_classes: int, *, input_size: int = 28) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_channels * input_size**2, 64)
        self.shared = nn.Linear(64, 64)
        self.output = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.hidden(x.flatten(1)).relu()
        x = self.shared(x).relu()
        x = self.shared(x).relu()  # once more: no parameters of its own
        return self.output(x)


def main() -> None:
    torch.manual_seed(0)
    net = SharedNet(1, 10)
    total = sum(p.numel() for p in net.parameters())
    print(f"{total:,} parameters: the shared 64x64 layer counts once")

    # Two names for one tensor: what changes one changes the other.
    shared = nn.Linear(8, 8)
    tower = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU())
    with torch.no_grad():
        tower[2].weight[0, 0] = 100
    print(f"the same object: {tower[2].weight is tower[4].weight}, {tower[4].weight[0, 0]:.0f}")

    # Its gradient is the sum of what both uses would have got alone.
    x = torch.randn(3, 8, dtype=torch.float64)
    once, again = (nn.Linear(8, 8).double() for _ in range(2))
    again.load_state_dict(once.state_dict())
    again(once(x)).sum().backward()
    separate = once.weight.grad + again.weight.grad
    once.zero_grad()
    once(once(x)).sum().backward()
    print(f"gradients add up: {torch.allclose(once.weight.grad, separate)}")


if __name__ == "__main__":
    main()
