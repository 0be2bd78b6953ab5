"""The network of a run, ready to be used: rebuilt from the run's settings, with the weights of one
of its checkpoints. Its training images are not needed for that.
"""

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from core.batches import Batches, Scale
from core.build import build_model, input_size_of, is_user_model
from core.checkpoint import checkpoints, load_checkpoint, load_newest
from core.config import RunConfig, problems, where_of
from core.datasets import Dataset, Images, Loading, load
from core.datasets.columns import Encoding
from core.device import Device, choose_device, is_out_of_memory
from core.errors import OutOfMemory, RunError
from core.events import Progress, RunStart
from core.losses import LOSSES, Loss
from core.memory_format import put_channels_last
from core.permissions import check_own
from core.prefetch import why_on_host
from core.record import read_events
from core.task import CLASSIFICATION, REGRESSION, Task
from core.training import Position

NEWS = 0.2  # seconds between two reports on predictions


@dataclass(frozen=True)
class Trained:
    """A network with the weights of one checkpoint, and how images have to be given to it."""

    run: Path
    config: RunConfig
    model: nn.Module  # in evaluation mode, on `device`
    device: Device
    checkpoint: Path
    position: Position  # of the checkpoint
    classes: tuple[str, ...]  # none if it predicts a number
    image_shape: tuple[int, int, int]  # (C, H, W) of the images it was trained on, as loaded
    scale: Scale
    input_size: int  # height and width that the network takes
    notices: tuple[str, ...]  # what was found on the way, such as a damaged checkpoint
    encoding: Encoding | None  # of the table that it was trained on

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return CLASSIFICATION if self.classes else REGRESSION

    def numbers(self, values: Tensor) -> Tensor:
        """Outputs (N, 1) or targets (N,), in the units of training, as numbers of the table: (N,),
        float64."""
        assert self.encoding is not None
        return values.reshape(-1).double() * self.encoding.target_spread + self.encoding.target_mean

    @property
    def epoch(self) -> int:
        """The epoch that the checkpoint was saved in or after."""
        return self.position.epoch if self.position.batch else self.position.epoch - 1

    @property
    def loss(self) -> Loss:
        """The loss that the run was tested with: without label smoothing, unless that is given."""
        return LOSSES[self.config.loss or self.task.loss]

    @property
    def training_loss(self) -> Loss:
        """The loss that the run minimised."""
        return partial(self.loss, label_smoothing=self.config.label_smoothing)

    def batches(self, images: Images, *, shuffle: bool = False) -> Batches:
        """`images`, of `image_shape`, as the network takes them, without augmentation.

        In file order, or shuffled as the run shuffled them.
        """
        return Batches(
            images,
            batch_size=self.config.batch_size,
            device=self.device.torch_name,
            input_size=self.input_size,
            scale=self.scale,
            seed=self.config.seed,
            shuffle=shuffle,
            on_host=why_on_host([images], self.device) is not None,
        )

    def load_data(self, data_dir: Path | None = None) -> Loading:
        """The images that the run was trained and tested on. Raises DataError or RunError."""
        dataset = yield from load(self.config.data, where_of(self.config, data_dir))
        self._check(dataset)
        return dataset

    def _check(self, dataset: Dataset) -> None:
        shape = tuple(dataset.train.pixels.shape[1:])
        if dataset.encoding != self.encoding:
            raise RunError(
                f"{self.config.data} has changed: its columns are not those that {self.run.name} "
                "was trained on, or their mean values.",
                "Bring the table back, or train again.",
            )
        if dataset.classes != self.classes or shape[0] != self.image_shape[0]:
            raise RunError(
                f"{self.config.data} has changed: {self.run.name} was trained on "
                f"{len(self.classes)} classes in {self.image_shape[0]} channels, and there are "
                f"{len(dataset.classes)} in {shape[0]} now, or others.",
                "Bring the images back, or train again.",
            )


