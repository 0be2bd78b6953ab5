"""Images as rows of a quantized embedding table, which a processor gathers and scales in one pass.

Forming a batch of a small network's images is a third of its step if it is done by three kernels:
gather the bytes, write them as float32, multiply. Torch has one kernel for all of it, made for
tables of embeddings: rows of bytes, each followed by its scale and its offset.
"""

import mmap
from contextlib import suppress

import torch
from torch import Tensor

ROOM = 2**28  # bytes of images that may be kept a second time, as such a table


def fits(pixels: Tensor) -> bool:
    """Whether images (N, C, H, W) can be kept as such a table: bytes, on the CPU, not too many."""
    on_cpu = pixels.device.type == "cpu"
    return on_cpu and pixels.dtype == torch.uint8 and 0 < pixels.nbytes <= ROOM


class QuantizedImages:
    """Images (N, C, H, W), uint8, on the CPU, with `factor` and `offset`, float32, (C, 1, 1)."""

    def __init__(self, pixels: Tensor, factor: Tensor, offset: Tensor) -> None:
        self._shape = pixels.shape[1:]
        count, channels, height, width = pixels.shape
        size = height * width
        rows = _on_large_pages(count, channels, size + 8)
        rows[..., :size] = pixels.flatten(2)
        # As (C, 2) float32, which are (C, 8) bytes.
        rows[..., size:] = torch.stack([factor.flatten(), offset.flatten()], 1).view(torch.uint8)
        self._table = rows.flatten(0, 1)  # (N C, H W + 8)
        self._channel = torch.arange(channels)
        self._starts = torch.arange(0)

    def gather(self, rows: Tensor) -> Tensor:
        """pixel * factor + offset of the images at `rows` (B,): float32, (B, C, H, W)."""
        if self._shape[0] > 1:
            rows = (rows[:, None] * self._shape[0] + self._channel).flatten()
        if rows.shape != self._starts.shape:
            self._starts = torch.arange(len(rows))
        # Embeddings are summed over "bags", which begin at these places: here each has one row.
        found = torch.ops.quantized.embedding_bag_byte_rowwise_offsets(
            self._table, rows, self._starts
        )
        return found.view(-1, *self._shape)


def _on_large_pages(*shape: int) -> Tensor:
    """Memory for bytes, on pages of 2 MiB where the system has them.

    Rows at random lie on other pages of 4 KiB each, most of which the processor has to look up: a
    fifth of the time of gathering them.
    """
    size = torch.Size(shape)
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(size, dtype=torch.uint8)
    memory = mmap.mmap(-1, size.numel(), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a system that was built without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.uint8).view(size)
