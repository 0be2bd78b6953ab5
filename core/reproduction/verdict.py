"""Our figures beside the published ones.

A published figure is one run with one seed. It is reached if our mean over the seeds is as good,
and "within the spread" if it lies within two standard deviations of our mean, where 19 of 20 single
runs of ours would lie too. With one seed there is no spread to tell.
"""

from dataclasses import dataclass
from statistics import fmean, stdev

from core.reproduction import Experiment, Figure
from core.reproduction.results import Results, values_of

REACHED, WITHIN, BELOW, NOT_RUN, SHOWN = (
    "reached",
    "within the spread",
    "below",
    "not run",
    "not compared",
)


@dataclass(frozen=True)
class Comparison:
    """One published figure and ours."""

    figure: Figure
    mean: float | None  # None: not run
    spread: float | None  # standard deviation over seeds; None with fewer than two
    seeds: int
    verdict: str


def compare(experiment: Experiment, results: Results) -> list[Comparison]:
    """A comparison for each published figure, in their order."""
    return [_compare(figure, results) for figure in experiment.published]


def overall(experiment: Experiment, results: Results) -> str:
    """The worst verdict of the figures that are judged; for a table of shapes, of its rows."""
    if not results.outcomes:
        return NOT_RUN
    found = {c.verdict for c in compare(experiment, results)}
    if wrong := values_of(results.outcomes, "wrong_shapes"):
        found.add(BELOW if any(wrong) else REACHED)
    return next((v for v in (BELOW, WITHIN, REACHED) if v in found), SHOWN)


def mean_and_spread(values: list[float]) -> tuple[float | None, float | None]:
    """The mean, and the sample's standard deviation if there are two values or more."""
    return fmean(values) if values else None, stdev(values) if len(values) > 1 else None


def _compare(figure: Figure, results: Results) -> Comparison:
    values = values_of(results.outcomes, figure.metric, figure.epoch)
    mean, spread = mean_and_spread(values)
    if mean is None:
        verdict = NOT_RUN
    elif figure.value is None or not figure.judged:
        verdict = SHOWN
    else:
        short = (mean - figure.value) * (1 if figure.lower_is_better else -1)
        verdict = REACHED if short <= 0 else WITHIN if short <= 2 * (spread or 0) else BELOW
    return Comparison(figure, mean, spread, len(values), verdict)
