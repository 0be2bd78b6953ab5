"""Dropout: note 000, section 3.4.2; Srivastava et al., JMLR 15, 2014, with the scaling of their
section 10, which leaves nothing to do in evaluation.
"""

import torch
from torch import Tensor, nn


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each element with probability `p`, 0 <= p <= 1, and scale the others by 1 / (1 - p).

    The random numbers are drawn as torch.nn's CPU kernel does: with the same seed a network and its
    twin drop the same units. Its CUDA kernel draws in another order, so there they differ.
    """
    if p == 0:
        return x
    if p == 1:
        return x * 0
    return x * (torch.empty_like(x).bernoulli_(1 - p) / (1 - p))


class Dropout(nn.Module):
    """Dropout in training, nothing in evaluation."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training else x
