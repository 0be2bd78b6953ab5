"""From the description of a run and its data to everything that its first step needs."""

import os
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.batches import Batches, normalisation
from core.build import build_model, check_model, input_size_of
from core.compiled import CannotCompile, compile_forward
from core.config import Executor, RunConfig, where_of
from core.control import Control
from core.datasets import Dataset, Images, load
from core.device import Device, device_problem
from core.errors import ConfigError
from core.events import Notice, Progress
from core.graphed import CannotCapture, capture_step
from core.initializers import initialize
from core.losses import LOSSES
from core.memory_format import put_channels_last
from core.optimizers import make_optimizer
from core.prefetch import why_on_host
from core.random_state import seed_all
from core.schedules import SCHEDULES
from core.task import REGRESSION, predicts_numbers
from core.threads import choose_threads, seconds_a_step
from core.training import Position, Training
from core.world import ALONE, World

# Without gradients a batch needs little memory, but a thousand large images are 26 GB in VGG.
EVALUATION_BATCH = 1000  # images, at most
EVALUATION_PIXELS = 4_000_000  # about 80 images of 224 x 224
COMPILING_PAYS = 600.0  # seconds of eager steps, from which on


class Stopped(Exception):
    """Asked to stop before the first step."""


def load_images(
    config: RunConfig, data_dir: Path | None, control: Control
) -> Generator[Progress | Notice, None, Dataset]:
    """The images of a run, or its rows. Raises Stopped when a stop is asked for meanwhile."""
    loading = load(config.data, where_of(config, data_dir))
    while True:
        try:
            event = next(loading)
        except StopIteration as end:
            return end.value
        yield event
        if control.wants("stop"):
            loading.close()
            raise Stopped


def settle(config: RunConfig, dataset: Dataset) -> RunConfig:
    """The settings with what only the data could tell: the loss. Raises ConfigError."""
    task = dataset.task
    if predicts_numbers(config.model) and task is not REGRESSION:
        raise ConfigError(
            f"{config.model} predicts a number, and {config.target} of {config.data} is text.",
            "Choose softmax, which is linear too and tells classes apart, or mlp.",
        )
    if config.label_smoothing and task is REGRESSION:
        raise ConfigError(
            f"{config.target} of {config.data} is a number: it has no label to smooth.",
            "Leave out --label-smoothing, or give --loss cross_entropy to take it for classes.",
        )
    return config.model_copy(update={"loss": config.loss or task.loss})


def prepare(config: RunConfig, dataset: Dataset, device: Device, world: World = ALONE) -> Training:
    """Network, optimizer and batches for `config`, before the first step."""
    channels = dataset.train.pixels.shape[1]
    size = input_size_of(config)
    build: dict[str, Any] = {"input_size": size, "options": config.model_options}
    shape = (channels, size, size)
    check_model(config.model, shape, dataset.outputs, batch_size=config.batch_size, **build)
    seed_all(config.seed)
    model = build_model(config.model, channels, dataset.outputs, **build)
    initialize(
        model,
        config.initializer,
        config.init_options,
        conv=config.conv_init,
        norm=config.norm_init,
    )
    scale = normalisation(config.normalisation, dataset.train)
    on_host = why_on_host([dataset.train, dataset.test], device) is not None
    try:
        model.to(device.torch_name)
        put_channels_last(model)  # after the initializer, which draws in the order of memory
        train_batches = Batches(
            dataset.train,
            batch_size=config.batch_size,
            device=device.torch_name,
            input_size=size,
            scale=scale,
            seed=config.seed,
            shuffle=True,
            augmentations=config.augmentation,
            world=world,
            on_host=on_host,
        )
        evaluated = partial(
            Batches,
            batch_size=max(
                config.batch_size,
                min(EVALUATION_BATCH, EVALUATION_PIXELS // size**2) * world.size,
            ),
            device=device.torch_name,
            input_size=size,
            scale=scale,
            world=world,
            on_host=on_host,
        )
        test_batches = evaluated(dataset.test)
        evaluated_train = None
        if config.evaluate_train:  # of the images that lie on the device already
            evaluated_train = evaluated(Images(train_batches.pixels, train_batches.labels))
    except RuntimeError as error:
        raise device_problem(error, device, config.batch_size) from error
    return Training(
        model,
        make_optimizer(
            config.optimizer,
            model,
            config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            l1=config.l1,
            decay_biases=config.decay == "all",
        ),
        train_batches,
        test_batches,
        schedule=SCHEDULES[config.schedule],
        position=Position(epochs=config.epochs, lr=config.lr),
        warmup=config.warmup,
        loss=LOSSES[config.loss or dataset.task.loss],
        score=dataset.task.score(dataset.train.labels),
        test_score=dataset.task.score(dataset.test.labels),
        label_smoothing=config.label_smoothing,
        precision=config.precision,
        report_interval=config.report_interval,
        evaluated_train=evaluated_train,
    )


def choose_executor(training: Training) -> tuple[Executor, str]:
    """How the steps of `training` are carried out by "auto", and why.

    From docs/performance.md: compiling takes up to 75 s, and saves a fifth of a convolutional
    network's time on a CPU, of others nothing. A GPU's small steps are bound by their launches.
    """
    device = next(training.model.parameters()).device.type
    if device == "cuda":
        return "graph", "a GPU starts a captured step with one launch"
    if device != "cpu" or not any(isinstance(m, nn.Conv2d) for m in training.model.modules()):
        return "eager", "only convolutions on a CPU gain by compiling"
    at, batches = training.position, training.train_batches
    seconds = seconds_a_step(training.model, *batches.batch(1, 0), training.loss)
    seconds *= at.epochs * len(batches)
    planned = f"its steps take about {seconds:,.0f} s"
    if seconds < COMPILING_PAYS:
        return "eager", f"{planned}, and compiling pays from {COMPILING_PAYS:.0f} s on"
    return "compile", planned


def set_executor(
    wanted: Executor, training: Training
) -> Generator[Progress | Notice, None, Executor]:
    """Have steps carried out as `wanted`, once the threads are set; eagerly if that cannot be.

    Returns how they are carried out.
    """
    if wanted == "auto":
        wanted, why = choose_executor(training)
        yield Notice(f"executor auto: {wanted}, for {why}")
    if wanted == "eager":
        return "eager"
    yield Progress("compiling" if wanted == "compile" else "capturing", 0, None)
    done = "compiled" if wanted == "compile" else "captured"
    try:
        seconds = compile_forward(training) if wanted == "compile" else capture_step(training)
    except (CannotCompile, CannotCapture) as error:
        yield Notice(f"steps run eagerly, for they cannot be {done}: {error}")
        return "eager"
    yield Notice(f"steps are {done} (in {seconds:.0f} s)")
    return wanted


def set_threads(wanted: int | None, training: Training, world: World = ALONE) -> tuple[int, str]:
    """Fix torch's CPU threads for this run. Returns their number and why."""
    if wanted is None and world.size > 1:
        # Not timed: the others would be in the way.
        affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
        processors = len(affinity(0)) if affinity else os.cpu_count() or 1
        threads = max(processors // world.local_size, 1)
        why = f"{threads} CPU thread{'s' * (threads > 1)} for each process"
    elif wanted is None and next(training.model.parameters()).device.type == "cpu":
        threads, why = choose_threads(
            training.model, *training.train_batches.batch(1, 0), training.loss
        )
    else:
        threads = wanted or torch.get_num_threads()
        why = f"{threads} CPU thread{'s' * (threads > 1)}"
    torch.set_num_threads(threads)
    return threads, why
