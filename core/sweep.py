"""A sweep: the runs of all combinations of settings that were given several values.

    lr 0.01,0.1,1              a list
    batch_size 64:256:64       from 64 to 256 in steps of 64
    lr 0.001:1:x10             from 0.001 to 1, ten times as much each time
    optimizer sgd,adam         names, wherever a setting has one
    model_options hidden=64,256,dropout=0.1,0.5     of an option too

Its runs are ordinary ones, called NAME-1, NAME-2, ... and tagged sweep-NAME. Where nobody chose a
name, it follows from the settings: so the same command finds the same runs again.
"""

import math
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from pathlib import Path
from typing import Any

from core.config import RunConfig, command_line, make_config, read_settings
from core.errors import ConfigError
from core.run_fields import FIELDS
from core.runs import ACTIVE, RunInfo, check_run_name

MOST_TRIALS = 1000
TAG_PREFIX = "sweep-"
LONGEST_NAME = 26  # characters: with the prefix it is a tag of 32
OF_OPTIONS = ("model_options", "init_options")  # name=value pairs, each of which may have several
ONE_VALUE = ("augmentation", "target")  # whose commas mean something else
# Settings that a step takes no longer for, nor more memory.
FREE = {
    *("epochs", "lr", "momentum", "schedule", "warmup", "weight_decay", "l1", "decay", "seed"),
    *("label_smoothing", "initializer", "conv_init", "norm_init", "init_options"),
    *("report_interval", "checkpoint_seconds", "keep_every"),
}
STEPS = re.compile(r"([^:]+):([^:]+):(x?)([^:]+)")


@dataclass(frozen=True)
class Trial:
    """One run of a sweep."""

    name: str
    settings: Mapping[str, str]  # those that differ, as one would type them
    config: RunConfig


@dataclass(frozen=True)
class Sweep:
    """What is to be tried, in this order."""

    name: str
    typed: Mapping[str, str]  # the settings that have several values, as they were given
    trials: tuple[Trial, ...]

    @property
    def tag(self) -> str:
        """What all runs of it are tagged with."""
        return TAG_PREFIX + self.name


@dataclass(frozen=True)
class Standing:
    """How far the runs of a sweep have come."""

    trials: int
    over: int  # finished, failed or stopped
    best: RunInfo | None
    eta_seconds: float | None  # by what the epochs so far took; None before the first


def plan_sweep(
    values: Mapping[str, Any],
    *,
    file: Path | None = None,
    name: str | None = None,
    sample: int | None = None,
    sample_seed: int = 0,
) -> Sweep:
    """The sweep that `values`, as typed, describe on top of the settings in `file`.

    Of all combinations, `sample` are chosen by chance, always the same for one `sample_seed`.

    Raises ConfigError if a combination could not be trained, none has several values, or there are
    more than MOST_TRIALS.
    """
    lists = {setting: values_of(setting, str(text)) for setting, text in values.items()}
    several = {setting: found for setting, found in lists.items() if len(found) > 1}
    if not several:
        raise ConfigError(
            "No setting has several values: that is one run, not a sweep.",
            "Give one a list or a range, such as --lr 0.01,0.1,1 or --batch-size 64:256:64.",
        )
    fixed = {**(read_settings(file) if file else {}), **values}
    combinations = list(_combinations(several, sample, sample_seed))
    configs = _checked([{**fixed, **chosen} for chosen in combinations], combinations)
    different: dict[str, tuple[dict[str, str], RunConfig]] = {}
    for chosen, config in zip(combinations, configs, strict=True):
        different.setdefault(config.model_dump_json(), (chosen, config))  # 0.1 and 0.10 are one run
    name = check_sweep_name(name) if name else _own_name(different)
    digits = len(str(len(different)))
    trials = (
        Trial(f"{name}-{number:0{digits}}", chosen, config)
        for number, (chosen, config) in enumerate(different.values(), 1)
    )
    return Sweep(name, {setting: str(values[setting]) for setting in several}, tuple(trials))


def sweep_command(sweep: Sweep) -> list[str]:
    """The `nnlab sweep` command for the same runs; what is the same in all, as `command_line`."""
    _, _, model, *options = command_line(sweep.trials[0].config)
    words = ["nnlab", "sweep", sweep.typed.get("model", model)]
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option.removeprefix("--").replace("-", "_") not in sweep.typed:
            words += [option, value]
    for setting, text in sweep.typed.items():
        if setting != "model":
            words += ["--" + setting.replace("_", "-"), text]
    return words


def kinds_of(trials: Iterable[Trial]) -> list[tuple[RunConfig, int]]:
    """Runs that need the same memory and time for an epoch, as one of them and all their epochs."""
    kinds: dict[str, tuple[RunConfig, int]] = {}
    for trial in trials:
        key = trial.config.model_dump_json(exclude=FREE)
        config, epochs = kinds.get(key, (trial.config, 0))
        kinds[key] = config, epochs + trial.config.epochs
    return list(kinds.values())


def check_sweep_name(name: str) -> str:
    """`name` itself if its runs and their tag can be called so. Raises ConfigError or RunError."""
    if len(check_run_name(name)) > LONGEST_NAME:
        raise ConfigError(
            f"The name {name!r} is too long for a sweep.",
            f"Use up to {LONGEST_NAME} characters: its runs are numbered and tagged with it.",
        )
    return name


