"""Rules on how a network learns, from its curves.

Each has its thresholds above it. They were set on recorded runs, which the tests keep.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from core.diagnosis.finding import Finding, Readings
from core.events import EpochEnd
from core.view import RunView

STEPS = 100  # before a curve by epochs says anything: those of a small table may be single steps
FIRST_STEPS = 20  # in which a bad initialisation may still be made up for
EXPLODED = 10.0  # times the loss of guessing; an unlucky initialisation begins at 1 to 2 times
WINDOW = 10  # reports; the loss of a single one jumps
RECENT = 50 * WINDOW  # reports searched for the lowest loss: a screen asks twice a second
RISEN = 3.0  # times the lowest loss so far, and above where it began


def diverging(view: RunView, _: Readings) -> Finding | None:
    """The loss is no number, rises above where it began, or exploded and never came back."""
    evidence = _not_finite(view) or _exploded(view) or _rising(view)
    return Finding("diverging", evidence, _lower_rate(view)) if evidence else None


def _not_finite(view: RunView) -> str | None:
    for last in (view.last, view.epoch_ends[-1] if view.epoch_ends else None):
        if last is not None:
            loss = last.train_loss if isinstance(last, EpochEnd) else last.loss
            if not math.isfinite(loss):
                return f"The loss is {loss} at step {last.step}."
    return None


def _exploded(view: RunView) -> str | None:
    guessing = guessing_loss(view)
    if not guessing or not view.epoch_ends or view.step < FIRST_STEPS:
        return None
    if not _guesses(view, view.epoch_ends[-1]):
        return None
    now = view.epoch_ends[-1].train_loss
    highest = max(e.train_loss for e in view.epoch_ends)
    if highest < EXPLODED * guessing or now < guessing:
        return None
    then = f" and is {_figure(now)} now" if now < highest else ""
    return f"The loss went up to {_figure(highest)}{then} (guessing: {guessing:.2f})."


def _rising(view: RunView) -> str | None:
    recent = view.reports[-RECENT:]
    if len(recent) < 3 * WINDOW:
        return None
    began = median(r.loss for r in view.reports[:WINDOW])
    windows = [recent[i : i + WINDOW] for i in range(0, len(recent) - WINDOW, WINDOW)]
    lowest = min(median(r.loss for r in window) for window in windows)
    now = median(r.loss for r in recent[-WINDOW:])
    if now < RISEN * lowest or now < began:
        return None
    return f"The loss rose from {_figure(lowest)} to {_figure(now)}; it began at {_figure(began)}."


FLAT_EPOCHS = 2  # the first one alone is short of evidence: LeNet's sigmoids take a while
NEAR_GUESSING = 0.1  # part by which the loss may differ from guessing's
FLAT = 0.03  # part by which it may change from epoch to epoch
THROWN_ABOUT = 0.015  # part above guessing; what merely stands still is closer to it


def plateau(view: RunView, _: Readings) -> Finding | None:
    """The network has done no better than guessing for whole epochs."""
    ends = view.epoch_ends
    stuck = _stuck_epochs(view, ends[::-1])
    if stuck < FLAT_EPOCHS or view.step < STEPS:
        return None
    guessing = guessing_loss(view) or 1.0
    now = ends[-1]
    newest = median(r.loss for r in view.reports[-WINDOW:]) if view.reports else guessing
    if (
        abs(now.train_loss / ends[-2].train_loss - 1) > FLAT
        or newest < (1 - NEAR_GUESSING) * guessing  # it has just begun to learn
    ):
        return None
    evidence = (
        f"No better than guessing since epoch {ends[-stuck].epoch}: loss {now.train_loss:.3f} "
        f"(guessing: {guessing:.3f}), test {view.metric} {now.test_score:.3f}."
    )
    if now.train_loss > guessing * (1 + THROWN_ABOUT):
        return Finding("plateau", f"{evidence} The steps are too long.", _lower_rate(view))
    advice = (
        "Sigmoids may need more epochs; else try --model-options activation=relu or "
        "--initializer xavier_uniform."
    )
    if view.metric != "accuracy":
        advice = f"Try {_rate(view, 10)} or --optimizer adam."
    return Finding("plateau", evidence, advice)


def left_plateau(view: RunView, _: Readings) -> Finding | None:
    """Good news after a bad beginning."""
    stuck = _stuck_epochs(view, view.epoch_ends)
    if not FLAT_EPOCHS <= stuck < len(view.epoch_ends):
        return None
    left, now = view.epoch_ends[stuck], view.epoch_ends[-1]
    if _guesses(view, now):
        return None
    return Finding(
        "left the plateau",
        f"It began to learn in epoch {left.epoch}: test {view.metric} "
        f"{view.epoch_ends[stuck - 1].test_score:.3f} before, {now.test_score:.3f} now.",
    )


SLOW_EPOCHS = 4
SLOW = 0.12  # part of the loss that an epoch may take away; a good rate takes more at first
STRAIGHT = 0.5  # the least fall to the largest: what nears its floor falls less and less
FAR_FROM_FLOOR = 0.5  # of guessing's loss


def learning_rate_too_low(view: RunView, _: Readings) -> Finding | None:
    """The loss has come down on a straight line since the beginning, a little each epoch."""
    guessing, ends = guessing_loss(view), view.epoch_ends
    if not guessing or len(ends) < SLOW_EPOCHS or view.step < STEPS:
        return None
    warming_up = ends[-1].lr > ends[0].lr
    if warming_up or ends[-1].train_loss < FAR_FROM_FLOOR * guessing:
        return None
    losses = [end.train_loss for end in ends]
    falls = [before - after for before, after in pairwise(losses)]
    parts = [fall / loss for fall, loss in zip(falls, losses, strict=False)]
    if not all(0 < part < SLOW for part in parts) or min(falls) < STRAIGHT * max(falls):
        return None
    return Finding(
        "learning rate too low",
        f"The training loss falls on a straight line, by {falls[-1]:.3f} an epoch, and is still "
        f"{losses[-1]:.3f}.",
        f"Try {_rate(view, 10)}.",
    )


JUMPS_EPOCHS = 5
JUMPS = 0.05  # part of the loss between the lowest and the highest of these epochs
NOT_LEARNED = 0.15  # of guessing's loss; below, jumps matter little


def learning_rate_too_high(view: RunView, _: Readings) -> Finding | None:
    """The training loss jumps up and down and no longer falls."""
    guessing = guessing_loss(view)
    losses = [end.train_loss for end in view.epoch_ends[-JUMPS_EPOCHS:]]
    if not guessing or len(losses) < JUMPS_EPOCHS or min(losses) < NOT_LEARNED * guessing:
        return None
    rises = sum(after > before for before, after in pairwise(losses))
    if rises < 2 or losses[-1] < losses[0] or max(losses) < (1 + JUMPS) * min(losses):
        return None
    return Finding(
        "learning rate too high",
        f"The training loss jumps between {min(losses):.3f} and {max(losses):.3f} and has not "
        f"fallen in {JUMPS_EPOCHS} epochs.",
        _lower_rate(view),
    )


OVERFITTING_EPOCHS = 4  # after the best one; batch normalisation alone makes up to three bad ones
LOST = 0.1  # part by which even the best of the last three epochs must be worse
LEARNED = 0.1  # part by which the training loss must have fallen meanwhile


def overfitting(view: RunView, _: Readings) -> Finding | None:
    """The test loss has risen for several epochs while the training loss fell."""
    ends = view.epoch_ends
    if len(ends) <= OVERFITTING_EPOCHS:
        return None
    best = min(ends, key=lambda end: end.test_loss)
    since = ends[ends.index(best) + 1 :]
    now = ends[-1]
    if (
        len(since) < OVERFITTING_EPOCHS
        or min(end.test_loss for end in since[-3:]) < (1 + LOST) * best.test_loss
        or now.train_loss > (1 - LEARNED) * best.train_loss
    ):
        return None
    return Finding(
        "overfitting",
        f"Since epoch {best.epoch} the test loss went from {best.test_loss:.3f} up to "
        f"{now.test_loss:.3f}, the training loss from {best.train_loss:.3f} down to "
        f"{now.train_loss:.3f}.",
        f"Try --epochs {best.epoch}, --weight-decay 0.001 or "
        + ("more rows." if view.start and view.start.table else "--augmentation crop."),
    )


# What these rules ask


def guessing_loss(view: RunView) -> float | None:
    """The loss of giving every class the same probability, or the mean of a number; None if
    unknown.

    It is that of cross-entropy and of the squared error in units of the variance.
    """
    if not view.start:
        return None
    if view.metric != "accuracy":
        return 1.0
    classes = len(view.start.classes)
    return math.log(classes) if classes > 1 else None


def _guesses(view: RunView, end: EpochEnd) -> bool:
    """Whether the test score is that of guessing, give or take what chance gives."""
    if view.metric != "accuracy":
        return not end.test_score > 0.05  # also if it is no number
    assert view.start is not None
    share = 1 / max(len(view.start.classes), 1)
    return end.test_score <= min(1.5 * share, share + 0.05)


def _stuck_epochs(view: RunView, ends: Sequence[EpochEnd]) -> int:
    """How many of `ends`, from the first on, were spent near the loss and score of guessing."""
    guessing = guessing_loss(view)
    if not guessing:
        return 0
    for count, end in enumerate(ends):
        if abs(end.train_loss / guessing - 1) > NEAR_GUESSING or not _guesses(view, end):
            return count
    return len(ends)


def _lower_rate(view: RunView) -> str:
    return f"Try {_rate(view, 0.1)} or --warmup 1."


def _rate(view: RunView, factor: float) -> str:
    """--lr with the run's own times `factor`, without a value if that is unknown."""
    changes = [c.value for c in view.controls if c.request == "lr" and c.value]
    seen = [r.lr for r in view.reports] + [end.lr for end in view.epoch_ends]
    rate = changes[-1] if changes else max(seen, default=0.0)
    if not rate:
        return "a higher --lr" if factor > 1 else "a lower --lr"
    return f"--lr {rate * factor:.3g}"


def _figure(loss: float) -> str:
    return f"{loss:.3f}" if loss < 100 else f"{loss:,.0f}" if loss < 1e9 else f"{loss:.2g}"
