"""Custom layers: one without parameters, one with (note 000, section 4.3).

python docs/examples/custom_layer.py
nnlab train docs/examples/custom_layer.py:CentredNet
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Centre(nn.Module):
    """Takes the mean of its features from each example: (B, D) -> (B, D).

    The note's `X - X.mean(axis=1)` works for one example alone: without keepdim, a batch of B means
    is taken from the D features instead, which is an error, or for B = D simply wrong.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(dim=1, keepdim=True)


class Affine(nn.Module):
    """x @ W.T + b from its formula: (B, I) -> (B, O).

    nn.Parameter is what makes a tensor one that optimizers, .to(device) and checkpoints know of.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / in_features**0.5)
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias  # (B, I) @ (I, O) -> (B, O)


class CentredNet(nn.Sequential):
    """A perceptron of these two layers."""

    def __init__(self, in_channels: int, num_classes: int, *, input_size: int = 28) -> None:
        super().__init__(
            nn.Flatten(),
            Centre(),
            Affine(in_channels * input_size**2, 64),
            nn.ReLU(),
            Affine(64, num_classes),
        )


def main() -> None:
    torch.manual_seed(0)
    x = torch.rand(3, 5)
    print(f"means before: {[f'{m:.2f}' for m in x.mean(1).tolist()]}")
    print(f"largest mean after: {Centre()(x).mean(1).abs().max():.0e}")
    layer = Affine(5, 2)
    same = torch.allclose(layer(x), F.linear(x, layer.weight, layer.bias))
    print(f"equal to torch's linear: {same}")
    print(f"parameters: {[name for name, _ in layer.named_parameters()]}")


if __name__ == "__main__":
    main()
