"""One experiment with one seed: a generator of what happens, which returns what was measured."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import torch

from core.batches import normalisation
from core.config import RunConfig, make_config
from core.control import Control
from core.errors import RunError
from core.events import EpochEnd, Event, Notice, Progress, RunStart, StepReport
from core.experiment import resume_experiment, run_experiment
from core.host import cpu_name
from core.metrics import accuracy, confusion_matrix
from core.record import read_events
from core.reproduction import Experiment, Measure, Regression, Shapes, Training
from core.reproduction.results import Outcome
from core.runs import ACTIVE, process_facts, read_facts, read_info

EPOCH_FIGURES = {  # as the notes call them -> field of EpochEnd
    "train_loss": "train_loss",
    "train_accuracy": "train_score",
    "test_loss": "test_loss",
    "test_accuracy": "test_score",
}
QUICK_STEPS = 200
QUICK_BATCH = 16  # images at most: a step of the large networks then takes seconds on two cores
QUICK_MEAN = 20  # steps at either end that the smaller check takes the mean loss of


@dataclass(frozen=True)
class Place:
    """Where and on what an experiment is run."""

    runs_dir: Path
    data_dir: Path | None = None
    cifar10: Path | None = None  # class folders in place of CIFAR-10
    device: str = "auto"
    threads: int | None = None


Performing = Generator[Event, None, Outcome | None]


def perform(
    experiment: Experiment, seed: int, place: Place, *, quick: bool = False, control: Control
) -> Performing:
    """Run the experiment with `seed`, or go on with what is there of it in `place.runs_dir`.

    With `quick`, of a training only the first 200 steps, in batches of at most 16 images; nothing
    is kept of them. Returns None if `control` asked for a stop. Raises what the run raises.
    """
    match experiment.setting:
        case Regression() as setting:
            return (yield from _fit(setting, seed))
        case Shapes() as setting:
            return (yield from _check_shapes(setting, seed))
        case Training() as setting if quick:
            return (yield from _begin(setting, seed, place, control))
        case Training() as setting:
            return (yield from _train(experiment.name, setting, seed, place, control))


def config_of(setting: Training, seed: int, place: Place, **changes: Any) -> RunConfig:
    """The settings of a run of the experiment."""
    values = {**setting.values, "seed": seed, "device": place.device, **changes}
    if place.threads is not None:
        values["threads"] = place.threads
    if values["data"] == "cifar10" and place.cifar10 is not None:
        values["data"] = str(place.cifar10)
    return make_config(values)


def run_name(name: str, config: RunConfig) -> str:
    """The run's folder: the same for the same setting and seed, wherever it runs."""
    # Without defaults, so that a setting which is new in RunConfig does not begin all runs anew.
    machine = {"device", "threads", "report_interval", "checkpoint_seconds", "keep_every"}
    said = config.model_dump(mode="json", exclude=machine, exclude_defaults=True)
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"{name}-seed{config.seed}-{digest[:6]}"


def _train(name: str, setting: Training, seed: int, place: Place, control: Control) -> Performing:
    config = config_of(setting, seed, place)
    run = place.runs_dir / run_name(name, config)
    yield from _run_or_go_on(run, config, place, control)
    info = read_info(run)
    if info.state != "finished":
        return None
    events = list(read_events(run))
    ends = {e.epoch: e for e in events if isinstance(e, EpochEnd)}  # the last word on each
    epochs = tuple(
        {name: getattr(ends[epoch], field) for name, field in EPOCH_FIGURES.items()}
        for epoch in sorted(ends)
    )
    figures = dict(epochs[-1])
    figures["best_test_accuracy"] = max(row["test_accuracy"] for row in epochs)
    for measure in setting.measures:
        figures[measure] = yield from _measure(measure, run, config, place)
    start = next(e for e in reversed(events) if isinstance(e, RunStart))
    facts = read_facts(run)
    return Outcome(
        seed=seed,
        figures=figures,
        epochs=epochs,
        seconds=round(info.seconds, 2),
        device=start.device,
        device_name=start.device_name,
        threads=start.threads,
        data_digest=facts["data_digest"],
        versions=facts["versions"],
        images=_stand_in(setting, config),
    )


def _run_or_go_on(run: Path, config: RunConfig, place: Place, control: Control) -> Iterator[Event]:
    """Start the run, continue it, or leave it as it is if it has finished."""
    if run.exists():
        info = read_info(run)
        if info.state == "finished":
            return
        if info.state in ACTIVE:
            raise RunError(
                f"{run.name} is running already ({info.state}).",
                "Wait for it, or choose another --runs-dir.",
            )
        if any((run / "checkpoints").glob("step-*")):
            yield from resume_experiment(run, data_dir=place.data_dir, control=control)
            return
        shutil.rmtree(run)  # it ended before its first checkpoint
    yield from run_experiment(
        config, runs_dir=run.parent, name=run.name, data_dir=place.data_dir, control=control
    )


