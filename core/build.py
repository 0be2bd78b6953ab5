"""From a network's name to the network: registered ones, and a user's own `path/to/net.py:MyNet`.

Importing this module does not import torch.
"""

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.datasets import is_table
from core.errors import ConfigError, ModelError, NNLabError
from core.models import MODELS
from core.registry import check_options
from core.task import predicts_numbers

if TYPE_CHECKING:
    from torch import nn

    from core.config import RunConfig

DEFAULT_INPUT_SIZE = 28  # of a user's network that does not say: the size of MNIST


def is_user_model(name: str) -> bool:
    """Whether `name` is of the form path/to/net.py:MyNet."""
    return ".py:" in name or name.endswith(".py")


def check_model_name(name: str) -> str:
    """`name` itself if there is such a network; a user's file is looked for, not run.

    Raises UnknownName or ConfigError.
    """
    if not is_user_model(name):
        return MODELS.check(name)
    path, _, attribute = name.rpartition(":")
    if not path or not attribute.isidentifier():
        raise ConfigError(
            f"{name!r} does not say which network of the file is meant.",
            "Write path/to/net.py:MyNet, the name of a class or function in it.",
        )
    if not _is_file(path):
        raise ConfigError(f"There is no file {path!r}.", "Check the path before the colon.")
    return name


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, RuntimeError):  # an absurdly long name; the home of an unknown user
        return False


def default_input_size(name: str) -> int:
    """Height and width of the images that the network called `name` was designed for."""
    declared = MODELS.declared.get(name)
    return declared.facts["input_size"] if declared else DEFAULT_INPUT_SIZE


def input_size_of(config: "RunConfig") -> int:
    """Height and width of what the network of a run is given; a row of a table has one pixel."""
    return 1 if is_table(config.data) else config.input_size or default_input_size(config.model)


def default_outputs(name: str) -> int:
    """How many outputs the network called `name` has where nobody says: ten classes."""
    return 1 if predicts_numbers(name) else 10


def default_input_shape(name: str) -> tuple[int, int, int]:
    """(channels, height, width) of the images that the network called `name` was designed for."""
    declared = MODELS.declared.get(name)
    side = default_input_size(name)
    return (declared.facts.get("in_channels", 1) if declared else 1, side, side)


def build_model(
    name: str,
    in_channels: int,
    num_classes: int,
    *,
    input_size: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> "nn.Module":
    """The network called `name`, with fresh weights on the current default device.

    `input_size` is passed on to networks whose layers depend on it, and `options` to all.

    Raises ConfigError for options that the network does not take, ModelError if building it fails.
    """
    builder = _load_user_builder(name) if is_user_model(name) else MODELS[name]
    options = dict(options or {})
    takes = inspect.signature(builder).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        check_options(name, options, [p for p in takes if p not in ("in_channels", "num_classes")])
    if "input_size" in takes and input_size is not None:
        options.setdefault("input_size", input_size)
    try:
        model = builder(in_channels=in_channels, num_classes=num_classes, **options)
    except NNLabError:
        raise
    except Exception as error:
        _raise_if_ours(name, error)
        raise ModelError(
            f"{name} cannot be built for {in_channels} channels and {num_classes} classes"
            f"{f' with {options}' if options else ''}: {reason(error)}.",
            "A network is a function or class of in_channels and num_classes."
            if is_user_model(name)
            else "Choose other values for its options.",
        ) from error
    from torch import nn

    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{name} gives {type(model).__name__}, which is no network.",
            "It must return a torch.nn.Module.",
        )
    return model


