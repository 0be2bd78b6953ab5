"""Several runs of one small network, trained as one: repeats with other seeds, the trials of a
sweep.

What may differ is in MAY_DIFFER; everything else, above all the network and its optimizer, is the
same. Each run has its own weights, its own order of images, its own folder, rows and checkpoints,
and is afterwards a run like any other. Until then they go in step: one that is paused pauses all,
while one that is stopped, or has diverged, ends and leaves the others to go on.

Their figures are those of the separate runs up to rounding: the same sums in another order.
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from core.build import build_model, default_outputs, input_size_of, is_user_model
from core.config import RunConfig
from core.control import Control
from core.datasets import DATASETS, Dataset, Images, is_table
from core.device import Device, choose_device, device_problem
from core.errors import ConfigError, NNLabError
from core.events import Event, RunEnd
from core.experiment import at_work, device_and_data, hold_notices, run_created, writing
from core.in_step import Group, Member, Story
from core.losses import LOSSES
from core.prepare import Stopped, prepare, set_threads, settle
from core.record import has_begun
from core.runs import create_run, discard_run, write_config
from core.stack import why_not_stacked

MAY_DIFFER = ("lr", "weight_decay", "seed", "initializer", "conv_init", "init_options", "norm_init")
TOGETHER_AT_MOST = 128  # runs: each has four open files, and a thread that listens
NAMED = 3  # of the other runs, in the log of each


def why_not_together(configs: Sequence[RunConfig]) -> str | None:
    """In a line why these runs are better trained one after the other; None if together.

    Loads torch, and runs the code of a network of the user's own. Raises NNLabError for a network
    or a device that is not there.
    """
    if impossible := _why_impossible(configs):
        return impossible
    if choose_device(configs[0].device).torch_name != "cpu":
        return None
    model, _ = _on_trial(configs[0])
    if any(weight.dim() > 2 for weight in model.parameters()):
        # Measured: see docs/performance.md.
        return "on the CPU, convolutions of several networks at once take longer than in turn"
    return None


def _why_impossible(configs: Sequence[RunConfig]) -> str | None:
    first = configs[0]
    if len(configs) < 2:
        return "it is one run alone"
    if len(configs) > TOGETHER_AT_MOST:
        return f"{len(configs)} runs are more than {TOGETHER_AT_MOST}"
    for name in RunConfig.model_fields:
        values = [getattr(config, name) for config in configs]
        if name not in MAY_DIFFER and any(value != values[0] for value in values):
            return f"they differ in {name.replace('_', ' ')}"
    if first.data not in DATASETS and len({config.seed for config in configs}) > 1:
        # core.datasets.split: a table, or a folder without a test part.
        return f"the seed may also say which part of {first.data} is for testing"
    model, images = _on_trial(first)
    loss = LOSSES[first.loss or "cross_entropy"]
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    return why_not_stacked(model, loss, images, labels)


def train_together(
    configs: Sequence[RunConfig],
    *,
    runs_dir: Path,
    names: Sequence[str] | None = None,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
    share: bool = False,
) -> Story:
    """Train new runs of `configs` as one, in folders of their own, yielding all that happens.

    Requests to `control` are for all of them. As of `run_experiment`, what is wrong before the
    first step raises NNLabError and leaves no folder behind. A run that fails later by itself is
    told by its RunEnd; what stops all of them is then raised too.
    """
    if why := _why_impossible(configs):
        raise ConfigError(f"These runs cannot be trained together: {why}.", "Start them in turn.")
    runs = create_runs(configs, runs_dir, names, share=share)
    yield from run_together(runs, data_dir=data_dir, control=control, queue=queue)


def train_in_turn(
    configs: Sequence[RunConfig],
    *,
    runs_dir: Path,
    names: Sequence[str] | None = None,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
    share: bool = False,
) -> Story:
    """The same one after the other, for runs that cannot be trained together.

    A request to stop ends the run in progress, and then no other is begun.
    """
    control = control or Control()
    runs = create_runs(configs, runs_dir, names, share=share)
    try:
        for index, run in enumerate(runs):
            if control.wants("stop"):
                break
            own = Control()
            control.pass_on_to([own])
            try:
                for event in run_created(run, data_dir=data_dir, control=own, queue=queue):
                    yield index, event
            except NNLabError:
                if not has_begun(run):  # neither will the others
                    raise
    finally:
        for run in runs:
            if not has_begun(run):
                discard_run(run)


def create_runs(
    configs: Sequence[RunConfig],
    runs_dir: Path,
    names: Sequence[str] | None,
    *,
    share: bool = False,
) -> list[Path]:
    """A new folder for each of `configs`, or for none of them: then RunError is raised."""
    runs: list[Path] = []
    unnamed: list[str | None] = [None] * len(configs)
    try:
        for config, name in zip(configs, names or unnamed, strict=True):
            runs.append(create_run(runs_dir, config, name, share=share))
    except BaseException:
        for run in runs:
            discard_run(run)
        raise
    return runs


def run_together(
    runs: Sequence[Path],
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
) -> Story:
    """`train_together` for runs whose folders, with their configs, are made already."""
    control = control or Control()
    members = [Member(index, run) for index, run in enumerate(runs)]
    try:
        with ExitStack() as stack:
            places = []
            for member in members:
                place, notices = stack.enter_context(at_work(member.run, member.control))
                places.append(place)
                member.notices = notices
            first = members[0]
            config = first.config
            finding = device_and_data(first.run, config, places[0], data_dir, control, queue)
            told: list[str] = []
            try:
                device, dataset = yield from _of_first(hold_notices(finding, told))
            except Stopped:
                for member in members:
                    yield member.index, RunEnd("stopped", 0, 0, None, None, 0.0)
                return
            for place in places[1:]:
                with suppress(OSError):  # which the first has told about
                    place.use(device)
            _prepare_all(members, dataset, device, told)
            control.pass_on_to([member.control for member in members])
            yield from Group(members, config, device).train()
    finally:
        for run in runs:
            if not has_begun(run):
                discard_run(run)


def _of_first(
    finding: Generator[Event, None, tuple[Device, Dataset]],
) -> Generator[tuple[int, Event], None, tuple[Device, Dataset]]:
    """What happens before there is a run to tell it of: told as the first one's."""
    while True:
        try:
            event = next(finding)
        except StopIteration as end:
            return end.value
        yield 0, event


