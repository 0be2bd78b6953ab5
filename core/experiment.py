"""A run from its description: the one place that wires network, images, loop and folder."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.batches import Batches, normalisation
from core.build import build_model, check_model, input_size_of
from core.checkpoint import checkpoints, load_newest, restore_random_state, save_checkpoint
from core.config import RunConfig, where_of
from core.control import Control
from core.crash import traces_kept
from core.datasets import Dataset, load
from core.device import (
    Device,
    choose_device,
    devices_for,
    has_failed,
    is_out_of_memory,
    out_of_memory,
)
from core.device_queue import Place
from core.errors import ConfigError, DeviceError, NNLabError, RunError, TrainingDiverged
from core.events import CheckpointSaved, Event, Notice, Progress, RunEnd, RunStart
from core.foreign_weights import read_foreign_weights
from core.initializers import initialize
from core.losses import LOSSES
from core.mailbox import requests_reach
from core.optimizers import make_optimizer
from core.permissions import check_own, share_folder
from core.record import has_begun, record, set_aside
from core.run_lock import hold
from core.runs import (
    check_free,
    create_run,
    discard_run,
    process_facts,
    read_facts,
    read_info,
    write_config,
    write_facts,
)
from core.schedules import SCHEDULES
from core.task import REGRESSION, predicts_numbers
from core.threads import choose_threads
from core.train import Position, Training, train

EVALUATION_BATCH = 1000  # images; without gradients a batch needs little memory


class Stopped(Exception):
    """Asked to stop before the first step."""


def run_experiment(
    config: RunConfig,
    *,
    runs_dir: Path,
    name: str | None = None,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
    share: bool = False,
) -> Iterator[Event]:
    """Prepare and train a new run in a folder of its own, yielding all that happens.

    To `queue`, it first waits for a device that no other run of this user trains on. Its folder is
    for its owner alone or, to `share`, for the group to read too.

    What is wrong before the first step raises NNLabError and leaves no folder behind; what goes
    wrong after RunStart is told by a RunEnd and then raised.
    """
    run = create_run(runs_dir, config, name, share=share)
    yield from run_created(run, data_dir=data_dir, control=control, queue=queue)


def run_created(
    run: Path,
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
) -> Iterator[Event]:
    """The same for a run whose folder, with its config, `create_run` has made already."""
    control = control or Control()
    try:
        with _at_work(run, control) as (place, notices):
            _note(run, process_facts())
            yield from _begin(run, place, data_dir, control, queue, notices)
    finally:
        if not has_begun(run):
            discard_run(run)


def _begin(
    run: Path,
    place: Place,
    data_dir: Path | None,
    control: Control,
    queue: bool,
    notices: list[Notice],
) -> Iterator[Event]:
    """The events of a run from its first step on."""
    config = _read_config(run)
    try:
        device = yield from _find_device(run, config, place, control, queue)
        dataset = yield from load_images(config, data_dir, control)
        config = _settle(config, dataset)
        _write(write_config, run, config)
        training = prepare(config, dataset, device)
        threads, why = set_threads(config.threads, training)
        yield Notice(why)
        if control.wants("stop"):
            raise Stopped
    except Stopped:
        yield RunEnd("stopped", 0, 0, None, None, 0.0)
        return
    training.control = control
    events = _train_in(run, training, config, dataset, device, threads, notices)
    yield from record(run, events, dataset.digest)


def resume_experiment(
    run: Path,
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    force: bool = False,
    share: bool = False,
) -> Iterator[Event]:
    """Continue the run in the folder `run` from its newest checkpoint that is whole.

    With `force` also if a process of another machine has it, which cannot be seen from here. To
    `share`, its group may read it from now on. Raises RunError if it is somebody else's, is in use,
    has nothing left to train, or cannot be read.
    """
    control = control or Control()
    check_own(run)
    with _at_work(run, control, force) as (place, notices):
        if share:
            share_folder(run)
        if has_begun(run):
            yield from _go_on(run, place, data_dir, control, notices)
        else:  # its process was killed before the first step
            yield from _begin(run, place, data_dir, control, False, notices)


@contextmanager
def _at_work(
    run: Path, control: Control, force: bool = False
) -> Iterator[tuple[Place, list[Notice]]]:
    """Alone with a run, within reach of requests to it; also what its log should be told."""
    with (
        hold(run, force=force) as warning,
        traces_kept(run),
        requests_reach(run, control),
        Place(run) as place,
    ):
        yield place, [Notice(warning)] if warning else []


def _go_on(
    run: Path, place: Place, data_dir: Path | None, control: Control, notices: list[Notice]
) -> Iterator[Event]:
    """The events of a run that is resumed, while nobody else can. Raises RunError."""
    info, config = read_info(run), _read_config(run)
    checkpoint, damaged = load_newest(run / "checkpoints")
    # A run that was killed after its last checkpoint has only its end left to tell.
    ended = read_facts(run).get("state") == "finished"
    if checkpoint.position.epoch > checkpoint.position.epochs and ended:
        raise RunError(
            f"{run.name} has finished all its {checkpoint.position.epochs} epochs.",
            f"Start a longer one: nnlab train --config {run / 'config.json'} --epochs N",
        )
    try:
        device = yield from _find_device(run, config, place, control, queue=False)
        dataset = yield from load_images(config, data_dir, control)
    except Stopped:
        yield RunEnd("stopped", 0, checkpoint.position.step, None, None, 0.0)
        return
    if read_facts(run).get("data_digest", dataset.digest) != dataset.digest:
        samples = "rows" if dataset.encoding else "images"
        raise RunError(
            f"The {samples} in {config.data} are not those that {run.name} was trained on.",
            f"Start a new run: nnlab train --config {run / 'config.json'}",
        )
    config = _settle(config, dataset)
    training = prepare(config, dataset, device)
    # The same number as before: another one sums in another order, and the bits change.
    threads, why = set_threads(config.threads or info.threads, training)
    notices += [Notice(f"left out: {line}") for line in damaged] + [Notice(why)]
    training.control = control
    training.model.load_state_dict(checkpoint.model)
    training.optimizer.load_state_dict(checkpoint.optimizer)
    training.position = checkpoint.position
    restore_random_state(checkpoint.random)
    if moved := set_aside(run, checkpoint.position.step, checkpoint.position.epoch):
        rows = "1 row" if moved == 1 else f"{moved} rows"
        notices.append(Notice(f"{rows} after step {checkpoint.position.step} set aside"))
    events = _train_in(run, training, config, dataset, device, threads, notices)
    yield from record(run, events, dataset.digest)


def import_run(
    config: RunConfig,
    file: Path,
    *,
    runs_dir: Path,
    name: str | None = None,
    data_dir: Path | None = None,
    share: bool = False,
) -> Iterator[Event]:
    """A new run of `config` that has the weights in somebody's `file` and no step yet.

    It is stopped before its first step, so it can be evaluated and inspected, and resuming it
    trains these weights on. Raises ModelError, leaving no folder behind, if they cannot be used.
    """
    if name is not None:
        check_free(runs_dir, name)
    device = choose_device(config.device)
    dataset = yield from load_images(config, data_dir, Control())
    config = _settle(config, dataset)
    training = prepare(config, dataset, device)
    yield Progress(f"reading {file.name}", 0, None)
    weights = read_foreign_weights(file, training.model.state_dict())
    training.model.load_state_dict(weights)
    threads, why = set_threads(config.threads, training)
    run = create_run(runs_dir, config, name, share=share)

    def events() -> Iterator[Event]:
        yield Notice(f"weights imported from {file.absolute()}")
        yield Notice(why)
        yield _start(run, training, config, dataset, device, threads)
        yield save_checkpoint(
            run / "checkpoints", training.model, training.optimizer, training.position, "import"
        )
        yield _end(training, "stopped")

    with hold(run):
        yield from record(run, events(), dataset.digest)


def _read_config(run: Path) -> RunConfig:
    """The config in the folder of a run. Raises RunError."""
    config = read_info(run).config
    if config is None:
        raise RunError(
            f"{run / 'config.json'} is missing or damaged.",
            "Start the run again with `nnlab train`.",
        )
    return config


def _note(run: Path, facts: dict[str, Any]) -> None:
    """Change run.json before there are events to record. Raises RunError."""
    _write(write_facts, run, read_facts(run) | facts)


def _write(write: Callable[[Path, Any], None], run: Path, content: Any) -> None:
    try:
        write(run, content)
    except OSError as error:
        raise RunError(
            f"The run folder {run} cannot be written: {error.strerror}.",
            "Free space or mend its permissions.",
        ) from None


def _find_device(
    run: Path, config: RunConfig, place: Place, control: Control, queue: bool
) -> Generator[Event, None, Device]:
    """The device of a run, noted as in use. Raises Stopped when a stop is asked for meanwhile."""
    name = config.device
    if queue:
        _note(run, {"state": "queued"})
        found = yield from place.wait(devices_for(name), control)
        if found is None:
            raise Stopped
        _note(run, {"state": "preparing"})
        name = found.torch_name
    device = choose_device(name)
    if device.note:
        yield Notice(device.note)
    if not queue:
        try:
            place.use(device)
        except OSError as error:
            yield Notice(f"runs that wait in a queue cannot see this one: {error}")
    return device


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


def _settle(config: RunConfig, dataset: Dataset) -> RunConfig:
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


def prepare(config: RunConfig, dataset: Dataset, device: Device) -> Training:
    """Network, optimizer and batches for `config`, before the first step."""
    channels = dataset.train.pixels.shape[1]
    size = input_size_of(config)
    build: dict[str, Any] = {"input_size": size, "options": config.model_options}
    shape = (channels, size, size)
    check_model(config.model, shape, dataset.outputs, batch_size=config.batch_size, **build)
    torch.manual_seed(config.seed)
    model = build_model(config.model, channels, dataset.outputs, **build)
    initialize(
        model,
        config.initializer,
        config.init_options,
        conv=config.conv_init,
        norm=config.norm_init,
    )
    scale = normalisation(config.normalisation, dataset.train)
    try:
        model.to(device.torch_name)
        train_batches = Batches(
            dataset.train,
            batch_size=config.batch_size,
            device=device.torch_name,
            input_size=size,
            scale=scale,
            seed=config.seed,
            shuffle=True,
            augmentations=config.augmentation,
        )
        test_batches = Batches(
            dataset.test,
            batch_size=max(config.batch_size, EVALUATION_BATCH),
            device=device.torch_name,
            input_size=size,
            scale=scale,
        )
    except RuntimeError as error:
        raise _as_problem(error, device, config) from error
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
        report_interval=config.report_interval,
    )


def set_threads(wanted: int | None, training: Training) -> tuple[int, str]:
    """Fix torch's CPU threads for this run. Returns their number and why."""
    if wanted is None and next(training.model.parameters()).device.type == "cpu":
        threads, why = choose_threads(
            training.model, *training.train_batches.batch(1, 0), training.loss
        )
    else:
        threads = wanted or torch.get_num_threads()
        why = f"{threads} CPU thread{'s' * (threads > 1)}"
    torch.set_num_threads(threads)
    return threads, why


