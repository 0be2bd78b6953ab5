"""How the weights of linear and convolutional layers begin; biases keep their layer's own start.

Each entry fills one weight tensor in place; what can be set about it, such as a standard deviation,
is keyword-only. A new file in this folder is found by itself.

Importing this module does not import torch.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from core.errors import ConfigError
from core.registry import Registry, check_options

if TYPE_CHECKING:
    from torch import nn

INITIALIZERS: Registry[Callable[..., Any]] = Registry("initializer", __name__)


def initialize(
    model: "nn.Module",
    name: str,
    options: Mapping[str, float] | None = None,
    *,
    conv: str | None = None,
    norm: Literal["ones", "uniform"] = "ones",
) -> None:
    """Fill the weights of every linear and convolutional layer of `model` in place.

    With `norm` "uniform" the scales of normalisations too, from 0 to 1.

    `conv` names another initializer for convolutions, and `options` go to whichever takes them.
    A layer is known by what it has, a parameter `weight` that is a matrix (linear) or has more
    dimensions (convolution): so layers from scratch and a user's own are among them, and the scales
    of normalisation layers, which are vectors and have an `eps` beside them, are not.

    Raises ConfigError for an option that the initializer does not take, or not with that value.
    """
    from torch import nn

    fills = {"linear": name, "conv": conv or name}
    options = options or {}
    check_init_options(options, fills.values())
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, nn.Parameter):
            continue
        if weight.dim() == 1 and hasattr(layer, "eps") and norm == "uniform":
            nn.init.uniform_(weight)
        if weight.dim() > 1:
            fill = fills["linear" if weight.dim() == 2 else "conv"]
            known = INITIALIZERS.declared[fill].options
            taken = {k: v for k, v in options.items() if k in known}
            try:
                INITIALIZERS[fill](weight, **taken)
            except RuntimeError as error:  # of torch, such as: normal expects std >= 0.0
                if not taken:
                    raise
                values = ", ".join(f"{k}={v:g}" for k, v in taken.items())
                raise ConfigError(
                    f"The weights cannot begin with {values}: {error}.", "Choose another value."
                ) from error


def check_init_options(options: Iterable[str], names: Iterable[str]) -> None:
    """Raises ConfigError if one of `options` is of none of the initializers called `names`."""
    names = list(dict.fromkeys(names))
    known = sorted({o for name in names for o in INITIALIZERS.declared[name].options})
    check_options(f"The initializer {' or '.join(names)}", options, known)
