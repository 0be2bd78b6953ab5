"""Optimizers, one family per file. A new file in this folder is found by itself.

Each is a function of the parameters and of RunConfig's `lr`, `momentum` and `weight_decay`. The
facts that `register` takes are `lr`, the learning rate that a run gets when nobody names one,
`momentum=False` for an optimizer that has none: RunConfig refuses a momentum for it, and
`decoupled=True` where weight decay is no part of the gradient: w <- w - lr * weight_decay * w.
Each moves every weight by lr * change, where the change depends on the past of that one weight's
gradient alone: core.stack builds on it.

Importing this module does not import torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.registry import Registry

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

OPTIMIZERS: Registry[Callable[..., Any]] = Registry("optimizer", __name__)


def make_optimizer(
    name: str,
    model: "nn.Module",
    lr: float,
    *,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    l1: float = 0.0,
    decay_biases: bool = True,
) -> "Optimizer":
    """The optimizer called `name` for the parameters of `model`.

    `weight_decay` and `l1` pull parameters towards 0: all of them, or without `decay_biases` only
    matrices and kernels, neither biases nor the scales of a normalisation. The gradient of
    l1 * sum |w| is added before the step, whichever optimizer takes it.
    """
    parameters = list(model.parameters())
    decayed = [p for p in parameters if decay_biases or p.dim() > 1]
    groups: list[dict[str, Any]] = [{"params": decayed, "l1": l1}]
    if len(decayed) < len(parameters):
        rest = [p for p in parameters if p.dim() <= 1]
        groups.append({"params": rest, "l1": 0.0, "weight_decay": 0.0})
    optimizer: Optimizer = OPTIMIZERS[name](groups, lr, momentum, weight_decay)
    if l1:
        optimizer.register_step_pre_hook(_add_l1_gradient)
    return optimizer


def has_momentum(name: str) -> bool:
    """Whether the optimizer called `name` makes use of a momentum."""
    return bool(OPTIMIZERS.declared[name].facts.get("momentum", True))


def _add_l1_gradient(optimizer: "Optimizer", args: Any, kwargs: Any) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if group["l1"] and parameter.grad is not None:
                parameter.grad.add_(parameter.detach().sign(), alpha=group["l1"])
