"""A run from its description: the one place that wires network, images, loop and folder."""

import socket
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import torch

from core.checkpoint import (
    Checkpoint,
    checkpoints,
    load_newest,
    set_newer_aside,
    tidy,
)
from core.config import Executor, RunConfig, make_config
from core.control import Control
from core.crash import traces_kept
from core.datasets import Dataset
from core.device import (
    Device,
    choose_device,
    device_of,
    device_problem,
    devices_for,
)
from core.device_queue import Place
from core.errors import NNLabError, RunError
from core.events import Event, Notice, Progress, RunEnd
from core.exactness import conditions, why_not_exact
from core.foreign_weights import read_foreign_weights
from core.graphed import check_executor
from core.mailbox import requests_reach
from core.memory_format import match_weights
from core.parallel import Gathering, gathering, is_loss
from core.permissions import check_own, share_folder
from core.precision import check_precision, computing
from core.prefetch import why_on_host
from core.prepare import Stopped, load_images, prepare, set_executor, set_threads, settle
from core.random_state import restore_random_state
from core.record import damaged_rows, has_begun, set_aside
from core.recorded import train_in
from core.run_lock import hold
from core.runs import (
    RunInfo,
    check_free,
    create_run,
    discard_run,
    process_facts,
    read_facts,
    read_info,
    write_config,
    write_facts,
)
from core.train import train
from core.world import ALONE, World

T = TypeVar("T")


def run_experiment(
    config: RunConfig,
    *,
    runs_dir: Path,
    name: str | None = None,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
    share: bool = False,
    world: World = ALONE,
) -> Iterator[Event]:
    """Prepare and train a new run in a folder of its own, yielding all that happens.

    To `queue`, it first waits for a device that no other run of this user trains on. Its folder is
    for its owner alone or, to `share`, for the group to read too.

    What is wrong before the first step raises NNLabError and leaves no folder behind; what goes
    wrong after RunStart is told by a RunEnd and then raised. Among the processes of a `world` this
    is for rank 0; the others do `take_part`.
    """
    run = create_run(runs_dir, config, name, share=share)
    yield from run_created(run, data_dir=data_dir, control=control, queue=queue, world=world)


def run_created(
    run: Path,
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
    world: World = ALONE,
) -> Iterator[Event]:
    """The same for a run whose folder, with its config, `create_run` has made already."""
    control = control or Control()
    try:
        with at_work(run, control) as (place, notices), gathering(world) as others:
            _note(run, process_facts())
            yield from _begin(run, place, data_dir, control, queue, notices, world, others)
    finally:
        if not has_begun(run):
            discard_run(run)


def _begin(
    run: Path,
    place: Place,
    data_dir: Path | None,
    control: Control,
    queue: bool,
    notices: list[str],
    world: World,
    others: Gathering | None,
) -> Iterator[Event]:
    """The events of a run from its first step on."""
    config = _config_of(read_info(run), None)
    _check_processes(run, config, world)
    with ExitStack() as settings:
        try:
            finding = device_and_data(run, config, place, data_dir, control, queue, world)
            device, dataset = yield from hold_notices(finding, notices)
            config = settle(config, dataset)
            with writing(run):
                write_config(run, config)
            settings.enter_context(computing(config.precision, config.reproducible, device))
            training = prepare(config, dataset, device, world)
            if on_host := why_on_host([dataset.train, dataset.test], device):
                notices.append(on_host)
            threads, why = set_threads(config.fixed_threads, training, world)
            notices.append(why)
            setting = set_executor(_executor(config, world, {}), training)
            executor = yield from hold_notices(setting, notices)
            if control.wants("stop"):
                raise Stopped
        except Stopped:
            yield RunEnd("stopped", 0, 0, None, None, 0.0)
            return
        training.control = control
        now = conditions(config.model, device, threads, executor, world.size, config.precision)
        yield from train_in(run, training, config, dataset, device, now, notices, others)


def resume_experiment(
    run: Path,
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    force: bool = False,
    share: bool = False,
    world: World = ALONE,
) -> Iterator[Event]:
    """Continue the run in the folder `run` from its newest checkpoint that is whole, or from the
    beginning if it was killed before the first one.

    With `force` also if a process of another machine has it, which cannot be seen from here. To
    `share`, its group may read it from now on. Raises RunError if it is somebody else's, is in use,
    has nothing left to train, or cannot be read.
    """
    control = control or Control()
    check_own(run)
    with at_work(run, control, force) as (place, notices), gathering(world) as others:
        if share:
            share_folder(run)
        yield from _go_on(run, place, data_dir, control, notices, world, others)