def _train_in(
    run: Path,
    training: Training,
    config: RunConfig,
    dataset: Dataset,
    device: Device,
    threads: int,
    notices: list[Notice],
) -> Iterator[Event]:
    """The events of the training itself, from RunStart to RunEnd."""

    def save(reason: str) -> CheckpointSaved:
        _check_finite(training)
        return save_checkpoint(
            run / "checkpoints", training.model, training.optimizer, training.position, reason
        )

    training.save = save
    yield from notices
    yield _start(run, training, config, dataset, device, threads)
    try:
        yield from train(training)
        finished = training.position.epoch > training.position.epochs
        if training.stopping:
            yield save("stop")
        yield _end(training, "finished" if finished else "stopped")
    except (NNLabError, RuntimeError, OSError) as error:
        problem = _as_problem(error, device, config, run)
        yield replace(_end(training, "failed"), problem=problem.problem, fix=problem.fix)
        raise problem from error


def _start(
    run: Path, training: Training, config: RunConfig, dataset: Dataset, device: Device, threads: int
) -> RunStart:
    batches = training.train_batches
    assert isinstance(batches, Batches)
    return RunStart(
        run=run.name,
        path=str(run),
        model=config.model,
        data=config.data,
        device=device.torch_name,
        device_name=device.name,
        threads=threads,
        parameters=_count_parameters(training.model),
        classes=dataset.classes,
        train_images=len(dataset.train),
        test_images=len(dataset.test),
        epochs=training.position.epochs,
        steps_per_epoch=len(training.train_batches),
        batch_size=config.batch_size,
        step=training.position.step,
        device_uuid=device.uuid,
        image_shape=tuple(dataset.train.pixels.shape[1:]),
        scale_factor=tuple(batches.factor.flatten().tolist()),
        scale_offset=tuple(batches.offset.flatten().tolist()),
        metric=dataset.task.metric,
        table=dataset.encoding.to_json() if dataset.encoding else None,
    )


