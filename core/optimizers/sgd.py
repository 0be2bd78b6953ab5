"""Stochastic gradient descent, the optimizer of most of the notes."""

from torch import optim
from torch.optim.optimizer import ParamsT

from core.optimizers import OPTIMIZERS


@OPTIMIZERS.register(lr=0.1)
def sgd(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Stochastic gradient descent, with momentum and weight decay if they are set."""
    return optim.SGD(params, lr, momentum, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register(lr=0.1)
def nesterov(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """SGD with Nesterov's momentum, 0.9 unless set (Sutskever et al. 2013)."""
    return optim.SGD(
        params, lr, momentum or 0.9, weight_decay=weight_decay, nesterov=True, fused=True
    )
