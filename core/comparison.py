"""Runs side by side: where their settings differ, what came of them, and how far their curves are
apart."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import RunConfig
from core.events import EpochEnd
from core.record import read_events
from core.runs import RunInfo, read_info

# Settings that say which of the possible runs of an experiment it was, and where.
CHANCE = {"seed", "device", "threads", "report_interval", "checkpoint_seconds"}
FIGURES = ("train_loss", "train_score", "test_loss", "test_score")


@dataclass(frozen=True)
class ComparedRun:
    """One run and its epochs, in their order."""

    info: RunInfo
    epochs: tuple[EpochEnd, ...]

    @property
    def best(self) -> EpochEnd | None:
        """The epoch with the highest test score, the first one if several share it."""
        return max(self.epochs, key=lambda e: e.test_score, default=None)


@dataclass(frozen=True)
class Repeats:
    """Two runs or more that differ in nothing but their seed, or where they ran."""

    runs: tuple[ComparedRun, ...]
    mean: float  # of their best test scores
    spread: float  # their standard deviation, as a sample of all seeds


@dataclass(frozen=True)
class Distance:
    """The largest difference between two or more curves of one figure."""

    figure: str
    largest: float  # NaN if one curve has a number where another has none
    epoch: int  # where that is


def read_run(path: Path) -> ComparedRun:
    """The run in the folder `path`. An epoch that was trained again counts as it was last."""
    ends = {e.epoch: e for e in read_events(path) if isinstance(e, EpochEnd)}
    return ComparedRun(read_info(path), tuple(ends[epoch] for epoch in sorted(ends)))


def differing_settings(configs: Sequence[RunConfig | None]) -> dict[str, list[Any]]:
    """Each setting that is not the same in all runs, with its value in each, as JSON.

    A run whose settings cannot be read has None for each.
    """
    dumps = [config.model_dump(mode="json") if config else {} for config in configs]
    found = {name: [dump.get(name) for dump in dumps] for name in RunConfig.model_fields}
    return {name: values for name, values in found.items() if any(v != values[0] for v in values)}


def by_score(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """The run with the best test score first, those without any last."""
    known = [run for run in runs if run.best and not math.isnan(run.best.test_score)]
    known.sort(key=lambda run: -run.best.test_score if run.best else 0)
    return known + [run for run in runs if run not in known]


def to_baseline(run: ComparedRun, baseline: ComparedRun | None) -> float | None:
    """How much better the best test score is than the baseline's; None where one is not known."""
    if not (baseline and baseline.best and run.best):
        return None
    return run.best.test_score - baseline.best.test_score


def seed_repeats(runs: Sequence[ComparedRun]) -> list[Repeats]:
    """The runs that repeat each other with another seed, in the order of the first of each."""
    groups: dict[str, list[ComparedRun]] = {}
    for run in runs:
        if run.info.config and run.best:
            groups.setdefault(run.info.config.model_dump_json(exclude=CHANCE), []).append(run)
    found = []
    for group in groups.values():
        scores = [run.best.test_score for run in group if run.best]
        seeds = {run.info.config.seed for run in group if run.info.config}
        if len(seeds) > 1:
            found.append(Repeats(tuple(group), statistics.mean(scores), statistics.stdev(scores)))
    return found


def distances(runs: Sequence[ComparedRun]) -> list[Distance]:
    """How far the curves of each figure are apart at most, over the epochs that all runs have.

    Empty if there is no such epoch.
    """
    shared = set.intersection(*({e.epoch for e in run.epochs} for run in runs))
    rows = {e: [_at(run, e) for run in runs] for e in sorted(shared)}
    return [_distance(figure, rows) for figure in FIGURES] if rows else []


def largest_distance(found: Sequence[Distance]) -> float | None:
    """Over all figures; None without any."""
    values = [d.largest for d in found]
    return next((v for v in values if math.isnan(v)), max(values)) if values else None


def _at(run: ComparedRun, epoch: int) -> EpochEnd:
    return next(e for e in run.epochs if e.epoch == epoch)


def _distance(figure: str, rows: dict[int, list[EpochEnd]]) -> Distance:
    widths = {e: _width([getattr(end, figure) for end in ends]) for e, ends in rows.items()}
    # NaN is no number to be larger than another: it goes before all.
    worst = max(widths, key=lambda e: (math.isnan(widths[e]), widths[e]))
    return Distance(figure, widths[worst], worst)


def _width(values: list[float]) -> float:
    if all(v == values[0] or (math.isnan(v) and math.isnan(values[0])) for v in values):
        return 0.0
    return max(values) - min(values) if all(map(math.isfinite, values)) else math.nan
