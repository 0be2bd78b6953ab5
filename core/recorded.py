"""The training of a prepared run, from RunStart to RunEnd, recorded and saved in its folder."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from core.batches import Batches
from core.checkpoint import Circumstances, checkpoints
from core.config import RunConfig
from core.datasets import Dataset
from core.device import Device, device_problem, has_failed
from core.device_history import with_device_history
from core.errors import NNLabError, RunError
from core.events import Event, Notice, RunEnd, RunStart
from core.parallel import Gathering, Plan, is_loss, loss_of
from core.record import RowWriter, record
from core.saving import SHARE, Cadence, Checkpoints
from core.slowdown import with_slowdown_told
from core.train import train
from core.training import Training


def train_in(
    run: Path,
    training: Training,
    config: RunConfig,
    dataset: Dataset,
    device: Device,
    now: dict[str, Any],
    notices: list[str],
    others: Gathering | None = None,
) -> Iterator[Event]:
    """The events of the training itself, from RunStart to RunEnd, recorded and saved in `run`.

    `now` are its conditions; see core.exactness.
    """
    team = None
    if others:
        others.announce(Plan(run.name, config.model_dump(mode="json"), dataset.digest))
        team = others.join(training, device, config)
        notices = [*notices, f"{others.world.size} processes share each batch, over {team.backend}"]
        if config.sync_batchnorm:
            notices.append(f"batch normalisations over all their images: {team.synchronised}")
    rows = RowWriter(run)
    saving = keep_checkpoints(run, training, config, dataset, now, rows)

    def events() -> Iterator[Event]:
        yield from map(Notice, notices)
        start = start_of(run, training, config, dataset, device, now)
        yield replace(start, devices=team.gpus) if team else start
        try:
            steps = train(training)
            if device.torch_name == "cpu":
                steps = with_slowdown_told(steps, now["CPU threads"])
            yield from with_device_history(steps, device.uuid)
            finished = training.position.epoch > training.position.epochs
            if training.stopping or not saving.up_to_date:
                yield from saving.save("final" if finished else "stop")
            yield end_of(training, "finished" if finished else "stopped")
        except (NNLabError, RuntimeError) as error:
            if team and is_loss(error):
                raise loss_of(team, run.name) from error
            problem = device_problem(error, device, config.batch_size, resume_advice(run))
            if not has_failed(error):  # what such a device has computed may be wrong
                with suppress(RunError):  # what is told is why it failed
                    yield from saving.save_best()
            yield replace(end_of(training, "failed"), problem=problem.problem, fix=problem.fix)
            raise problem from error

    beside = team.silence_told if team else None
    yield from record(
        run, events(), dataset.digest, rows=rows, patience=saving.patience, beside=beside
    )


def keep_checkpoints(
    run: Path,
    training: Training,
    config: RunConfig,
    dataset: Dataset,
    now: dict[str, Any],
    rows: RowWriter,
    runs: int = 1,
) -> Checkpoints:
    """Let `training` be saved in the folder of its run, whose rows go to `rows`, where so many
    `runs` have the time in common that saving may cost; `now` are its conditions."""
    saving = Checkpoints(
        run / "checkpoints",
        training,
        rows,
        Circumstances(config.model_dump(mode="json"), now, dataset.digest),
        Cadence(config.checkpoint_seconds, config.keep_every, SHARE / runs),
    )
    training.saving = saving
    return saving


def start_of(
    run: Path,
    training: Training,
    config: RunConfig,
    dataset: Dataset,
    device: Device,
    now: dict[str, Any],
) -> RunStart:
    """What is told before the first step."""
    batches = training.train_batches
    assert isinstance(batches, Batches)
    return RunStart(
        run=run.name,
        path=str(run),
        model=config.model,
        data=config.data,
        device=device.torch_name,
        device_name=device.name,
        threads=now["CPU threads"],
        executor=now["executor"],
        parameters=_count_parameters(training.model),
        classes=dataset.classes,
        train_images=len(dataset.train),
        test_images=len(dataset.test),
        epochs=training.position.epochs,
        steps_per_epoch=len(training.train_batches),
        batch_size=config.batch_size,
        step=training.position.step,
        device_uuid=device.uuid,
        processes=processes_of(training),
        image_shape=tuple(dataset.train.pixels.shape[1:]),
        scale_factor=tuple(batches.factor.flatten().tolist()),
        scale_offset=tuple(batches.offset.flatten().tolist()),
        metric=dataset.task.metric,
        table=dataset.encoding.to_json() if dataset.encoding else None,
    )


def end_of(training: Training, state: str) -> RunEnd:
    """What is told after the last step."""
    at = training.position
    return RunEnd(
        state=state,
        epoch=at.epoch - 1,
        step=at.step,
        best_epoch=at.best_epoch,
        best_test_score=at.best_test_score,
        seconds=at.total_seconds + at.seconds,
    )


def resume_advice(run: Path) -> str:
    """How to go on in a new process after the device of `run` has failed."""
    found = checkpoints(run / "checkpoints")
    if not found:
        return ""
    return f", from step {int(found[-1].name.removeprefix('step-'))}: nnlab resume {run.name}"


def _count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def processes_of(training: Training) -> int:
    """How many train this together."""
    assert isinstance(training.train_batches, Batches)
    return training.train_batches.world.size
