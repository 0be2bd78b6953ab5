"""The optimizers from their formulas, each equal to its twin in torch.optim.

An update is w <- w - lr * change(g), where g is the gradient, with weight decay the gradient of
loss + weight_decay / 2 * sum w^2. What tells them apart is `change`: a function of the gradient, of
what the parameter remembers (`past`, empty before its first step) and of the optimizer's constants.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from core.optimizers import OPTIMIZERS

Change = Callable[..., Tensor]  # (gradient, past, **constants) -> how far to go, over lr


class FormulaOptimizer(Optimizer):
    """w <- w - lr * change(g). Of torch.optim it has the parameter groups and the saved state."""

    def __init__(
        self, change: Change, params: ParamsT, lr: float, weight_decay: float, **constants: float
    ) -> None:
        self.change = change
        self.constants = constants
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # without closures
        """Move every parameter that has a gradient; changes them in place."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    gradient = weight.grad + group["weight_decay"] * weight
                    weight -= group["lr"] * self.change(
                        gradient, self.state[weight], **self.constants
                    )


@OPTIMIZERS.register(lr=0.1)
def sgd_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """SGD from its formula, with momentum and weight decay if they are set."""
    return FormulaOptimizer(sgd_change, params, lr, weight_decay, momentum=momentum)


@OPTIMIZERS.register(lr=0.1)
def nesterov_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """SGD with Nesterov's momentum, 0.9 unless set, from its formula."""
    return FormulaOptimizer(nesterov_change, params, lr, weight_decay, momentum=momentum or 0.9)


@OPTIMIZERS.register(lr=0.01, momentum=False)
def adagrad_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """Adagrad from its formula."""
    return FormulaOptimizer(adagrad_change, params, lr, weight_decay)


@OPTIMIZERS.register(lr=1.0, momentum=False)
def adadelta_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """Adadelta from its formula."""
    return FormulaOptimizer(adadelta_change, params, lr, weight_decay)


@OPTIMIZERS.register(lr=0.001)
def rmsprop_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """RMSprop from its formula, with momentum if it is set."""
    return FormulaOptimizer(rmsprop_change, params, lr, weight_decay, momentum=momentum)


@OPTIMIZERS.register(lr=0.001)
def adam_scratch(
    params: ParamsT, lr: float, momentum: float, weight_decay: float
) -> FormulaOptimizer:
    """Adam from its formula; momentum, when set, is beta1."""
    return FormulaOptimizer(adam_change, params, lr, weight_decay, beta1=momentum or 0.9)


def sgd_change(g: Tensor, past: dict[str, Any], momentum: float) -> Tensor:
    """v <- momentum * v + g; g alone without momentum (note 000, section 2.1.3)."""
    if not momentum:
        return g
    past["velocity"] = momentum * past.get("velocity", 0.0) + g
    return past["velocity"]


def nesterov_change(g: Tensor, past: dict[str, Any], momentum: float) -> Tensor:
    """The velocity one step ahead: momentum * v + g (Sutskever et al. 2013, section 2)."""
    return momentum * sgd_change(g, past, momentum) + g


def adagrad_change(g: Tensor, past: dict[str, Any], eps: float = 1e-10) -> Tensor:
    """s <- s + g^2; g / sqrt(s) (Duchi, Hazan and Singer 2011, figure 1)."""
    past["squares"] = past.get("squares", 0.0) + g**2
    return g / (past["squares"].sqrt() + eps)


def adadelta_change(g: Tensor, past: dict[str, Any], rho: float = 0.9, eps: float = 1e-6) -> Tensor:
    """g * rms(changes) / rms(gradients) (Zeiler, arXiv:1212.5701, algorithm 1)."""
    past["squares"] = rho * past.get("squares", 0.0) + (1 - rho) * g**2
    change = g * (past.get("changes", torch.zeros_like(g)) + eps).sqrt()
    change /= (past["squares"] + eps).sqrt()
    past["changes"] = rho * past.get("changes", 0.0) + (1 - rho) * change**2
    return change


def rmsprop_change(
    g: Tensor, past: dict[str, Any], momentum: float, alpha: float = 0.99, eps: float = 1e-8
) -> Tensor:
    """s <- alpha * s + (1 - alpha) * g^2; g / sqrt(s) (Tieleman and Hinton 2012, slide 29)."""
    past["squares"] = alpha * past.get("squares", 0.0) + (1 - alpha) * g**2
    return sgd_change(g / (past["squares"].sqrt() + eps), past, momentum)


def adam_change(
    g: Tensor, past: dict[str, Any], beta1: float, beta2: float = 0.999, eps: float = 1e-8
) -> Tensor:
    """m / (sqrt(s) + eps), both without the bias of their start at 0 (arXiv:1412.6980, alg. 1)."""
    past["step"] = past.get("step", 0) + 1
    past["mean"] = beta1 * past.get("mean", 0.0) + (1 - beta1) * g
    past["squares"] = beta2 * past.get("squares", 0.0) + (1 - beta2) * g**2
    mean = past["mean"] / (1 - beta1 ** past["step"])
    squares = past["squares"] / (1 - beta2 ** past["step"])
    return mean / (squares.sqrt() + eps)
