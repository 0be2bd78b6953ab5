"""Images that have no room on a GPU: they stay in the memory of the host, and while it computes a
step, the batch of the next one is gathered there and copied.

The batches are those of images that lie on the device, bit for bit: positions are worked out as
ever, and what a batch is changed by at random is drawn when it is asked for.

Each batch is gathered in a thread that ends with it. So none is left to be stopped, whatever ends a
run; starting one takes a tenth of a millisecond, where gathering large images takes several.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any

import torch
from torch import Tensor

from core import clock
from core.datasets import Images
from core.device import Device

SHARE = 0.5  # of a GPU's free memory that images may take; the rest is for the network

Key = tuple[int, int]  # epoch and index of a batch
Rows = Tensor | slice  # which images: positions (B,), or from one to another


def lies_on_host(image_bytes: int, device: Device) -> bool:
    """Whether so many bytes of images stay in the memory of the host of `device`."""
    free = device.memory_free_bytes
    return device.torch_name.startswith("cuda") and free is not None and image_bytes > SHARE * free


def why_on_host(parts: Sequence[Images], device: Device) -> str | None:
    """In one line that and why the images of a data set stay there; None if the GPU has room."""
    if any(part.pixels.is_cuda for part in parts):
        return None  # somebody has found room already
    size = sum(part.pixels.nbytes for part in parts)
    if not lies_on_host(size, device):
        return None
    free = device.memory_free_bytes or 0
    return (
        f"images stay in the host's memory, {size / 2**30:.1f} GiB with {free / 2**30:.1f} GiB "
        f"free on {device.torch_name}: each batch is copied while the one before it is computed"
    )


class Link:
    """The way from the memory of the host to a GPU, on a stream of its own beside the steps."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._taken: torch.cuda.Event | None = None  # when the last batch but one was computed

    def fetch(self, sources: Sequence[Tensor], rows: Rows) -> Any:
        """These rows of each source, on their way to the device; in any thread."""
        with torch.cuda.stream(self._stream):  # and its device, which each thread has its own of
            sent = [
                gather(source, rows, pinned=True).to(self._device, non_blocking=True)
                for source in sources
            ]
            return sent, self._stream.record_event()

    def receive(self, fetched: Any) -> list[Tensor]:
        """What was fetched, for the stream that steps are computed on."""
        sent, copied = fetched
        current = torch.cuda.current_stream(self._device)
        current.wait_event(copied)
        for part in sent:
            part.record_stream(current)  # its memory is another stream's
        return sent

    def hold_back(self) -> None:
        """Wait until the device is two steps behind at most.

        It would otherwise be as far behind as there is memory for batches on their way.
        """
        before, self._taken = self._taken, torch.cuda.Event(blocking=True)
        self._taken.record(torch.cuda.current_stream(self._device))
        if before:
            before.synchronize()


class Ahead:
    """Batches of images in the memory of the host, the next one gathered while one is computed."""

    def __init__(self, images: Images, link: Link) -> None:
        self._sources = (images.pixels, images.labels)
        self._link = link
        self._next: tuple[Key, Future[Any]] | None = None
        self.held_back = 0.0  # seconds of the last batch that the device was waited for, not data

    def take(self, key: Key, after: Key, rows: Callable[[Key], Rows]) -> list[Tensor]:
        """Images and labels of the batch `key`, on the device; `after` is likely to be next.

        `rows` tells which they are, of any batch.
        """
        if self._next and self._next[0] == key:
            fetched = self._next[1].result()
        else:
            fetched = self._link.fetch(self._sources, rows(key))
        began = clock.seconds()
        self._link.hold_back()
        self.held_back = clock.seconds() - began
        if not (self._next and self._next[0] == after):
            wanted = rows(after)
            self._next = after, _in_thread(lambda: self._link.fetch(self._sources, wanted))
        return self._link.receive(fetched)


def gather(source: Tensor, rows: Rows, *, pinned: bool) -> Tensor:
    """Rows of a tensor, in memory of their own, from which a device can copy if it is `pinned`."""
    if isinstance(rows, slice):
        found = source[rows]
        return torch.empty_like(found, pin_memory=pinned).copy_(found)
    shape = (len(rows), *source.shape[1:])
    empty = torch.empty(shape, dtype=source.dtype, pin_memory=pinned)
    return torch.index_select(source, 0, rows, out=empty)


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """What `work` returns, or raises, in a thread of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # raised again where the result is asked for
            future.set_exception(error)

    Thread(target=run, name="next-batch").start()
    return future