def take_part(
    world: World, *, data_dir: Path | None = None, control: Control | None = None
) -> Generator[Event, None, None]:
    """Train what rank 0 trains, as another process of `world`, yielding what happens here.

    Nothing is recorded. Raises NNLabError like `run_experiment`.
    """
    control = control or Control()
    with gathering(world) as others:
        assert others
        plan = others.hear(control)
        if plan is None:
            return
        config = make_config(plan.config)
        device = device_of(world, config.device)
        check_precision(config.precision, device)
        dataset = yield from load_images(config, data_dir, control)
        if dataset.digest != plan.data_digest:
            raise RunError(
                f"The images of {config.data} on {socket.gethostname()} are not those of rank 0.",
                "Give every machine the same files.",
            )
        with Place(Path(plan.run)) as place:
            with suppress(OSError):  # rank 0 tells about it
                place.use(device)
            with computing(config.precision, config.reproducible, device):
                training = prepare(config, dataset, device, world)
                set_threads(config.fixed_threads, training, world)
                training.control = control
                others.join(training, device, config)
                try:
                    yield from train(training)
                except (NNLabError, RuntimeError) as error:
                    if is_loss(error):
                        raise
                    raise device_problem(error, device, config.batch_size) from error


@contextmanager
def at_work(run: Path, control: Control, force: bool = False) -> Iterator[tuple[Place, list[str]]]:
    """Alone with a run, within reach of requests to it; also what its log should be told."""
    with (
        hold(run, force=force) as warning,
        traces_kept(run),
        requests_reach(run, control),
        Place(run) as place,
    ):
        yield place, [warning] if warning else []


def _go_on(
    run: Path,
    place: Place,
    data_dir: Path | None,
    control: Control,
    notices: list[str],
    world: World,
    others: Gathering | None,
) -> Iterator[Event]:
    """The events of a run that is resumed, while nobody else can. Raises RunError."""
    info, folder = read_info(run), run / "checkpoints"
    with writing(run):
        tidy(folder)
    found, told = _newest(folder)
    notices += told
    config = _config_of(info, found)
    _check_processes(run, config, world)
    # A run that was killed after its last checkpoint has only its end left to tell.
    if read_facts(run).get("state") == "finished":
        raise RunError(
            f"{run.name} has finished all its {info.epochs} epochs.",
            f"Start a longer one: nnlab train --config {run / 'config.json'} --epochs N",
        )
    step, rows = (found.position.step, found.circumstances.rows) if found else (0, 0)
    try:
        finding = device_and_data(run, config, place, data_dir, control, False, world)
        device, dataset = yield from hold_notices(finding, notices)
    except Stopped:
        yield RunEnd("stopped", 0, step, None, None, 0.0)
        return
    if found and found.circumstances.data_digest != dataset.digest:
        samples = "rows" if dataset.encoding else "images"
        raise RunError(
            f"The {samples} in {config.data} are not those that {run.name} was trained on.",
            f"Start a new run: nnlab train --config {run / 'config.json'}",
        )
    config = settle(config, dataset)
    with computing(config.precision, config.reproducible, device):
        training = prepare(config, dataset, device, world)
        if on_host := why_on_host([dataset.train, dataset.test], device):
            notices.append(on_host)
        # The same number as before: another one sums in another order, and the bits change.
        before = found.circumstances.conditions if found else {}
        threads, why = set_threads(
            config.fixed_threads or before.get("CPU threads"), training, world
        )
        notices.append(why)
        setting = set_executor(_executor(config, world, before), training)
        executor = yield from hold_notices(setting, notices)
        now = conditions(config.model, device, threads, executor, world.size, config.precision)
        training.control = control
        if found:
            training.model.load_state_dict(found.model)
            training.optimizer.load_state_dict(found.optimizer)
            match_weights(training.optimizer)
            training.position = found.position
            restore_random_state(found.random, torch.device(device.torch_name))
            if changed := why_not_exact(before, now):
                notices.append(changed)
        if damaged := damaged_rows(run):
            notices.append(f"{_rows(damaged)} in the logs damaged, and left out")
        with writing(run):
            set_newer_aside(folder, step)
            if moved := set_aside(run, step, rows):
                notices.append(f"{_rows(moved)} after step {step} set aside")
            if info.config != config:
                write_config(run, config)
                notices.append("config.json was damaged or changed: as it was again")
        yield from train_in(run, training, config, dataset, device, now, notices, others)


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
    config = settle(config, dataset)
    training = prepare(config, dataset, device)
    yield Progress(f"reading {file.name}", 0, None)
    weights = read_foreign_weights(file, training.model.state_dict())
    training.model.load_state_dict(weights)
    threads, why = set_threads(config.fixed_threads, training)
    training.control.send("stop")
    run = create_run(runs_dir, config, name, share=share)
    with hold(run):
        notices = [device.note] if device.note else []
        notices += [f"weights imported from {file.absolute()}", why]
        now = conditions(config.model, device, threads)
        yield from train_in(run, training, config, dataset, device, now, notices)


