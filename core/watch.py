"""Watching a forward pass: which module is at work, and what each operation costs and sees."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.cost import Field, field_of_windows, multiply_adds, receptive_field
from core.shapes import ShapesOnly, run, tensors_in

Shape = tuple[int, ...]

IMAGES = 2  # in the batch that is tried: with one, a forward() that loses the batch goes unnoticed


@dataclass
class Calls:
    """The calls of one module with one input and output shape."""

    input_shape: Shape | None
    output_shape: Shape | None
    order: int  # of the first one among the calls of all modules
    count: int = 0
    macs: int = 0  # by the module itself, not by those inside; for all images of the batch
    new_bytes: int = 0
    field: Field | None = None


@dataclass
class Frame:
    """A call in progress."""

    name: str
    input: Tensor | None
    order: int
    macs: int = 0
    new_bytes: int = 0


class Watch(ShapesOnly):
    """Sees every operation of a forward pass, and knows in which module it happens."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.modules = dict(model.named_modules())
        self.stack: list[Frame] = []
        self.calls: dict[str, list[Calls]] = {}
        self.fields: dict[int, tuple[Tensor, Field]] = {}  # by id of the tensor, held for that
        self.activations: set[int] = set()  # storages of the images and of all that comes of them
        self.largest_bytes = 0  # of the activations that go in and out of one operation
        self.last = ""  # the layer that finished last
        self.started = 0

    def begin(self, images: Tensor) -> None:
        """Call first: each unit of `images` sees itself."""
        self.fields[id(images)] = (images, Field())
        self.activations.add(storage_of(images))

    def has_layers(self, name: str) -> bool:
        """Whether the module called `name` has modules inside."""
        return next(self.modules[name].children(), None) is not None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = run(func, args, kwargs or {})
        outputs = list(tensors_in(result))
        if not self.stack or not outputs:
            return result
        frame = self.stack[-1]
        frame.macs += multiply_adds(func, args, outputs[0])
        if field := receptive_field(func, args, outputs[0], self._field):
            self.fields[id(outputs[0])] = (outputs[0], field)
        new = _new_bytes(tensors_in((args, kwargs)), outputs)
        if new:
            inputs = sum(_bytes(t) for t in tensors_in(args) if storage_of(t) in self.activations)
            self.activations.update(map(storage_of, outputs))
            self.largest_bytes = max(self.largest_bytes, inputs + new)
        if self.has_layers(frame.name):
            frame.new_bytes += new
        return result

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Follow the calls of all modules."""
        handles = []
        for name, module in self.modules.items():
            handles += [
                module.register_forward_pre_hook(self._enter(name), with_kwargs=True),
                module.register_forward_hook(self._leave),
            ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, name: str) -> Any:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            first = next(iter(tensors_in((args, kwargs))), None)
            self.stack.append(Frame(name, first, self.started))
            self.started += 1

        return enter

    def _leave(self, module: nn.Module, args: Any, result: Any) -> None:
        frame = self.stack.pop()
        outputs = list(tensors_in(result))
        if not self.has_layers(frame.name):
            frame.new_bytes = _new_bytes(tensors_in(args), outputs)
            self.last = frame.name
            self._follow_windows(module, frame.input, outputs)
        shapes = (image_shape(frame.input), image_shape(outputs[0] if outputs else None))
        known = self.calls.setdefault(frame.name, [])
        calls = next((c for c in known if (c.input_shape, c.output_shape) == shapes), None)
        if calls is None:
            calls = Calls(*shapes, frame.order, field=self._field(outputs[0]) if outputs else None)
            known.append(calls)
        calls.count += 1
        calls.macs += frame.macs
        calls.new_bytes += frame.new_bytes

    def _follow_windows(self, layer: nn.Module, x: Tensor | None, outputs: list[Tensor]) -> None:
        """Note the field of what a layer gave, if its operations did not tell."""
        seen = None if x is None else self._field(x)
        if x is None or seen is None or not outputs or self._field(outputs[0]):
            return
        if field := field_of_windows(layer, seen, x, outputs[0]):
            self.fields[id(outputs[0])] = (outputs[0], field)

    def _field(self, tensor: Tensor) -> Field | None:
        held = self.fields.get(id(tensor))
        return held[1] if held else None


def image_shape(tensor: Tensor | None) -> Shape | None:
    """The shape of one image's part of `tensor`."""
    if tensor is None:
        return None
    shape = tuple(tensor.shape)
    return shape[1:] if shape[:1] == (IMAGES,) else shape


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _new_bytes(inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> int:
    """What `outputs` add to the memory: nothing for views and for what changed in place."""
    known = set(map(storage_of, inputs))
    return sum(_bytes(t) for t in outputs if storage_of(t) not in known)


def storage_of(tensor: Tensor) -> int:
    """What tells the memory of `tensor` from that of others, also on the meta device."""
    return tensor.untyped_storage()._cdata
