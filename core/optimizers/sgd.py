"""Stochastic gradient descent, the optimizer of most of the notes."""

from collections.abc import Iterable

from torch import nn, optim

from core.optimizers import OPTIMIZERS


@OPTIMIZERS.register(lr=0.1)
def sgd(
    params: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
) -> optim.Optimizer:
    """Stochastic gradient descent, with momentum and weight decay if they are set."""
    return optim.SGD(params, lr, momentum, weight_decay=weight_decay, fused=True)