def _end(training: Training, state: str) -> RunEnd:
    at = training.position
    return RunEnd(
        state=state,
        epoch=at.epoch - 1,
        step=at.step,
        best_epoch=at.best_epoch,
        best_test_score=at.best_test_score,
        seconds=at.total_seconds + at.seconds,
    )


def _check_finite(training: Training) -> None:
    """Raises TrainingDiverged if a weight is no number: no checkpoint is made of that, so that the
    last good one stays the newest. The loss tells only one step later."""
    for name, weight in training.model.named_parameters():
        if not torch.isfinite(weight).all():
            raise TrainingDiverged(
                f"{name} is no longer finite at step {training.position.step}.",
                f"Try --lr {training.position.lr / 10:g}, or another --initializer.",
            )


def _as_problem(
    error: Exception, device: Device, config: RunConfig, run: Path | None = None
) -> NNLabError:
    """The error as one that its reader can act on. Raises it again if it is a bug."""
    if isinstance(error, NNLabError):
        return error
    if isinstance(error, OSError):
        return RunError(
            f"A checkpoint could not be written: {error.strerror}.",
            "Free space or mend the permissions; the checkpoints before it are whole.",
        )
    if is_out_of_memory(error):
        return out_of_memory(error, device, config.batch_size)
    if has_failed(error):
        return _device_failure(error, device, run)
    raise error


def _device_failure(error: Exception, device: Device, run: Path | None) -> DeviceError:
    """What to do about a device that broke off. Nothing is saved after it: what is in its memory
    may be wrong."""
    what = str(error).partition("\n")[0].rstrip(".")
    fix = "Look at `nnlab devices`, then try again in a new process"
    if run and (found := checkpoints(run / "checkpoints")):
        step = int(found[-1].name.removeprefix("step-"))
        fix += f", from step {step}: nnlab resume {run.name}"
    return DeviceError(f"{device.torch_name} ({device.name}) failed: {what}.", f"{fix}.")


def _count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
