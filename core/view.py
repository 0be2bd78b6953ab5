"""What a screen knows of a run, as one value: `view = reduce(view, event)` for each event.

Pure and without a terminal. The events come from the training thread of this process or from a
run folder; a pane cannot tell the difference. Imports no torch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from core.events import (
    CheckpointSaved,
    ControlApplied,
    DeviceFigures,
    EpochEnd,
    Event,
    LayerFigures,
    Notice,
    Progress,
    Queued,
    RunEnd,
    RunStart,
    StartOver,
    StepReport,
    Waiting,
)

MOST_POINTS = 8192  # of a curve in memory; a pane is a few hundred columns wide
MOST_FIGURES = 256  # of all layers in memory: some KB each in a deep network
MOST_READINGS = 1024  # of devices
LOG_LINES = 500

T = TypeVar("T")


@dataclass(frozen=True)
class RunView:
    """Everything that panes show of one run."""

    # "queued", "preparing", "training", "evaluating", "paused", "waiting", "stopping", "finished",
    # "stopped", "failed"
    state: str = "preparing"
    before_waiting: str = "preparing"  # the state to go back to
    waiting: str = ""  # for what, in one line
    behind: tuple[str, ...] = ()  # while queued: the runs that go first
    start: RunStart | None = None
    progress: Progress | None = None  # of what is being prepared or evaluated
    epochs: int = 0  # planned
    epoch: int = 0  # the one in progress, or the last, from 1
    step: int = 0
    reports: tuple[StepReport, ...] = ()  # thinned to at most MOST_POINTS
    layers: tuple[LayerFigures, ...] = ()  # thinned to at most MOST_FIGURES
    epoch_ends: tuple[EpochEnd, ...] = ()
    devices: tuple[DeviceFigures, ...] = ()  # thinned to at most MOST_READINGS
    controls: tuple[ControlApplied, ...] = ()
    checkpoint: CheckpointSaved | None = None
    end: RunEnd | None = None
    log: tuple[str, ...] = ()

    @property
    def total_steps(self) -> int:
        """Steps of the whole run, 0 while unknown."""
        return self.epochs * self.start.steps_per_epoch if self.start else 0

    @property
    def step_in_epoch(self) -> int:
        """Steps done of the epoch in progress."""
        if not self.start:
            return 0
        return self.step - (self.epoch - 1) * self.start.steps_per_epoch if self.epoch else 0

    @property
    def last(self) -> StepReport | None:
        return self.reports[-1] if self.reports else None

    @property
    def metric(self) -> str:
        """What scores are, such as "accuracy"."""
        return self.start.metric if self.start else "score"

    @property
    def best(self) -> EpochEnd | None:
        """The epoch with the highest test score, the first one if several share it; never one
        whose test gave no number."""
        told = [e for e in self.epoch_ends if math.isfinite(e.test_loss + e.test_score)]
        return max(told, key=lambda e: e.test_score, default=None)

    @property
    def eta_seconds(self) -> float | None:
        """Time left, from the last epoch's duration; before that, from the newest throughput."""
        if not self.start or self.end:
            return None
        left = (self.total_steps - self.step) / self.start.steps_per_epoch  # epochs
        if self.epoch_ends:
            return left * self.epoch_ends[-1].seconds
        if self.last and self.last.samples_per_second > 0:
            return left * self.start.train_images / self.last.samples_per_second
        return None


