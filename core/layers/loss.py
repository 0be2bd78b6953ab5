"""Losses, as means over a batch, and penalties on weights.

Note 000, sections 2.1 to 2.4 for the losses, 3.4.1 for the penalties.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from core.layers.softmax import log_softmax


def squared_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean of (y - t)^2 / 2, the half of nn.MSELoss: two tensors of N values -> ().

    (N, 1) against (N,) would broadcast to N x N differences without a word, hence the reshape.
    """
    return ((predicted - target.reshape(predicted.shape)) ** 2 / 2).mean()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of -log softmax(o)[label], in nats: (B, K) and (B,) -> ().

    Its gradient with respect to the logits is (softmax(o) - one-hot label) / B, as section 2.3
    derives. It takes logits, not probabilities as in the note: those may have underflowed to 0.
    """
    chosen = log_softmax(logits)[torch.arange(len(labels), device=labels.device), labels]  # (B,)
    return -chosen.mean()


def l2_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares; its gradient is the weights themselves: weight decay."""
    return torch.stack([(w**2).sum() / 2 for w in weights]).sum()


def l1_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Sum of absolute values; its gradient is the sign of each weight, which drives many to 0."""
    return torch.stack([w.abs().sum() for w in weights]).sum()
