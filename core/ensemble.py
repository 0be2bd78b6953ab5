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
from core.errors import ConfigError
from core.events import Event, RunEnd
from core.experiment import at_work, device_and_data, hold_notices, writing
from core.in_step import Group, Member, Story
from core.losses import LOSSES
from core.precision import computing
from core.prepare import Stopped, prepare, set_threads, settle
from core.record import has_begun
from core.runs import discard_run, write_config
from core.shapes import ShapesOnly
from core.stack import why_not_stacked

MAY_DIFFER = ("lr", "weight_decay", "seed", "initializer", "conv_init", "init_options", "norm_init")
TOGETHER_AT_MOST = 128  # runs: each has four open files, and a thread that listens
LARGEST = 5_000_000  # parameters
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
    with torch.random.fork_rng(devices=[]):
        model, _ = _on_trial(configs[0])
    if any(weight.dim() > 2 for weight in model.parameters()):
        # Measured: see docs/performance.md.
        return "on the CPU, convolutions of several networks at once take longer than in turn"
    return None


def _why_impossible(configs: Sequence[RunConfig]) -> str | None:
    first = configs[0]
    if len(configs) < 2:
        return "it is one run alone"
    if first.precision != "float32":
        return f"only steps in float32 are taken together, not in {first.precision}"
    if first.executor not in ("eager", "auto"):
        return f"only eager steps are taken together, not those of --executor {first.executor}"
    if first.reproducible:
        return "a reproducible run does not depend on others"
    if len(configs) > TOGETHER_AT_MOST:
        return f"{len(configs)} runs are more than {TOGETHER_AT_MOST}"
    for name in RunConfig.model_fields:
        values = [getattr(config, name) for config in configs]
        if name not in MAY_DIFFER and any(value != values[0] for value in values):
            return f"they differ in {name.replace('_', ' ')}"
    if first.data not in DATASETS and len({config.seed for config in configs}) > 1:
        # core.datasets.split: a table, or a folder without a test part.
        return f"the seed may also say which part of {first.data} is for testing"
    if not is_user_model(first.model):
        with torch.device("meta"), ShapesOnly():
            model, _ = _on_trial(first)
        if (parameters := sum(p.numel() for p in model.parameters())) > LARGEST:
            return f"one of {parameters:,} parameters fills a device alone"
    with torch.random.fork_rng(devices=[]):
        model, images = _on_trial(first)
    loss = LOSSES[first.loss or "cross_entropy"]
    return why_not_stacked(model, loss, images, torch.zeros(len(images), dtype=torch.int64))


def train_together(
    runs: Sequence[Path],
    *,
    data_dir: Path | None = None,
    control: Control | None = None,
    queue: bool = False,
) -> Story:
    """Train the new runs in these folders as one, yielding all that happens.

    Requests to `control` are for all of them. As of `run_created`, what is wrong before the first
    step raises NNLabError and leaves no folder behind. A run that fails later by itself is told by
    its RunEnd; what stops all of them is then raised too.
    """
    control = control or Control()
    try:
        members = [Member(index, run) for index, run in enumerate(runs)]
        if why := _why_impossible([member.config for member in members]):
            raise ConfigError(f"These runs cannot be trained as one: {why}.", "Train them in turn.")
        yield from _train(members, data_dir, control, queue)
    finally:
        for run in runs:
            if not has_begun(run):
                discard_run(run)


def _train(
    members: Sequence[Member], data_dir: Path | None, control: Control, queue: bool
) -> Story:
    """The events of all of them, from their first step on."""
    first = members[0]
    with ExitStack() as stack:
        places = []
        for member in members:
            place, notices = stack.enter_context(at_work(member.run, member.control))
            places.append(place)
            member.notices += notices
        finding = device_and_data(first.run, first.config, places[0], data_dir, control, queue)
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
        stack.enter_context(computing("float32", False, device))
        _prepare_all(members, dataset, device, told)
        control.pass_on_to([member.control for member in members])
        yield from Group(members, first.config, device).train()


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
    threads, why = set_threads(settled[0].fixed_threads, trainings[0])
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
    model = build_model(
        config.model,
        channels,
        facts.get("classes", default_outputs(config.model)),
        input_size=side,
        options=config.model_options,
    )
    return model, torch.zeros(2, channels, side, side)
