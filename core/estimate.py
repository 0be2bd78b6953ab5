"""What a run will cost, before it starts: parameters, multiply-adds, memory and time.

Importing this module does not import torch: the launch screen is drawn before torch is there.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from core.build import build_model, default_input_size, input_size_of
from core.config import RunConfig, defaults_for
from core.datasets import DATASETS, Where, is_table
from core.errors import ModelError, NNLabError, RunError
from core.events import RunStart
from core.models import MODELS
from core.optimizers import OPTIMIZERS
from core.runs import read_info
from core.task import CLASSIFICATION, REGRESSION, Task, predicts_numbers

if TYPE_CHECKING:
    from core.device import Device
    from core.summary import Summary

PROBE_SECONDS = 1.2  # no step begins that would likely end later than this
PROBE_STEPS = 32  # at most, of the whole batch
FIRST_BATCH = 4  # images in the first step tried; batch normalisation needs more than one
FLOAT_BYTES = 4

_probing = threading.Lock()  # two probes at once would slow each other down


@dataclass(frozen=True)
class ImageFacts:
    """What is known of a data set without reading its images. Unknown is None."""

    channels: int
    classes: int  # 1 if a number is to be predicted: the network's outputs
    train: int  # images
    test: int
    side: int | None  # height and width in pixels
    pixel_bytes: int = 1  # in memory
    task: Task = CLASSIFICATION


@dataclass(frozen=True)
class Estimate:
    """What a run will cost. Unknown is None."""

    summary: "Summary"
    device: "Device"
    batch_size: int
    epochs: int
    images: ImageFacts
    memory_bytes: int  # on the device, while training
    evaluate_train: bool = False
    step_seconds: float | None = None  # of one training step, once it was timed

    @property
    def fits(self) -> bool:
        """Whether the device has the memory, as far as that is known."""
        free = self.device.memory_free_bytes
        return free is None or self.memory_bytes <= free

    @property
    def seconds_per_epoch(self) -> float | None:
        """Training and evaluation; evaluating an image is a third of the work of training on it."""
        if self.step_seconds is None or self.images.train is None:
            return None
        steps = ceil(self.images.train / self.batch_size)
        evaluated = (self.images.test or 0) + self.images.train * self.evaluate_train
        return self.step_seconds * (steps + evaluated / self.batch_size / 3)

    @property
    def seconds(self) -> float | None:
        """All epochs together."""
        return None if self.seconds_per_epoch is None else self.seconds_per_epoch * self.epochs


def image_facts(data: str, where: Where | None = None) -> ImageFacts:
    """What is known of the data set, folder of images or table called `data`. Imports no torch.

    A folder is listed, and of its images the first one is opened; a table is read, as `where` says.
    Raises DataError.
    """
    if data in DATASETS:
        facts = DATASETS.declared[data].facts
        return ImageFacts(**{f.name: facts[f.name] for f in fields(ImageFacts) if f.name in facts})
    if is_table(data):
        return _table_facts(data, where or Where())
    from core.datasets.image_folder import list_images
    from core.datasets.split import TEST_SHARE

    folder = Path(data).expanduser()
    contents = list_images(folder)
    train, test = len(contents.train), len(contents.test)
    if not test:  # to be split off
        test = round(train * TEST_SHARE)
        train -= test
    channels, side = _look_at(folder / contents.train[0].path)
    return ImageFacts(channels, len(contents.classes), train, test, side)


def _table_facts(data: str, where: Where) -> ImageFacts:
    path = Path(data).expanduser()
    try:
        found = path.stat()
    except OSError:  # whoever reads it tells
        return _read_table(path, where, ())
    return _read_table(path, where, (found.st_size, found.st_mtime_ns, found.st_ino))


@lru_cache(maxsize=8)
def _read_table(path: Path, where: Where, stamp: tuple[int, ...]) -> ImageFacts:
    """A form asks at each change of a setting; only another `stamp` is another file."""
    from core.datasets.table import prepare_table

    reading = prepare_table(path, where)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found = end.value
            break
    return ImageFacts(
        channels=found.features.shape[1],
        classes=len(found.classes) or 1,
        train=len(found.train),
        test=len(found.test),
        side=1,
        pixel_bytes=found.features.itemsize,
        task=CLASSIFICATION if found.classes else REGRESSION,
    )


def _look_at(image: Path) -> tuple[int, int | None]:
    """Channels, and the side of a square with as many pixels.

    A file that cannot be read as an image counts as colour: decoding is what complains of it.
    """
    import PIL.Image

    from core.datasets.decode import GREY

    try:
        with PIL.Image.open(image) as opened:
            return 1 if opened.mode in GREY else 3, round((opened.width * opened.height) ** 0.5)
    except (OSError, ValueError, PIL.Image.DecompressionBombError):
        return 3, None


def summarize_for(config: RunConfig, images: ImageFacts) -> "Summary":
    """The layers of the network for such images. Raises what `summarize_named` raises."""
    from core.summary import summarize_named

    side = input_size_of(config)
    return summarize_named(
        config.model,
        (images.channels, side, side),
        images.classes,
        options=config.model_options,
        batch_size=config.batch_size,
    )


def summarize_run(start: RunStart) -> "Summary":
    """The layers of the network of a run. Raises what `summarize_named` raises, and RunError."""
    config = read_info(Path(start.path)).config
    if config is None:
        raise RunError(
            f"{Path(start.path) / 'config.json'} is missing or damaged.",
            "Resume the run: that brings it back.",
        )
    images = ImageFacts(
        channels=start.image_shape[0],
        classes=len(start.classes) or 1,
        train=start.train_images,
        test=start.test_images,
        side=start.image_shape[1],
    )
    return summarize_for(config, images)


def estimate(config: RunConfig, images: ImageFacts, summary: "Summary") -> Estimate:
    """What the run `config` will cost, all but the time. Raises DeviceError."""
    from core.device import choose_device

    device = choose_device(config.device)
    return Estimate(
        summary=summary,
        device=device,
        batch_size=config.batch_size,
        epochs=config.epochs,
        images=images,
        memory_bytes=memory_bytes(config, images, summary, device),
        evaluate_train=config.evaluate_train,
    )


def layers_and_memory(config: RunConfig, images: ImageFacts) -> Estimate:
    """The same with the layers that it takes. Raises what `summarize_for` and `estimate` raise."""
    return estimate(config, images, summarize_for(config, images))


def parameters_of_all(images: ImageFacts) -> dict[str, int]:
    """Parameters of each registered network that can be built for such images. Allocates none."""
    import torch

    from core.shapes import ShapesOnly

    counts = {}
    rows = images.side == 1
    for name, declared in MODELS.declared.items():
        if (rows and not declared.facts.get("rows")) or (not rows and predicts_numbers(name)):
            continue
        side = defaults_for({"model": name}).get("input_size") or default_input_size(name)
        side = 1 if rows else side
        try:
            with torch.device("meta"), ShapesOnly():
                model = build_model(name, images.channels, images.classes, input_size=side)
        except NNLabError:  # whoever picks it is told why
            continue
        counts[name] = sum(p.numel() for p in model.parameters())
    return counts


def memory_bytes(
    config: RunConfig, images: ImageFacts, summary: "Summary", device: "Device"
) -> int:
    """What training keeps on the device at the same time.

    Weights, gradients and activations, the optimizer's copies of the weights, one batch as floats,
    and all images of the data set as they were loaded, if the device has room for them.
    """
    from core.prefetch import lies_on_host

    side = summary.input_shape[1]
    pixels = images.channels * (images.side or side) ** 2 * images.pixel_bytes
    all_images = ((images.train or 0) + (images.test or 0)) * pixels
    resident = 0 if lies_on_host(all_images, device) else all_images
    batch = config.batch_size * images.channels * side**2 * FLOAT_BYTES
    return (
        summary.model_bytes
        + summary.forward_bytes
        + summary.backward_bytes
        + optimizer_copies(config) * summary.trainable_params * FLOAT_BYTES
        + batch
        + resident
    )


def optimizer_copies(config: RunConfig) -> int:
    """How many numbers the optimizer keeps for each parameter, found by letting it take a step."""
    import torch

    weight = torch.nn.Parameter(torch.zeros(2, 3))
    weight.grad = torch.zeros(2, 3)
    build = OPTIMIZERS[config.optimizer]
    optimizer = build([weight], config.lr, config.momentum, config.weight_decay)
    optimizer.step()
    kept = optimizer.state[weight].values()
    return sum(isinstance(v, torch.Tensor) and v.shape == weight.shape for v in kept)


def time_step(
    config: RunConfig, found: Estimate, cancelled: Callable[[], bool] = lambda: False
) -> float | None:
    """Seconds of one training step, timed with random images in about a second.

    Where a whole batch would take longer than that, fewer images are timed and the rest is
    inferred. Not to be called while something trains in this process: it shares torch's random
    state and its threads with that. Returns None if `cancelled()` became true.

    Raises OutOfMemory, and ModelError for whatever else goes wrong in the step.
    """
    import torch

    from core.device import is_out_of_memory, out_of_memory

    with _probing, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        try:
            return _time_batches(config, found, cancelled)
        except NNLabError:
            raise
        except Exception as error:  # anything can go wrong in a user's network
            if is_out_of_memory(error):
                raise out_of_memory(error, found.device, config.batch_size) from error
            raise ModelError(
                f"{config.model} fails in a training step: {type(error).__name__}: {error}.",
                "Mend the network, or try another batch size or input size.",
            ) from error
        finally:
            torch.set_num_threads(threads)
            if found.device.torch_name.startswith("cuda"):
                torch.cuda.empty_cache()  # for whoever shares this GPU


def _time_batches(
    config: RunConfig, found: Estimate, cancelled: Callable[[], bool]
) -> float | None:
    """Time larger and larger batches until one is whole, or the next would take too long."""
    import torch

    steps = _training_steps(config, found)
    choices = [config.threads or torch.get_num_threads()]
    if config.threads is None and found.device.torch_name == "cpu":
        choices = sorted({1, *choices})  # a run takes the faster one, too
    per_image = 0.0  # seconds, by the largest batch so far
    end = time.perf_counter() + PROBE_SECONDS
    for count in _counts(config.batch_size):
        expected = per_image * count * 2 * len(choices)  # two calls for each, see _times
        if per_image and time.perf_counter() + expected > end:
            break
        step = steps(count)
        fastest = []
        for threads in choices:
            torch.set_num_threads(threads)
            times = _times(step, PROBE_STEPS if count == config.batch_size else 1, end, cancelled)
            if times is None:
                return None
            fastest.append(statistics.median(times))
        per_image = min(fastest) / count
    return per_image * config.batch_size


def _counts(batch_size: int) -> Iterator[int]:
    """FIRST_BATCH, four times as many, ... up to the whole batch."""
    count = FIRST_BATCH
    while count < batch_size:
        yield count
        count *= 4
    yield batch_size


def _times(
    step: Callable[[], None], most: int, end: float, cancelled: Callable[[], bool]
) -> list[float] | None:
    """Seconds of up to `most` calls after a first one that warms up; none begins after `end`."""
    times: list[float] = []
    for _ in range(most + 1):
        if cancelled():
            return None
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
        if time.perf_counter() > end:
            break
    return times[1:] or times


def _training_steps(config: RunConfig, found: Estimate) -> Callable[[int], Callable[[], None]]:
    """The network with fresh weights; called with a number of images, gives a step to call."""
    import torch

    from core.allocator import keep_freed_memory
    from core.batches import Batches, normalisation
    from core.datasets import Images
    from core.losses import LOSSES
    from core.memory_format import put_channels_last

    loss_of = LOSSES[config.loss or found.images.task.loss]
    device, facts = found.device.torch_name, found.images
    if device == "cpu":
        keep_freed_memory()  # as a run does
    side = found.summary.input_shape[1]
    model = build_model(
        config.model,
        facts.channels,
        facts.classes,
        input_size=side,
        options=config.model_options,
    ).to(device)
    put_channels_last(model)
    optimizer = OPTIMIZERS[config.optimizer](
        model.parameters(), config.lr, config.momentum, config.weight_decay
    )

    def with_images(count: int) -> Callable[[], None]:
        shape = (count, facts.channels, facts.side or side, facts.side or side)
        labels = torch.randint(facts.classes, (count,))
        images = Images(
            torch.randint(256, shape, dtype=torch.uint8),
            labels if facts.task is CLASSIFICATION else labels.float(),
        )
        batches = Batches(
            images,
            batch_size=count,
            device=device,
            input_size=side,
            scale=normalisation(config.normalisation, images),
            seed=0,
            shuffle=True,
            augmentations=config.augmentation,
        )

        def step() -> None:
            pixels, labels = batches.batch(1, 0)
            loss = loss_of(model(pixels), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # waits for the device

        return step

    return with_images
