"""Ways of training a network that nnlab is measured against, one a file.

Each file has `prepare(work) -> Callable[[], None]`: it gets data and network ready, which is not
timed, and returns what trains for `work.epochs` epochs with an evaluation after each, which is.
`NEEDS` names the package that must be installed for it, if it needs one; `EVALUATES` is False where
nothing is evaluated.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from core.batches import normalisation
from core.build import build_model
from core.config import RunConfig, make_config
from core.datasets import Dataset, Images, Where, load

LR = 0.1


@dataclass(frozen=True)
class Work:
    """What every peer is to do: the same network, images, batches, optimizer and epochs."""

    model: str
    model_options: str = ""  # as --model-options takes them
    data: str = "fashion-mini"
    data_dir: Path | None = None
    images: int | None = None  # only the first so many for training, a fifth of them for testing
    batch_size: int = 256
    epochs: int = 1
    input_size: int = 28
    device: str = "cpu"

    @cached_property
    def dataset(self) -> Dataset:
        """The images, uint8, at the size that the network takes."""
        loading = load(self.data, Where(self.data_dir))
        while True:
            try:
                next(loading)
            except StopIteration as end:
                found: Dataset = end.value
                break
        if self.images:
            parts = [(found.train, self.images), (found.test, self.images // 5)]
            train, test = (Images(part.pixels[:n], part.labels[:n]) for part, n in parts)
            found = Dataset(found.name, found.classes, train, test, found.digest)
        return found

    @property
    def config(self) -> RunConfig:
        return make_config(
            {
                "model": self.model,
                "model_options": self.model_options,
                "data": self.data,
                "batch_size": self.batch_size,
                "epochs": self.epochs,
                "input_size": self.input_size,
                "optimizer": "sgd",
                "lr": LR,
                "momentum": 0.0,
                "weight_decay": 0.0,
                "schedule": "constant",
                "initializer": "default",
                "device": self.device,
                "threads": torch.get_num_threads(),
            }
        )

    def fresh_model(self) -> nn.Module:
        torch.manual_seed(0)
        channels = self.dataset.train.pixels.shape[1]
        return build_model(
            self.model,
            channels,
            len(self.dataset.classes),
            input_size=self.input_size,
            options=self.config.model_options,
        ).to(self.device)

    def tensors(self, part: Images) -> tuple[Tensor, Tensor]:
        """The images of `part` as a network takes them, float32 from 0 to 1, and their labels."""
        pixels = part.pixels
        if pixels.shape[-1] != self.input_size:
            size = (self.input_size, self.input_size)
            pixels = torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
        scale = normalisation("unit", self.dataset.train)
        images = pixels.float() * scale.factor + scale.offset
        return images.to(self.device), part.labels.to(self.device)
