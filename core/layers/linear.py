"""The linear layer: note 000, section 2.1 (regression) and 3.2 (perceptron)."""

import math

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """x W^T + b: (..., I) -> (..., O)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = uniform_parameter((out_features, in_features), inputs=in_features)
        self.bias = uniform_parameter((out_features,), inputs=in_features)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias  # (..., I) @ (I, O) + (O,) -> (..., O)


def uniform_parameter(shape: tuple[int, ...], inputs: int) -> nn.Parameter:
    """Uniform within 1/sqrt(inputs), as torch.nn begins both weights and biases."""
    bound = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