def check_model(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    batch_size: int = 2,
    **build: Any,
) -> None:
    """Try the network on two black images, so that a run fails before it starts and not after.

    `input_shape` is (channels, height, width). With batches of one image, one is tried too: batch
    normalisation cannot be trained with it. torch's random state is left alone. Of a registered
    network only the shapes are tried: the rest is tested, and VGG would need a gigabyte for it.

    Raises ModelError if it does not take that shape, does not give one logit per class, or has a
    parameter that the loss does not reach; and whatever `build_model` raises.
    """
    import torch
    from torch import Tensor

    from core.shapes import ShapesOnly

    ours = not is_user_model(name)
    with (
        torch.random.fork_rng(devices=[]),
        torch.device("meta" if ours else "cpu"),
        ShapesOnly() if ours else nullcontext(),
    ):
        model = build_model(name, input_shape[0], num_classes, **build)
        shape = "x".join(map(str, input_shape))
        try:
            logits = model(torch.zeros(2, *input_shape))
        except Exception as error:  # anything can go wrong in a user's forward()
            raise ModelError(
                f"{name} does not take images of {shape}: {reason(error)}.",
                f"Choose another input size{made_for(name)}, or another network.",
            ) from error
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        if found != (2, num_classes):
            raise ModelError(
                f"{name} gives {found} for two images of {num_classes} classes, not "
                f"(2, {num_classes}).",
                "It must return a tensor with one logit per class, without softmax.",
            )
        if batch_size == 1:
            try:
                model(torch.zeros(1, *input_shape))
            except Exception as error:
                raise ModelError(
                    f"{name} does not take images one by one: {reason(error)}.",
                    "Choose a batch size of 2 or more.",
                ) from error
        if ours:
            return
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        if not trained or not logits.requires_grad:
            raise ModelError(
                f"{name} has no parameter to train.", "Register layers as attributes of the module."
            )
        logits.sum().backward()
        if unreached := [n for n, p in trained if p.grad is None]:
            raise ModelError(
                f"The loss of {name} does not reach {', '.join(unreached[:5])}"
                f"{' and others' if len(unreached) > 5 else ''}.",
                "Use these layers in forward(), or set requires_grad=False to freeze them.",
            )


def made_for(name: str) -> str:
    """ " (it was made for 28x28)" if `name` is a registered network, nothing for a user's."""
    side = default_input_size(name)
    return "" if is_user_model(name) else f" (it was made for {side}x{side})"


def reason(error: Exception) -> str:
    """What an exception from a network says, in one line without a full stop."""
    text = str(error).strip().partition("\n")[0].rstrip(".:")
    plain = isinstance(error, RuntimeError | ValueError) and text  # torch's own say it in words
    return text if plain else f"{type(error).__name__}: {text}" if text else type(error).__name__


def _raise_if_ours(name: str, error: Exception) -> None:
    """A user's network can raise anything; one of nnlab's own that raises what no shape and no
    option can bring about has a bug, whose traceback is wanted.
    """
    if not is_user_model(name) and not isinstance(error, RuntimeError | ValueError | TypeError):
        raise error


def _load_user_builder(name: str) -> Callable[..., "nn.Module"]:
    """Run the user's file and take the class or function out of it."""
    path_text, _, attribute = check_model_name(name).rpartition(":")
    path = Path(path_text).expanduser().resolve()
    # A name of its own for each file, so that two files called net.py don't replace each other.
    module_name = f"nnlab_user_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look a class's module up here
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may import its neighbours; last, so that ours win
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # anything can go wrong in a user's file; say where
        del sys.modules[module_name]
        line = next((f.lineno for f in reversed(_frames(error)) if f.filename == str(path)), None)
        raise ModelError(
            f"{path_text}{f', line {line}' if line else ''}: {type(error).__name__}: "
            f"{str(error).rstrip('.')}.",
            "Mend the file; `python` on it alone shows the whole traceback.",
        ) from error
    builder = getattr(module, attribute, None)
    if not callable(builder):
        names = [
            name
            for name, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", None) == module_name
        ]
        close = get_close_matches(attribute, names, n=1)
        raise ModelError(
            f"{path_text} defines no class or function {attribute!r}.",
            (f"Did you mean {close[0]!r}? " if close else "")
            + (f"It has: {', '.join(names)}." if names else "It defines none at all."),
        )
    return builder


def _frames(error: BaseException) -> list[Any]:
    import traceback

    return list(traceback.extract_tb(error.__traceback__))
