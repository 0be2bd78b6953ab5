"""The experiments of the study notes, as settings to start from: the runs of core.reproduction, and
one that the notes describe without a figure. Plain data: imports no torch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.reproduction import Training
from core.reproduction.experiments import EXPERIMENTS


@dataclass(frozen=True)
class Preset:
    """One experiment of the notes: settings for `core.config.make_config`."""

    name: str
    title: str
    source: str  # the note and where in it
    values: Mapping[str, Any]
    test_accuracy: float | None = None  # fraction, of the last epoch that was printed


def _of_experiments() -> Iterator[Preset]:
    for e in EXPERIMENTS:
        if isinstance(e.setting, Training):
            last = [
                figure.value
                for figure in e.published
                if figure.metric == "test_accuracy" and figure.epoch is None
            ]
            yield Preset(e.name, e.title, e.source, e.setting.values, *last)


PRESETS: tuple[Preset, ...] = (
    *_of_experiments(),
    Preset(
        "mlp-fashion",
        "Multilayer perceptron on Fashion-MNIST",
        "note 000, 3.3",
        {
            "model": "mlp",
            "data": "fashion-mnist",
            "epochs": 10,
            "batch_size": 256,
            "optimizer": "sgd",
            "lr": 0.1,
            "initializer": "normal",
        },
    ),
)
