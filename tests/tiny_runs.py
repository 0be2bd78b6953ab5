"""Runs that take no time: a small perceptron on the tiny data set, a report for each step."""

from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from core.config import RunConfig, make_config
from core.datasets import Dataset, Loading, Where
from core.events import Event, Notice

Value = TypeVar("Value")


def config(**values: Any) -> RunConfig:
    return make_config(
        {
            "model": "mlp", "input_size": 8, "model_options": {"hidden": 16}, "epochs": 2,
            "batch_size": 10, "lr": 0.1, "optimizer": "sgd", "threads": 1, "device": "cpu",
            "report_interval": 0,
        }
        | values
    )  # fmt: skip


def finished(generator: Generator[Event, None, Value]) -> tuple[Value, list[Event]]:
    """What it returns, and all that it yields."""
    told = []
    while True:
        try:
            told.append(next(generator))
        except StopIteration as end:
            return end.value, told


def load_only(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run be on `dataset`, whatever data it names."""

    def load(name: str, where: Where) -> Loading:
        yield Notice("tiny images")
        return dataset

    monkeypatch.setattr("core.prepare.load", load)
