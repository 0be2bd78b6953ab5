"""The notes' experiments, measured again: what they published, and what we measure.

    experiments.py   the experiments as data: setting and published figures
    perform.py       one experiment with one seed: a generator of events
    results.py       what was measured, as one JSON file an experiment
    verdict.py       our mean and spread beside the published figure
    corrections.py   where the notes are wrong
    page.py          all of it as docs/reproduction.md

Importing this module does not import torch: `nnlab reproduce --list` does not wait for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """One number that a note or its book printed."""

    metric: str  # "test_accuracy", "train_loss", ... or one of a Training's `measures`
    value: float | None  # None: printed where it cannot be read
    epoch: int | None = None  # from 1; None: after the last
    text: str = ""  # as it was printed, where a number alone does not say it
    # Whether ours has to be at or above it (a loss: at or below). Others are shown beside ours.
    judged: bool = True

    @property
    def lower_is_better(self) -> bool:
        return self.metric.endswith("loss")


Measure = Literal["unnormalised_test_accuracy"]


@dataclass(frozen=True)
class Training:
    """A run: settings for `core.config.make_config`, and what to measure once it is trained."""

    values: Mapping[str, Any]
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Regression:
    """A fit of core.regression, by the name of its version."""

    version: str
    epochs: int = 3


@dataclass(frozen=True)
class Shapes:
    """What a network makes of one image, layer by layer: nothing is trained."""

    model: str
    side: int  # pixels, height and width
    table: tuple[tuple[str, tuple[int, ...]], ...]  # layer, shape of its result without the batch


@dataclass(frozen=True)
class Experiment:
    """One experiment of the notes."""

    name: str
    title: str
    source: str  # the note and where in it
    setting: Training | Regression | Shapes
    published: tuple[Figure, ...] = ()
    minutes: float | None = None  # one seed on two cores, about; None: it needs a GPU
    remark: str = ""  # where we differ from the note, and why; where a figure differs, and why

    @property
    def needs_gpu(self) -> bool:
        return self.minutes is None
