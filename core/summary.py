"""What a network is made of: its layers, with shapes, parameters, multiply-adds and memory.

The network runs once on two images, on the meta device where it can, so that nothing is computed
and no weights are allocated. Forward hooks say which layer is at work, and a torch dispatch mode
sees the operations themselves: what a forward() does with functions is counted like what it does
with layers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.build import (
    build_model,
    default_input_shape,
    default_outputs,
    is_user_model,
    made_for,
    reason,
)
from core.errors import ModelError, NNLabError
from core.models import MODELS
from core.shapes import ShapesOnly
from core.watch import IMAGES, Calls, Shape, Watch, image_shape, storage_of


@dataclass(frozen=True)
class LayerRow:
    """One layer, or what a module does besides its layers, or a whole module with its layers.

    Shapes are those of one image, without the batch; None for a layer that is never called. A layer
    that is called again with the same shapes stays one row; with others, it has a row for each.
    """

    name: str  # as in named_modules: "" is the network itself
    kind: str  # class name
    part: Literal["layer", "own", "whole"]
    input_shape: Shape | None  # of the first tensor that goes in
    output_shape: Shape | None
    kernel: Shape | None
    params: int  # without those that an earlier row has
    shared_params: int  # those that an earlier row has: tied weights, a layer called again
    share: float  # fraction of the network's parameters
    macs: int  # multiply-adds for one image
    activation_bytes: int  # new memory for the result, at the summary's batch size
    receptive_field: int | None  # pixels, the longer side; None once it is the whole image
    calls: int
    depth: int  # 1 for the children of the network


@dataclass(frozen=True)
class Summary:
    """A network's layers in the order of their first call, and its totals."""

    model: str
    input_shape: tuple[int, int, int]  # (C, H, W)
    batch_size: int  # that the memory is meant for
    modules: tuple[LayerRow, ...]  # rows of all kinds; use rows()
    total_params: int  # shared ones once
    trainable_params: int
    frozen_params: int
    total_macs: int  # for one image
    model_bytes: int  # parameters and buffers
    forward_bytes: int  # activations that training keeps until the backward pass
    backward_bytes: int  # gradients: of all trainable parameters, and of the largest layer's images
    receptive_field: int | None  # the largest, before a layer sees the whole image
    notes: tuple[str, ...] = ()

    def rows(self, depth: int | None = None) -> list[LayerRow]:
        """The network in parts that don't overlap: their parameters and multiply-adds add up.

        With `depth`, modules that deep are not taken apart: 1 gives the children of the network.
        A module with parameters or multiply-adds besides its layers has a row for these alone.
        """

        def is_shown(row: LayerRow) -> bool:
            if row.part == "whole":
                return row.depth == depth
            inside = (
                depth is None or row.depth < depth or (row.depth == depth and row.part != "own")
            )
            return inside and (row.part == "layer" or row.params + row.shared_params + row.macs > 0)

        return [row for row in self.modules if is_shown(row)]


def summarize_named(
    name: str,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 1,
) -> Summary:
    """The summary of a registered network or a user's, without weights if that is possible.

    `input_shape` is (channels, height, width), by default what the network was designed for, and
    `num_classes` ten, or one output for a network that predicts a number. Images are square for
    networks whose layers depend on their size.

    Raises what `build_model` raises, and ModelError if the network does not take these images.
    """
    shape = input_shape or default_input_shape(name)
    num_classes = num_classes or default_outputs(name)

    def attempt(device: str) -> Summary:
        with torch.device(device), ShapesOnly():
            model = build_model(name, shape[0], num_classes, input_size=shape[1], options=options)
        return summarize(model, shape, name=name, batch_size=batch_size, device=device)

    if not is_user_model(name):
        return attempt("meta")
    try:
        return attempt("meta")
    except ModelError as error:
        # It may need values, as .item() does. If real tensors fail too, they say better why.
        with torch.random.fork_rng(devices=[]):
            summary = attempt("cpu")
        note = f"Run on real tensors, because on shapes alone: {error.problem}"
        return replace(summary, notes=(*summary.notes, note))