def _prepare_all(
    members: Sequence[Member], dataset: Dataset, device: Device, notices: Sequence[str]
) -> None:
    """Networks, optimizers and batches of all; they have one copy of the images."""
    try:
        shared = replace(
            dataset,
            train=_on_device(dataset.train, device),
            test=_on_device(dataset.test, device),
        )
    except RuntimeError as error:
        raise device_problem(error, device, members[0].config.batch_size) from error
    settled = [settle(member.config, dataset) for member in members]
    trainings = [prepare(config, shared, device) for config in settled]
    threads, why = set_threads(settled[0].threads, trainings[0])
    names = [member.run.name for member in members]
    for member, config, training in zip(members, settled, trainings, strict=True):
        with writing(member.run):
            write_config(member.run, config)
        training.control = member.control
        others = [name for name in names if name != member.run.name]
        if len(others) > NAMED + 1:
            others[NAMED:] = [f"{len(others) - NAMED} more"]
        together = f"trained as one with {', '.join(others)}: seconds are those of all"
        member.notices += [*notices, why, together]
        member.begin(training, config, dataset, device, threads, len(members))


def _on_device(images: Images, device: Device) -> Images:
    name = device.torch_name
    return Images(images.pixels.to(name), images.labels.to(name))


def _on_trial(config: RunConfig) -> tuple[nn.Module, torch.Tensor]:
    """The network of a run and two black images such as it may be given."""
    facts = DATASETS.declared[config.data].facts if config.data in DATASETS else {}
    side = input_size_of(config)
    channels = 8 if is_table(config.data) else facts.get("channels", 3)
    # A network of the user's own may compute with numbers, which there are none of on "meta".
    device = "cpu" if is_user_model(config.model) else "meta"
    with torch.random.fork_rng(devices=[]), torch.device(device):
        model = build_model(
            config.model,
            channels,
            facts.get("classes", default_outputs(config.model)),
            input_size=side,
            options=config.model_options,
        )
        return model, torch.zeros(2, channels, side, side)
