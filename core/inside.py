"""Looking inside a network: its parameters, its filters, what its layers make of an image."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import ModelError
from core.losses import Loss

BINS = 12  # of a histogram


@dataclass(frozen=True)
class ParameterFigures:
    """One parameter tensor in numbers. What is not finite stays so: a network may have diverged."""

    name: str
    shape: tuple[int, ...]
    norm: float  # Euclidean
    mean: float
    spread: float  # standard deviation, 0 for a single number
    lowest: float
    highest: float
    histogram: tuple[int, ...]  # counts in equal bins from lowest to highest, of finite values
    gradient_norm: float | None = None  # on one batch; None if that was not asked for


@dataclass(frozen=True)
class Filters:
    """What the first layer with weights looks for."""

    layer: str
    images: Tensor  # (O, C, h, w), float32


@dataclass(frozen=True)
class FeatureMaps:
    """What one layer made of an image."""

    layer: str
    maps: Tensor  # (C, H, W), float32


def parameter_figures(model: nn.Module) -> list[ParameterFigures]:
    """Every parameter of `model`, with the norm of its gradient if it has one."""
    return [_figures(name, parameter) for name, parameter in model.named_parameters()]


def add_gradients(model: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> float:
    """Give every parameter the gradient of `loss` on one batch, in training mode.

    Returns the loss. Running statistics and weights stay as they are.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    was_training = model.training
    model.train()
    model.zero_grad()
    try:
        value = loss(model(images), labels)
        value.backward()
    finally:
        model.train(was_training)
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    return float(value.item())


def first_filters(model: nn.Module, image_shape: tuple[int, int, int]) -> Filters:
    """The kernels of the first layer, if it is a convolution; if it is linear, the weights of each
    of its units, in the shape (C, H, W) of the images that it is given.

    Raises ModelError if it is neither.
    """
    for name, parameter in model.named_parameters():
        weight = parameter.detach().float().cpu()
        layer = name.rpartition(".")[0]
        if weight.dim() == 4:
            return Filters(layer, weight)
        if weight.dim() == 2 and weight.shape[1] == math.prod(image_shape):
            return Filters(layer, weight.reshape(-1, *image_shape))
        if weight.dim() > 1:
            break
    raise ModelError(
        "The first layer of this network looks at no image.",
        "Filters can be drawn of a convolution, or of a linear layer over pixels.",
    )


def feature_maps(model: nn.Module, images: Tensor) -> list[FeatureMaps]:
    """What each layer at the top level of `model` makes of an image, (1, C, S, S), in order.

    Layers that give no maps, such as linear ones, are left out. Raises ModelError if all are.
    """
    found: list[FeatureMaps] = []

    def keep(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            found.append(FeatureMaps(name, output[0].detach().float().cpu().clone()))

    handles = [
        child.register_forward_hook(lambda module, args, output, name=name: keep(name, output))
        for name, child in model.named_children()
    ]
    try:
        with torch.inference_mode():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ModelError(
            "None of this network's layers gives feature maps.",
            "Look at a convolutional network, such as lenet.",
        )
    return found


def layer_output(model: nn.Module, images: Tensor, layer: str) -> FeatureMaps:
    """What the module `layer`, as in named_modules, makes of an image, (1, C, S, S), the last time
    that it is called.

    Units without a place, as those of a linear layer, are maps of one pixel; a sequence of vectors
    is one map. Raises ModelError if there is no such output.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, args: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() in (2, 3, 4):
            found[:] = [output[0].detach().float().cpu().clone()]

    try:
        handle = model.get_submodule(layer).register_forward_hook(keep)
    except AttributeError:
        raise ModelError(f"This network has no layer {layer!r}.", "Choose another one.") from None
    try:
        with torch.inference_mode():
            model(images)
    finally:
        handle.remove()
    if not found:
        raise ModelError(
            f"{layer or 'The network'} gives no maps: it is not called by itself, or gives "
            "something else.",
            "Choose another layer, or the module around it.",
        )
    [output] = found
    if output.dim() == 1:  # units
        output = output[:, None, None]
    return FeatureMaps(layer, output if output.dim() == 3 else output[None])


def _figures(name: str, parameter: nn.Parameter) -> ParameterFigures:
    values = parameter.detach().float().flatten().cpu()
    finite = values[values.isfinite()]
    low, high = (finite.min().item(), finite.max().item()) if len(finite) else (math.nan,) * 2
    counts = torch.histc(finite, BINS, low, high) if high > low else torch.zeros(BINS)
    return ParameterFigures(
        name=name,
        shape=tuple(parameter.shape),
        norm=values.norm().item(),
        mean=values.mean().item(),
        spread=values.std(correction=0).item(),
        lowest=low,
        highest=high,
        histogram=tuple(int(n) for n in counts.tolist()),
        gradient_norm=None if parameter.grad is None else parameter.grad.norm().item(),
    )