def reduce(view: RunView, event: Event) -> RunView:
    """The view after one more event."""
    if text := describe(event):
        view = replace(view, log=(*view.log, text)[-LOG_LINES:])
    match event:
        case Progress():
            begun = {"training": "evaluating", "queued": "preparing"}
            return replace(view, progress=event, state=begun.get(view.state, view.state))
        case Notice():
            return view
        case Queued():
            return replace(view, state="queued", behind=event.behind)
        case Waiting(problem="") if view.state == "waiting":
            return replace(view, state=view.before_waiting, waiting="")
        case Waiting() if view.end or not event.problem:
            return view
        case Waiting():
            before = view.before_waiting if view.state == "waiting" else view.state
            return replace(view, state="waiting", before_waiting=before, waiting=event.problem)
        case StartOver():
            return RunView()
        case RunStart():
            return replace(
                view,
                state="training",
                waiting="",
                start=event,
                progress=None,
                epochs=event.epochs,
                epoch=min(event.step // event.steps_per_epoch + 1, event.epochs),
                step=event.step,
                end=None,
            )
        case StepReport() | EpochEnd():
            return _with_figures(view, [event])
        case LayerFigures():
            return replace(view, layers=tuple(_thin((*view.layers, event), MOST_FIGURES)))
        case DeviceFigures():
            return replace(view, devices=tuple(_thin((*view.devices, event), MOST_READINGS)))
        case CheckpointSaved():
            return replace(view, checkpoint=event)
        case ControlApplied():
            return _apply(replace(view, controls=(*view.controls, event)), event)
        case RunEnd():
            return replace(view, state=event.state, end=event, progress=None, waiting="")


def reduce_all(view: RunView, events: Iterable[Event]) -> RunView:
    """The view after all `events`: that of `reduce` for each of them, in much less time."""
    figures: list[StepReport | EpochEnd] = []
    for event in events:
        if isinstance(event, StepReport | EpochEnd):
            figures.append(event)
            continue
        view = reduce(_with_figures(view, figures), event)
        figures = []
    return _with_figures(view, figures)


def describe(event: Event) -> str | None:
    """The event as a line for people, or None if it is not worth one."""
    match event:
        case StepReport() | EpochEnd():  # first: they are by far the most
            return None
        case Notice():
            return event.text
        case Queued():
            return f"queued behind {', '.join(event.behind)}" if event.behind else "queued"
        case Waiting(problem=""):
            return "the run goes on"
        case Waiting():
            return event.problem
        case RunStart():
            return (
                f"{'resumed' if event.step else 'started'} {event.run}: {event.model} "
                f"({event.parameters:,} parameters) on {event.data} ({event.train_images:,} + "
                f"{event.test_images:,} {event.samples}), "
                f"{f'{event.processes} × ' * (event.processes > 1)}{event.device_name}"
            )
        case CheckpointSaved() if event.reason in ("asked", "stop"):
            return f"checkpoint saved at step {event.step}"
        case ControlApplied(request="checkpoint"):
            return None  # the CheckpointSaved that follows says it
        case ControlApplied():
            value = "" if event.value is None else f" {event.value:g}"
            return f"{event.request.replace('_', ' ')}{value} at step {event.step}"
        case RunEnd() if event.problem:
            return f"{event.state}: {event.problem} {event.fix}"
        case RunEnd():
            return f"{event.state} after {event.epoch} epochs, {event.step} steps"
    return None


def _with_figures(view: RunView, figures: list[StepReport | EpochEnd]) -> RunView:
    """The view after these; it is copied once, with its thousands of points."""
    if not figures:
        return view
    reports, ends = list(view.reports), list(view.epoch_ends)
    for event in figures:
        if isinstance(event, EpochEnd):
            ends.append(event)
            continue
        reports.append(event)
        if len(reports) > MOST_POINTS:
            reports = _thin(reports, MOST_POINTS)
    return replace(
        view,
        state="training" if view.state == "evaluating" else view.state,
        progress=None,
        epoch=figures[-1].epoch,
        step=figures[-1].step,
        reports=tuple(reports),
        epoch_ends=tuple(ends),
    )


def _apply(view: RunView, control: ControlApplied) -> RunView:
    match control.request:
        case "pause":
            return replace(view, state="paused")
        case "resume":
            return replace(view, state="training")
        case "stop":
            return replace(view, state="stopping")
        case "epochs" if control.value is not None:
            return replace(view, epochs=int(control.value))
    return view


def _thin(items: Sequence[T], most: int) -> list[T]:
    """Every second one of the older half, once there are too many to keep."""
    if len(items) <= most:
        return list(items)
    return [*items[: most // 2 : 2], *items[most // 2 :]]
