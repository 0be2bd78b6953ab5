"""What was measured, as one JSON file an experiment: figures by seed, time, device, versions.

    <folder>/lenet-mnist.json          whole runs
    <folder>/lenet-mnist.quick.json    smaller checks: their first steps alone

Nothing in them tells of the machine but the names of its processors.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.reproduction import Experiment


@dataclass(frozen=True)
class Outcome:
    """One experiment with one seed."""

    seed: int
    figures: Mapping[str, float]  # after the last epoch
    epochs: tuple[Mapping[str, float], ...]  # after each; empty for what has none
    seconds: float  # training and evaluation
    device: str  # such as "cpu", "cuda:0"
    device_name: str
    threads: int | None
    data_digest: str  # SHA-256 of the images, "" where there are none
    versions: Mapping[str, str]
    images: str = ""  # what stood in for the data set of the setting, if something did


@dataclass(frozen=True)
class Results:
    """All outcomes of one experiment in one setting, by seed."""

    experiment: str
    setting: Mapping[str, Any]
    quick: bool = False
    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def seeds(self) -> set[int]:
        return {outcome.seed for outcome in self.outcomes}

    def with_outcome(self, outcome: Outcome) -> "Results":
        """The same with one outcome more, in place of an earlier one with its seed."""
        others = [o for o in self.outcomes if o.seed != outcome.seed]
        ordered = sorted([*others, outcome], key=lambda o: o.seed)
        return replace(self, outcomes=tuple(ordered))


def setting_of(experiment: Experiment) -> dict[str, Any]:
    """The experiment's setting as JSON: results of another one do not count as its results."""
    setting = experiment.setting
    # Through JSON and back, so that it equals what is read from a file.
    return json.loads(json.dumps({"kind": type(setting).__name__, **asdict(setting)}))


def read_results(folder: Path, experiment: Experiment, quick: bool = False) -> Results:
    """What `folder` has of the experiment in its present setting; without outcomes if nothing.

    Raises RunError if the file cannot be understood.
    """
    path = _path(folder, experiment, quick)
    empty = Results(experiment.name, setting_of(experiment), quick)
    try:
        found = json.loads(path.read_bytes())
        if found["setting"] != empty.setting:
            return empty
        outcomes = [Outcome(**{**o, "epochs": tuple(o["epochs"])}) for o in found["outcomes"]]
    except FileNotFoundError:
        return empty
    except OSError as error:
        raise RunError(
            f"{path} cannot be read: {error.strerror}.", "Choose another --results."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({type(error).__name__}: {error}).",
            "Remove it, and its experiment is measured again.",
        ) from None
    return replace(empty, outcomes=tuple(outcomes))


def write_results(folder: Path, experiment: Experiment, results: Results) -> Path:
    """Replace the experiment's file, whole or not at all. Raises RunError."""
    path = _path(folder, experiment, results.quick)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror}.", "Choose another --results."
        ) from None
    return path


def values_of(outcomes: Sequence[Outcome], metric: str, epoch: int | None = None) -> list[float]:
    """The metric of each outcome that has it; `epoch` counts from 1, None means the end."""
    if epoch is None:
        return [o.figures[metric] for o in outcomes if metric in o.figures]
    rows = [o.epochs[epoch - 1] for o in outcomes if len(o.epochs) >= epoch]
    return [row[metric] for row in rows if metric in row]


def _path(folder: Path, experiment: Experiment, quick: bool) -> Path:
    return folder / f"{experiment.name}{'.quick' if quick else ''}.json"
