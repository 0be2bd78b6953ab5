"""What is wrong with a run, and what to try: plain words about a RunView.

Each rule is a function of the run and of what its machine was doing lately. It says nothing while
there is little to go by: the curves of healthy runs are noisy too, and an alarm that is wrong
costs more than one that comes an epoch later. Imports no torch.
"""

from collections.abc import Callable

from core.diagnosis.finding import Finding, Readings
from core.diagnosis.hardware import READINGS, data_bound, gpu_underused, memory_nearly_full
from core.diagnosis.learning import (
    diverging,
    learning_rate_too_high,
    learning_rate_too_low,
    left_plateau,
    overfitting,
    plateau,
)
from core.view import RunView

__all__ = ["READINGS", "Finding", "diagnose"]

Rule = Callable[[RunView, Readings], Finding | None]

RULES: tuple[tuple[Rule, ...], ...] = (
    (diverging, plateau, learning_rate_too_low, learning_rate_too_high, overfitting),
    (memory_nearly_full,),
    (data_bound, gpu_underused),
    (left_plateau,),
)


def diagnose(view: RunView, readings: Readings = ()) -> tuple[Finding, ...]:
    """All that is to be said, the gravest first; empty for a run that goes well."""
    findings = []
    for group in RULES:
        # What comes first in a group explains the others: a run that diverged learns nothing.
        found = next(filter(None, (rule(view, readings) for rule in group)), None)
        if found:
            findings.append(found)
    return tuple(findings)
