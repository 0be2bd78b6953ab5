"""Batches of images that lie on the device as one uint8 tensor, or of a table's rows, as float32.
Only where they have no room there do they lie in the memory of the host (core.prefetch).

A batch is gathered and scaled to float32 by one kernel, or by one each: decoding image by image, as
a DataLoader does, takes some hundred times as long. Which images a batch holds and how they are
changed at random is a pure function of (seed, epoch, index), so that an interrupted run goes on
with exactly the batches it would have had.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from core.augmentations import AUGMENTATIONS
from core.datasets import Images
from core.prefetch import Ahead, Link, Rows
from core.quantized import QuantizedImages, fits
from core.world import ALONE, Part, World

Shuffled = list[tuple[Tensor, Tensor]]  # of each batch of an epoch: where its images lie, labels


@dataclass(frozen=True)
class Scale:
    """From a pixel, 0 to 255, or a feature to what a network sees: pixel * factor + offset."""

    factor: Tensor  # float32, (C, 1, 1)
    offset: Tensor  # float32, (C, 1, 1)


def normalisation(name: Literal["unit", "half", "standard"], train: Images) -> Scale:
    """The scale called `name`: pixels to [0, 1], to [-1, 1], or to mean 0 and standard deviation 1.

    Mean and deviation are those of each channel over all training images. The same scale is for the
    test images too: their own would tell the network something about them.
    """
    channels = train.pixels.shape[1]
    if name == "standard":
        mean, deviation = moments(train.pixels)
        # A channel without any contrast becomes 0, not infinite.
        factor = 1 / torch.where(deviation > 0, deviation, 1.0)
        offset = -mean * factor
    else:
        top, bottom = (1.0, 0.0) if name == "unit" else (1.0, -1.0)
        factor = torch.full((channels,), (top - bottom) / 255, dtype=torch.float64)
        offset = torch.full((channels,), bottom, dtype=torch.float64)
    return Scale(*(value.float().reshape(channels, 1, 1) for value in (factor, offset)))


def moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of (N, C, H, W), float64, in pixel units."""
    if pixels.is_floating_point():
        # One at a time: all of them in float64 would be twice the table.
        channels = [pixels[:, c].double() for c in range(pixels.shape[1])]
        found = torch.tensor([[c.mean(), c.std(unbiased=False)] for c in channels])
        return found[:, 0], found[:, 1]
    values = torch.arange(256, dtype=torch.float64)
    # Counting the values is exact, and needs no copy of all images in another type.
    counts = torch.stack(
        [torch.bincount(pixels[:, c].flatten(), minlength=256) for c in range(pixels.shape[1])]
    )
    shares = counts.cpu().double() / len(pixels) / pixels[0, 0].numel()
    mean = shares @ values
    return mean, (shares @ values**2 - mean**2).clamp(min=0).sqrt()


