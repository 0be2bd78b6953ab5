"""How the weights of linear and convolutional layers begin; biases keep their layer's own start.

Each entry fills one weight tensor in place; what can be set about it, such as a standard deviation,
is keyword-only. A new file in this folder is found by itself.

Importing this module does not import torch.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

INITIALIZERS: Registry[Callable[..., Any]] = Registry("initializer", __name__)


def initialize(
    model: "nn.Module",
    name: str,
    options: Mapping[str, float] | None = None,
    *,
    conv: str | None = None,
) -> None:
    """Fill the weights of every linear and convolutional layer of `model` in place.

    `conv` names another initializer for convolutions, and `options` go to whichever takes them.
    A layer is known by what it has, a parameter `weight` that is a matrix (linear) or has more
    dimensions (convolution): so layers from scratch and a user's own are among them, and the scales
    of normalisation layers, which are vectors, are not.

    Raises ConfigError for an option that the initializer does not take, or not with that value.
    """
    from torch import nn

    fills = {"linear": INITIALIZERS[name], "conv": INITIALIZERS[conv or name]}
    options = options or {}
    for option in options:
        if not any(option in _options(fill) for fill in fills.values()):
            known = sorted({o for fill in fills.values() for o in _options(fill)})
            raise ConfigError(
                f"The initializer {name} has no option {option!r}.",
                f"It takes: {', '.join(known)}." if known else "It takes no options.",
            )
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.dim() > 1:
            fill = fills["linear" if weight.dim() == 2 else "conv"]
            taken = {k: v for k, v in options.items() if k in _options(fill)}
            try:
                fill(weight, **taken)
            except RuntimeError as error:  # of torch, such as: normal expects std >= 0.0
                if not taken:
                    raise
                values = ", ".join(f"{k}={v:g}" for k, v in taken.items())
                raise ConfigError(
                    f"The weights cannot begin with {values}: {error}.", "Choose another value."
                ) from error


def _options(fill: Callable[..., Any]) -> list[str]:
    return [p.name for p in inspect.signature(fill).parameters.values() if p.kind == p.KEYWORD_ONLY]
