"""Adam and its variant with decoupled weight decay. Here `momentum`, when set, is beta1."""

from torch import optim
from torch.optim.optimizer import ParamsT

from core.optimizers import OPTIMIZERS


@OPTIMIZERS.register(lr=0.001)
def adam(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Adam (Kingma and Ba, arXiv:1412.6980)."""
    betas = (momentum or 0.9, 0.999)
    return optim.Adam(params, lr, betas, weight_decay=weight_decay, fused=True)


@OPTIMIZERS.register(lr=0.001, decoupled=True)
def adamw(params: ParamsT, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101)."""
    betas = (momentum or 0.9, 0.999)
    return optim.AdamW(params, lr, betas, weight_decay=weight_decay, fused=True)