def _newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint in `folder`, None if none was ever made, and what to tell.

    Raises RunError if all are damaged.
    """
    if not checkpoints(folder):
        return None, ["killed before its first checkpoint: it starts from the beginning"]
    found, damaged = load_newest(folder)
    return found, [f"left out: {line}" for line in damaged]


def _config_of(info: RunInfo, found: Checkpoint | None) -> RunConfig:
    """The settings that the run was started with: its checkpoint's, which are known to be whole."""
    if found:
        return make_config(found.circumstances.config)
    if info.config is None:
        raise RunError(
            f"{info.path / 'config.json'} is missing or damaged, and there is no checkpoint.",
            "Start the run again with `nnlab train`.",
        )
    return info.config


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Before the run has begun, nobody waits for a folder that cannot be written: RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The run folder {run} cannot be written: {error.strerror}.",
            "Free space or mend its permissions, then try again.",
        ) from None


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _note(run: Path, facts: dict[str, Any]) -> None:
    """Change run.json before there are events to record. Raises RunError."""
    with writing(run):
        write_facts(run, read_facts(run) | facts)


def hold_notices(
    finding: Generator[Event, None, T], notices: list[str]
) -> Generator[Event, None, T]:
    """What `finding` yields and returns, but its notices go into `notices`: they belong in the
    record of the run, which does not begin before its first step."""
    while True:
        try:
            event = next(finding)
        except StopIteration as end:
            return end.value
        if isinstance(event, Notice):
            notices.append(event.text)
        else:
            yield event


def device_and_data(
    run: Path,
    config: RunConfig,
    place: Place,
    data_dir: Path | None,
    control: Control,
    queue: bool,
    world: World = ALONE,
) -> Generator[Event, None, tuple[Device, Dataset]]:
    """The device and the images of a run. Raises Stopped when a stop is asked for meanwhile."""
    device = yield from _find_device(run, config, place, control, queue, world)
    dataset = yield from load_images(config, data_dir, control)
    return device, dataset


def _find_device(
    run: Path, config: RunConfig, place: Place, control: Control, queue: bool, world: World
) -> Generator[Event, None, Device]:
    """The device of a run, noted as in use. Raises Stopped when a stop is asked for meanwhile."""
    name = config.device
    if queue and world.size > 1:
        raise RunError(
            "A run of several processes cannot wait in the queue, which gives one device.",
            "Leave out --queue.",
        )
    if queue:
        _note(run, {"state": "queued"})
        found = yield from place.wait(devices_for(name), control)
        if found is None:
            raise Stopped
        _note(run, {"state": "preparing"})
        name = found.torch_name
    device = device_of(world, name)
    check_precision(config.precision, device)
    check_executor(config.executor, device)
    if device.note:
        yield Notice(device.note)
    if not queue:
        try:
            place.use(device)
        except OSError as error:
            yield Notice(f"runs that wait in a queue cannot see this one: {error}")
    return device


def _executor(config: RunConfig, world: World, before: Mapping[str, Any]) -> Executor:
    """How the run's steps are to be carried out; "auto" stays with what it chose `before`, since
    other kernels round in other places."""
    if config.executor != "auto":
        return config.executor
    return "eager" if world.size > 1 else before.get("executor", "auto")


def _check_processes(run: Path, config: RunConfig, world: World) -> None:
    """Raises RunError if `run` is for several processes and there is one, by itself, or if several
    cannot train it as it is set."""
    if world.size > 1 and config.executor not in ("eager", "auto"):
        raise RunError(
            f"executor = {config.executor}: several processes carry out their steps eagerly.",
            "Leave out --executor.",
        )
    if config.devices != "1" and not world.launched:
        raise RunError(
            f"{run.name} is for several devices ({config.devices}), a process for each.",
            "Start it with `nnlab train`, go on with `nnlab resume`: they start those processes.",
        )
