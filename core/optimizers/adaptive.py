"""Adagrad and its two remedies: a step for each parameter, by the size of its gradients so far.

None of them has a fused kernel on all devices, so torch chooses.
"""

from torch import optim
from torch.optim.optimizer import ParamsT

from core.optimizers import OPTIMIZERS


@OPTIMIZERS.register(lr=0.01, momentum=False)
def adagrad(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Steps that shrink with all past gradients (Duchi, Hazan and Singer, JMLR 12, 2011)."""
    return optim.Adagrad(params, lr, weight_decay=weight_decay)


@OPTIMIZERS.register(lr=1.0, momentum=False)
def adadelta(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Steps in the size of recent steps, almost without a learning rate (arXiv:1212.5701)."""
    return optim.Adadelta(params, lr, weight_decay=weight_decay)


@OPTIMIZERS.register(lr=0.001)
def rmsprop(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Steps divided by the size of recent gradients (Tieleman and Hinton 2012, lecture 6.5)."""
    return optim.RMSprop(params, lr, weight_decay=weight_decay, momentum=momentum)