def summarize(
    model: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    name: str = "",
    batch_size: int = 1,
    device: str | torch.device | None = None,
) -> Summary:
    """The summary of `model` for images of `input_shape`, (channels, height, width).

    It runs where its parameters are, or on `device` if it has none. It is left as it was found.

    Raises ModelError if it does not take such images, saying which layer failed.
    """
    name = name or type(model).__name__
    device = next((p.device for p in model.parameters()), device or "cpu")
    watch = Watch(model)
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no other storage gets its address

    def keep(tensor: Tensor) -> Tensor:
        kept[storage_of(tensor)] = tensor.untyped_storage()
        return tensor

    try:
        with (
            torch.device(device),
            torch.enable_grad(),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            _evaluating(model),
            watch.hooks(),
        ):
            images = torch.zeros(IMAGES, *input_shape)
            watch.begin(images)
            with watch:
                model(images)
    except NNLabError:
        raise
    except Exception as error:  # anything can go wrong in a user's forward(); say where
        if name in MODELS and not isinstance(error, RuntimeError | ValueError | TypeError):
            raise  # a bug of nnlab, whose traceback is wanted
        raise _explained(error, name, input_shape, watch) from error

    parameters = list(model.parameters())  # each once, even if shared
    everything = [*parameters, *model.buffers()]
    constant = set(map(storage_of, everything))
    trainable = [p for p in parameters if p.requires_grad]
    activations = sum(s.nbytes() for key, s in kept.items() if key not in constant)
    rows = tuple(_rows(watch, batch_size))
    return Summary(
        model=name,
        input_shape=input_shape,
        batch_size=batch_size,
        modules=rows,
        total_params=sum(p.numel() for p in parameters),
        trainable_params=sum(p.numel() for p in trainable),
        frozen_params=sum(p.numel() for p in parameters if not p.requires_grad),
        total_macs=sum(row.macs for row in rows if row.part != "whole"),
        model_bytes=sum(t.numel() * t.element_size() for t in everything),
        forward_bytes=activations * batch_size // IMAGES,
        backward_bytes=sum(p.numel() * p.element_size() for p in trainable)
        + watch.largest_bytes * batch_size // IMAGES,
        receptive_field=max((r.receptive_field or 0 for r in rows), default=0) or None,
    )


def _rows(watch: Watch, batch_size: int) -> list[LayerRow]:
    """Rows of all kinds, in the order of first calls; what is never called comes last."""
    never = Calls(None, None, order=watch.started)
    total = sum(p.numel() for p in watch.modules[""].parameters())
    rows: list[tuple[int, LayerRow]] = []
    counted: set[nn.Parameter] = set()
    calls = [(c, name) for name in watch.modules for c in watch.calls.get(name, [never])]
    for call, name in sorted(calls, key=lambda c: c[0].order):
        own = set(watch.modules[name].parameters(recurse=False))
        params = sum(p.numel() for p in own - counted)
        row = _row(
            watch,
            name,
            call,
            part="own" if watch.has_layers(name) else "layer",
            params=params,
            shared_params=sum(p.numel() for p in own) - params,
            share=params / total if total else 0.0,
            macs=call.macs // IMAGES,
            activation_bytes=call.new_bytes * batch_size // IMAGES,
        )
        rows.append((call.order, row))
        counted |= own
    parts = list(rows)
    for name in filter(watch.has_layers, watch.modules):
        inside = [(o, r) for o, r in parts if r.name == name or f"{r.name}.".startswith(f"{name}.")]
        params = sum(r.params for _, r in inside)
        row = _row(
            watch,
            name,
            watch.calls.get(name, [never])[0],
            part="whole",
            params=params,
            shared_params=sum(r.shared_params for _, r in inside),
            share=params / total if total else 0.0,
            macs=sum(r.macs for _, r in inside),
            activation_bytes=sum(r.activation_bytes for _, r in inside),
        )
        rows.append((min(order for order, _ in inside), row))
    return [row for _, row in sorted(rows, key=lambda r: r[0])]


def _row(watch: Watch, name: str, call: Calls, **figures: Any) -> LayerRow:
    module = watch.modules[name]
    size = getattr(module, "kernel_size", None)
    kernel = (size, size) if isinstance(size, int) else size
    return LayerRow(
        name=name,
        kind=type(module).__name__,
        input_shape=call.input_shape,
        output_shape=call.output_shape,
        kernel=kernel if isinstance(kernel, tuple) else None,
        receptive_field=max(call.field.sizes) if call.field else None,
        calls=call.count,
        depth=name.count(".") + 1 if name else 0,
        **figures,
    )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, in which a forward pass changes no running statistics."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _explained(
    error: Exception, name: str, input_shape: tuple[int, int, int], watch: Watch
) -> ModelError:
    """What went wrong, in which layer, and what it was given."""
    images = "x".join(map(str, input_shape))
    where = ""
    if watch.stack and watch.stack[-1].name:
        frame = watch.stack[-1]
        given = "x".join(map(str, image_shape(frame.input) or ())) or "no tensor"
        where = f" {frame.name} ({type(watch.modules[frame.name]).__name__}) was given {given}:"
    elif watch.last:
        shape = watch.calls[watch.last][-1].output_shape
        where = f" After {watch.last}, which gave {'x'.join(map(str, shape or ()))}:"
    known = made_for(name) if name in MODELS else ""
    return ModelError(
        f"{name} does not take images of {images}.{where} {reason(error)}.",
        f"Choose another input size{known}, or change the network.",
    )