def _measure(
    measure: Measure, run: Path, config: RunConfig, place: Place
) -> Generator[Progress | Notice, None, float]:
    """A figure of the trained network, after its last epoch."""
    from core.trained import load_trained, predict

    trained = load_trained(run, "last", config.device)
    dataset = yield from trained.load_data(place.data_dir)
    match measure:
        case "unnormalised_test_accuracy":
            # The mistake of note 001: pixels from 0 to 1, whatever the network was trained on.
            trained = replace(trained, scale=normalisation("unit", dataset.train))
    logits = yield from predict(trained, dataset.test)
    matrix = confusion_matrix(dataset.test.labels.cpu(), logits.argmax(1), logits.shape[1])
    return accuracy(matrix)


def _begin(setting: Training, seed: int, place: Place, control: Control) -> Performing:
    """The smaller check: does the loss fall over the first steps?"""
    config = config_of(
        setting,
        seed,
        place,
        batch_size=min(setting.values["batch_size"], QUICK_BATCH),
        report_interval=0,
    )
    losses: list[float] = []
    asked = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        events = run_experiment(
            config, runs_dir=Path(folder), name="quick", data_dir=place.data_dir, control=control
        )
        for event in events:
            if isinstance(event, RunStart):
                start, asked = event, perf_counter()
            # What it says of stopping and of its folder is not for people: neither stays.
            if isinstance(event, Progress | Notice | RunStart | StepReport):
                yield event
            if isinstance(event, StepReport):
                losses.append(event.loss)
                if event.step == QUICK_STEPS:
                    seconds = perf_counter() - asked
                    control.send("stop")
        if len(losses) < QUICK_STEPS:
            return None
        facts = read_facts(Path(folder) / "quick")
    return Outcome(
        seed=seed,
        figures={
            "first_loss": fmean(losses[:QUICK_MEAN]),
            "last_loss": fmean(losses[-QUICK_MEAN:]),
        },
        epochs=(),
        seconds=round(seconds, 2),
        device=start.device,
        device_name=start.device_name,
        threads=start.threads,
        data_digest=facts["data_digest"],
        versions=facts["versions"],
        images=_stand_in(setting, config),
    )


def _fit(setting: Regression, seed: int) -> Performing:
    from core.regression import TRUE_BIAS, TRUE_WEIGHTS, fit

    began = perf_counter()
    found = fit(setting.version, seed, setting.epochs)
    seconds = perf_counter() - began
    off = zip((*found.weights, found.bias), (*TRUE_WEIGHTS, TRUE_BIAS), strict=True)
    yield Notice(f"losses {', '.join(f'{loss:.6f}' for loss in found.losses)}")
    return _outcome_here(
        seed,
        {
            "train_loss": found.losses[-1],
            "parameter_error": max(abs(ours - true) for ours, true in off),
        },
        seconds,
        tuple({"train_loss": loss} for loss in found.losses),
    )


def _check_shapes(setting: Shapes, seed: int) -> Performing:
    from core.summary import summarize_named

    began = perf_counter()
    summary = summarize_named(setting.model, (1, setting.side, setting.side))
    shapes = {row.name: row.output_shape for row in summary.modules if row.part != "own"}
    wrong = [
        f"{layer} gives {shapes.get(layer)}, not {expected}"
        for layer, expected in setting.table
        if shapes.get(layer) != expected
    ]
    yield from map(Notice, wrong)
    figures = {"shapes": float(len(setting.table)), "wrong_shapes": float(len(wrong))}
    return _outcome_here(seed, figures, perf_counter() - began, ())


def _outcome_here(
    seed: int, figures: dict[str, float], seconds: float, epochs: tuple[dict[str, float], ...]
) -> Outcome:
    """The outcome of something that needs no run folder and no images."""
    return Outcome(
        seed=seed,
        figures=figures,
        epochs=epochs,
        seconds=round(seconds, 2),
        device="cpu",
        device_name=cpu_name(),
        threads=torch.get_num_threads(),
        data_digest="",
        versions=process_facts()["versions"],
    )


def _stand_in(setting: Training, config: RunConfig) -> str:
    """ "class folders of .jpg files" if something else than the setting's data set was taken."""
    if config.data == setting.values["data"]:
        return ""
    files = (path.suffix for path in Path(config.data).rglob("*.*") if path.is_file())
    return f"class folders of {next(files, '?')} files"