def values_of(setting: str, text: str) -> list[str]:
    """What `text` says that `setting` should be, one after the other; itself if that is one value.

    Whether a value is a good one is for RunConfig to say. Raises ConfigError for a range that
    cannot be counted through.
    """
    if setting in ONE_VALUE:
        return [text]
    if setting in OF_OPTIONS:
        return _of_options(setting, text)
    if setting in ("model", "data") and Path(text).expanduser().exists():
        return [text]  # a path with a comma
    parts = [part.strip() for part in text.split(",")]
    if FIELDS[setting].kind != "number":
        return [part for part in parts if part] or [text]
    return [value for part in parts for value in _numbers(setting, part)]


def trials_of(runs: Iterable[RunInfo], tag: str) -> list[RunInfo]:
    """The runs of the sweep with this tag, in its order."""
    return sorted((run for run in runs if tag in run.notes.tags), key=lambda run: run.name)


def tag_of(run: RunInfo) -> str | None:
    """The tag of the sweep that `run` is of, None if it is of none."""
    return next((tag for tag in run.notes.tags if tag.startswith(TAG_PREFIX)), None)


def one_sweep(runs: Sequence[RunInfo]) -> str | None:
    """The tag of the sweep that all of these runs are of, None if there is none."""
    tags = {tag_of(run) for run in runs}
    return tags.pop() if len(tags) == 1 else None


def standing(runs: Sequence[RunInfo]) -> Standing:
    """How far these runs have come, all together."""
    scored = [r for r in runs if r.best_test_score is not None and math.isfinite(r.best_test_score)]
    epochs, seconds = sum(run.epoch for run in runs), sum(run.seconds for run in runs)
    left = sum(max(0, run.epochs - run.epoch) for run in runs if run.state in ACTIVE)
    return Standing(
        len(runs),
        sum(run.state not in ACTIVE for run in runs),
        max(scored, key=lambda run: run.best_test_score or 0, default=None),
        seconds / epochs * left if epochs else None,
    )


def settings_text(settings: Mapping[str, Any]) -> str:
    """ "lr 0.1, batch size 64"."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())


def _numbers(setting: str, part: str) -> Iterator[str]:
    """`part` itself, or if it is a range such as 64:256:64, its values."""
    if ":" not in part:
        yield part
        return

    def wrong(problem: str) -> ConfigError:
        return ConfigError(
            f"{setting.replace('_', ' ')} = {part!r}: {problem}.",
            "A range is from:to:step, such as 64:256:64, or from:to:xN, such as 0.001:1:x10.",
        )

    match = STEPS.fullmatch(part)
    if not match:
        raise wrong("this is no range")
    try:
        value, end, step = (Decimal(match[group]) for group in (1, 2, 4))
    except InvalidOperation:
        raise wrong("a range is made of numbers") from None
    if not all(number.is_finite() for number in (value, end, step)):
        raise wrong("a range is made of numbers")
    times = bool(match[3])
    rises = value > 0 and step > 1 if times else step > 0
    if not rises or value > end:
        raise wrong("it never gets to its end")
    count = 0
    while value <= end:
        if (count := count + 1) > MOST_TRIALS:
            raise wrong(f"that is more than {MOST_TRIALS} values")
        yield f"{value.normalize():f}"
        value = value * step if times else value + step


def _of_options(setting: str, text: str) -> list[str]:
    """hidden=64,256,dropout=0.5 as hidden=64,dropout=0.5 and hidden=256,dropout=0.5."""
    options: dict[str, list[str]] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals:
            options[name] = []
        elif not options:
            return [text]  # which RunConfig explains
        else:
            name, value = [*options][-1], part
        options[name] += _numbers(setting, value.strip())
    return [
        ",".join(f"{name}={value}" for name, value in zip(options, chosen, strict=True))
        for chosen in product(*options.values())
    ]


def _combinations(
    several: Mapping[str, Sequence[str]], sample: int | None, seed: int
) -> Iterator[dict[str, str]]:
    """Each a value of each setting, the last setting changing fastest."""
    total = math.prod(len(values) for values in several.values())
    chosen: Iterable[int] = range(total)
    if sample is not None and sample < total:
        chosen = sorted(random.Random(seed).sample(range(total), sample))
        total = sample
    if total > MOST_TRIALS:
        raise ConfigError(
            f"That is {total:,} runs; a sweep has at most {MOST_TRIALS:,}.",
            "Give fewer values, or take some of them by chance: --sample 50.",
        )
    for index in chosen:
        combination = {}
        for setting, values in reversed(list(several.items())):
            index, place = divmod(index, len(values))
            combination[setting] = values[place]
        yield {setting: combination[setting] for setting in several}


def _checked(
    all_values: Sequence[Mapping[str, Any]], combinations: Sequence[Mapping[str, str]]
) -> list[RunConfig]:
    """The config of each run. Raises ConfigError telling of the first that could not be trained."""
    configs, wrong = [], []
    for values, chosen in zip(all_values, combinations, strict=True):
        try:
            configs.append(make_config(values))
        except ConfigError as error:
            wrong.append((chosen, error))
    if wrong:
        first, why = wrong[0]
        raise ConfigError(
            f"{len(wrong)} of the {len(combinations)} runs of this sweep could not start, "
            f"such as the one with {settings_text(first)}.",
            why.fix,
        )
    return configs


def _own_name(different: Mapping[str, tuple[Mapping[str, str], RunConfig]]) -> str:
    """The network and a number that is always the same for the same runs."""
    models = {config.model.rpartition(":")[2] for _, config in different.values()}
    model = re.sub(r"[^A-Za-z0-9]+", "-", models.pop()).strip("-")[:16] if len(models) == 1 else ""
    return f"{model or 'nets'}-{zlib.crc32(' '.join(different).encode()) & 0xFFFFFF:06x}"