class Batches:
    """The batches of one part of a data set.

    In file order or, with `shuffle`, in an order drawn anew for each epoch. `input_size` is the
    height and width that the network takes; images of another size are resized. `augmentations`
    are names from core.augmentations, applied in this order, before the resizing.

    `batch_size` counts the images of all processes of `world`; a batch has those of this one.
    `on_host` leaves the images in the memory of the host; batches are the same.
    """

    def __init__(
        self,
        images: Images,
        *,
        batch_size: int,
        device: torch.device | str,
        input_size: int,
        scale: Scale,
        seed: int = 0,
        shuffle: bool = False,
        augmentations: Sequence[str] = (),
        world: World = ALONE,
        on_host: bool = False,
    ) -> None:
        self.device = torch.device(device)
        self._ahead = Ahead(images, Link(self.device)) if on_host else None
        self.pixels = images.pixels if on_host else images.pixels.to(self.device)
        self.labels = images.labels if on_host else images.labels.to(self.device)
        self.images = len(images.labels)
        self.batch_size = batch_size
        self.size = (input_size, input_size)
        self.factor = scale.factor.to(self.device)
        self.offset = scale.offset.to(self.device)
        self._shifted = bool(scale.offset.any())
        self.seed = seed
        self.shuffle = shuffle
        self.augmentations = [(name, AUGMENTATIONS[name]) for name in augmentations]
        self.world = world
        self._asked = 0  # the index of the batch that was asked for last
        self._listed: tuple[int, Shuffled] = (0, [])  # an epoch and its batches

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller.

        While training, a last batch of a single image is left out (another image each epoch): one
        image has no statistics for batch normalisation.
        """
        full, rest = divmod(self.images, self.batch_size)
        return full + (rest > (1 if self.shuffle and full else 0))

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Images (B, C, S, S), float32, and labels (B,) as they are; `index` counts from 0.

        Raises IndexError if the epoch has no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        self._asked = index
        if self._ahead:
            after = (epoch, index + 1) if index + 1 < len(self) else (epoch + self.shuffle, 0)
            pixels, labels = self._ahead.take((epoch, index), after, lambda k: self._chosen(*k)[0])
        else:
            rows, labels = self._chosen(epoch, index)
            if not self.augmentations:
                return self._unchanged(rows), labels
            pixels = self._at(rows)
        if self.augmentations:
            for name, augment in self.augmentations:
                pixels = augment(pixels, _generator(name, self.seed, epoch, index))
            chosen = self.part.chosen
            pixels, labels = pixels[chosen], labels[chosen]
        return self._scale(self._resize(pixels)), labels

    @property
    def part(self) -> Part:
        """This process' part of the batch that was asked for last."""
        return self.world.part(self._count(self._asked))

    @property
    def held_back(self) -> float:
        """See core.training.BatchSource."""
        return self._ahead.held_back if self._ahead else 0.0

    def _count(self, index: int) -> int:
        return min(self.batch_size, self.images - index * self.batch_size)

    def _chosen(self, epoch: int, index: int) -> tuple[Rows, Tensor]:
        """Which images a batch is made of, and their labels."""
        # Random changes are drawn for the whole batch: which one an image gets must not depend on
        # which process has it.
        whole = self.world.size == 1 or bool(self.augmentations)
        count = self._count(index)
        taken = slice(0, count) if whole else self.world.part(count).chosen
        if self.shuffle:
            rows, labels = self._shuffled(epoch)[index]
            return (rows, labels) if whole else (rows[taken], labels[taken])
        first = index * self.batch_size
        chosen = slice(first + taken.start, first + taken.stop)
        return chosen, self.labels[chosen]

    def _shuffled(self, epoch: int) -> Shuffled:
        """The batches of an epoch. Their order is drawn on the CPU, so that every device sees the
        same; all are listed at once, which takes less than a slice and a gathering for each."""
        if self._listed[0] != epoch:
            generator = _generator("order", self.seed, epoch)
            order = torch.randperm(self.images, generator=generator).to(self.labels.device)
            labels = self.labels.index_select(0, order)
            rows = order.split(self.batch_size)
            self._listed = epoch, list(zip(rows, labels.split(self.batch_size), strict=True))
        return self._listed[1]

    @cached_property  # made at the first batch: of runs in step, only one forms them
    def _quantized(self) -> QuantizedImages | None:
        """The images as a table, where nothing is done to their bytes before they are scaled."""
        if self.pixels.shape[-2:] != self.size or not fits(self.pixels):
            return None
        return QuantizedImages(self.pixels, self.factor, self.offset)

    def _unchanged(self, rows: Rows) -> Tensor:
        """Images as the network takes them, none of them changed at random."""
        if isinstance(rows, Tensor) and self._quantized:
            return self._quantized.gather(rows)
        return self._scale(self._resize(self._at(rows)))

    def _at(self, rows: Rows) -> Tensor:
        return self.pixels[rows] if isinstance(rows, slice) else self.pixels.index_select(0, rows)

    def _resize(self, pixels: Tensor) -> Tensor:
        if pixels.shape[-2:] == self.size:
            return pixels
        # On the CPU, reducing bytes is three times as fast as reducing floats, and at most one
        # grey level off; other devices have no such operation for bytes.
        if self.device.type != "cpu":
            pixels = pixels.float()
        return F.interpolate(pixels, self.size, mode="bilinear", antialias=True)

    def _scale(self, pixels: Tensor) -> Tensor:
        scaled = pixels.to(torch.float32, copy=True).mul_(self.factor)
        # Pixels to [0, 1] need no shift, and a pass over them is 5 % of the smallest step.
        return scaled.add_(self.offset) if self._shifted else scaled


def stacked_batch(sources: Sequence[Batches], epoch: int, index: int) -> tuple[Tensor, Tensor]:
    """The batch of each source: images (K, B, C, S, S) and labels (K, B).

    The sources, shuffled, differ in their seeds alone and have the images in common: where these
    are not changed at random, all batches are gathered together.
    """
    first, count = sources[0], len(sources)
    if first.augmentations:
        images, labels = zip(*(source.batch(epoch, index) for source in sources), strict=True)
        return torch.stack(images), torch.stack(labels)
    rows, labels = zip(*(source._shuffled(epoch)[index] for source in sources), strict=True)
    images_of_all = first._unchanged(torch.cat(rows))  # (K B, C, S, S)
    return images_of_all.unflatten(0, (count, -1)), torch.stack(labels)


def _generator(*what: str | int) -> torch.Generator:
    """A random generator on the CPU that is a pure function of `what`.

    By a hash, because neighbouring seeds such as seed + epoch would make runs share their orders.
    """
    digest = hashlib.sha256(repr(what).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