def load_trained(run: Path, which: str = "best", device: str = "auto") -> Trained:
    """The network of the run in the folder `run`.

    `which` is "best" (highest test score; the newest, if none was tested yet), "last", or a
    step. Raises RunError if the run or the checkpoint cannot be read, DeviceError, and whatever
    building the network raises.
    """
    check_own(run)
    start = _read_start(run)
    folder = run / "checkpoints"
    notices: list[str] = []
    if which in ("best", "last"):
        checkpoint, notices = load_newest(folder)
        best = checkpoint.position.best_step
        if which == "best" and best not in (None, checkpoint.position.step):
            checkpoint = load_checkpoint(folder / f"step-{best:08d}")
    else:
        checkpoint = load_checkpoint(_find(folder, which))
    config = _usable_config(run, checkpoint.circumstances.config)
    chosen = choose_device(device)
    channels = start.image_shape[0]
    size = input_size_of(config)
    # Built without weights, a network of ours draws no random number that a run in this process
    # would miss; one of a user's may need values.
    ours = not is_user_model(config.model)
    with torch.device("meta") if ours else nullcontext():
        model = build_model(
            config.model,
            channels,
            len(start.classes) or 1,
            input_size=size,
            options=config.model_options,
        )
    try:
        model.load_state_dict(checkpoint.model, assign=ours)
        model.to(chosen.torch_name)
        put_channels_last(model)  # as it was trained: the same sums in the same order
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"{chosen.torch_name} ({chosen.name}) has no memory for {config.model}.",
                "Try --device cpu.",
            ) from error
        lines = str(error).splitlines()
        raise RunError(
            f"{config.model} is no longer the network that {run.name} was trained with: "
            f"{lines[1 if len(lines) > 1 else 0].strip()}",
            "Bring back the file that it was defined in, or train again.",
        ) from error
    return Trained(
        run=run,
        config=config,
        model=model.eval(),
        device=chosen,
        checkpoint=checkpoint.path,
        position=checkpoint.position,
        classes=start.classes,
        image_shape=(channels, start.image_shape[1], start.image_shape[2]),
        scale=Scale(_per_channel(start.scale_factor), _per_channel(start.scale_offset)),
        input_size=size,
        notices=tuple(notices),
        encoding=None if start.table is None else Encoding.from_json(start.table),
    )


def predict(trained: Trained, images: Images) -> Generator[Progress, None, Tensor]:
    """The logits (N, K) for `images`, float32, on the CPU. Raises OutOfMemory."""
    batches = trained.batches(images)
    found: list[Tensor] = []
    told = perf_counter()
    try:
        for index in range(len(batches)):
            # Left before each yield: a consumer must not find itself in inference mode.
            with torch.inference_mode():
                found.append(trained.model(batches.batch(0, index)[0]).float().cpu())
            if perf_counter() - told > NEWS:
                yield Progress("predicting", index + 1, len(batches), "batches")
                told = perf_counter()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{trained.device.torch_name} ({trained.device.name}) is out of memory for "
            f"{trained.config.batch_size} images at a time.",
            "Try --device cpu.",
        ) from error
    return torch.cat(found).clone()  # cloned: what inference made cannot be used by autograd


def _usable_config(run: Path, values: dict[str, Any]) -> RunConfig:
    """The run's settings; that its images are gone does not matter here. Raises RunError."""
    try:
        return RunConfig(**values)
    except ValidationError as error:
        bad = problems(error)
    if bad.keys() == {"data"}:
        # Validated on what it is: a network for tables is none for images, which are the default.
        without = {n: v for n, v in values.items() if n not in ("data", "target", "model")}
        kept = {n: values.get(n) for n in ("data", "target", "model")}
        return RunConfig(**without, model="mlp").model_copy(update=kept)
    raise RunError(
        f"The settings of {run.name} cannot be used: {'; '.join(bad.values())}",
        "Bring back what they name, or train again.",
    )


def _read_start(run: Path) -> RunStart:
    """The newest RunStart of the run. Raises RunError."""
    starts = [event for event in read_events(run) if isinstance(event, RunStart)]
    if not starts:
        raise RunError(
            f"{run.name} has not begun: its events.jsonl tells of no start.",
            "Wait for its first epoch, or train again.",
        )
    if len(starts[-1].image_shape) != 3:
        raise RunError(
            f"{run.name} was recorded without the shape of its images.", "Train it again."
        )
    return starts[-1]


def _find(folder: Path, which: str) -> Path:
    """The checkpoint of the step `which`: "300", or as its folder is called. Raises RunError."""
    found = checkpoints(folder)
    digits = which.removeprefix("step-").lstrip("0") or "0"
    for path in found:
        if str(int(path.name[5:])) == digits:
            return path
    there = ", ".join(str(int(path.name[5:])) for path in found)
    raise RunError(
        f"{folder} has no checkpoint {which!r}.",
        f"Choose best, last or a step: {there}." if found else "There is none at all.",
    )


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1)
