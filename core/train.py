"""The training loop: a generator of events that owns no output.

It never waits for the device except when a report is due, and obeys requests between two steps.
"""

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import nn

from core import clock
from core.clock import Stopwatch
from core.control import REQUESTS
from core.errors import TrainingDiverged
from core.events import ControlApplied, EpochEnd, Event, Notice, Progress, StepReport
from core.losses import Loss
from core.losses.classification import cross_entropy
from core.precision import Precision, outputs
from core.random_state import RandomState, random_state, restore_random_state
from core.sums import Sums, Taken
from core.task import Score, hits
from core.training import BatchSource, Team, Training

EVALUATION_NEWS = 0.5  # seconds between two reports on an evaluation

Tested = tuple[float, float]  # mean loss and mean score of an evaluation
Between = Callable[[], Generator[Event, None, bool]]  # see `evaluate`


def train(training: Training) -> Generator[Event, None, None]:
    """Train until the last planned epoch or until asked to stop, yielding an event for all news.

    Changes `training` and its model in place. It can be left after any event and continued from
    `training.position`, also in another process.

    Raises:
        TrainingDiverged: the mean loss of a report is NaN or infinite.
    """
    device = next(training.model.parameters()).device
    while training.position.epoch <= training.position.epochs:
        training.watch = Stopwatch(training.position.seconds)
        yield from _train_epoch(training)
        if training.stopping:
            return
        train_seconds = training.watch.seconds
        between = partial(_obey_in_evaluation, training, random_state(device))
        trained = None
        if training.evaluated_train:
            trained = yield from _evaluate(
                training, training.evaluated_train, training.score, between
            )
            if trained is None:  # the epoch is evaluated again, whole, when the run goes on
                return
        measured = training.layers.awaits
        with training.layers.looking_for_dead_units() if measured else nullcontext():
            tested = yield from _evaluate(
                training, training.test_batches, training.test_score, between
            )
        if tested is None:
            return
        if measured:
            yield from training.layers.figures(training.position.epoch, training.position.step)
        yield end_epoch(training, train_seconds, tested, trained)
        if training.saving:
            yield from training.saving.end_epoch()
        yield from _obey(training)
        if training.stopping or training.last_epoch_wanted:
            return


def _train_epoch(training: Training) -> Generator[Event, None, None]:
    """The rest of the epoch in progress. Leaves early if asked to stop."""
    batches, take_step = training.train_batches, training.step
    orders, team, layers = training.orders, training.team, training.layers
    sums = Sums(next(training.model.parameters()).device, training.score)
    epoch, step = training.position.epoch, training.position.step
    reported = training.watch.seconds
    lr = 0.0
    training.model.train()

    for index in range(training.position.batch, len(batches)):
        if orders.pending:
            if sums.seen:
                yield from report(training, sums.take(), step, index, lr, reported)
            yield from _obey(training)
            if training.stopping:
                return
            reported = training.watch.seconds

        asked = clock.seconds()
        images, labels = batches.batch(epoch, index)
        sums.waited += clock.seconds() - asked - batches.held_back

        last = index + 1 == len(batches)
        if last and (epoch == training.position.epochs or layers.due(epoch_over=True)):
            layers.remember()
        lr = training.lr_at(step)
        loss, logits = take_step(images, labels, lr)
        step += 1
        if team is None or team.counts(batches):
            sums.add(loss, logits, labels)
        if layers.awaits and not last:  # what this one step has done
            began = training.watch.seconds
            yield from layers.figures(epoch, step)
            reported += training.watch.seconds - began  # training's own speed is told

        due = training.saving is not None and not last and training.saving.due()
        if team:
            now = team.meets(step)
        else:
            now = due or training.watch.seconds - reported >= training.report_interval
        if last or now:
            yield from report(training, sums.take(), step, index + 1, lr, reported)
            if due and training.saving:
                yield from training.saving.save("time")
            if not last and layers.due():
                layers.remember()
            reported = training.watch.seconds


def report(
    training: Training, taken: Taken, step: int, batch: int, lr: float, since: float
) -> Generator[StepReport, None, None]:
    """Move the position on to `step` and tell what happened since `since` (stopwatch seconds).

    Raises TrainingDiverged.
    """
    loss_sum, score_sum, seen, waited = taken
    if training.team:
        loss_sum, score_sum, images = training.team.meet(step, (loss_sum, score_sum, seen))
        seen = int(images)
    seconds, at = training.watch.seconds, training.position
    training.move(
        step=step,
        batch=batch,
        loss_sum=at.loss_sum + loss_sum,
        score_sum=at.score_sum + score_sum,
        seen=at.seen + seen,
        seconds=seconds,
    )
    duration = max(seconds - since, 1e-9)
    told = StepReport(
        epoch=at.epoch,
        step=step,
        loss=loss_sum / seen,
        score=score_sum / seen,
        lr=lr,
        samples_per_second=seen / duration,
        data_wait=min(waited / duration, 1.0),
        gradient_norm=training.layers.gradient_norm(),
    )
    yield told
    if not math.isfinite(told.loss):
        raise TrainingDiverged(
            f"The loss is {told.loss} at step {step}, epoch {at.epoch}, with lr {lr:g}.",
            f"Try --lr {min(lr / 10, 0.1):g}, --schedule one_cycle, or another --initializer.",
        )


def _evaluate(
    training: Training, batches: BatchSource, score: Score, between: Between
) -> Generator[Event, None, Tested | None]:
    return (
        yield from evaluate(
            training.model,
            batches,
            loss=training.loss,
            score=score,
            precision=training.precision,
            between=between,
            team=training.team,
        )
    )


def evaluate(
    model: nn.Module,
    batches: BatchSource,
    *,
    loss: Loss = cross_entropy,
    score: Score = hits,
    precision: Precision = "float32",
    between: Between | None = None,
    team: Team | None = None,
) -> Generator[Event, None, Tested | None]:
    """The mean `loss` and `score` per image of `model` over all `batches`, without label smoothing.

    Leaves the model in training mode. Before each batch comes what `between()` yields; as soon as
    it returns False the evaluation is left and returns None. In a `team` each evaluates its part of
    every batch.
    """
    device = next(model.parameters()).device
    sums, told = Sums(device, score), clock.seconds()
    model.eval()
    try:
        for index in range(len(batches)):
            if between and not (yield from between()):
                return None
            # Left before each yield: a consumer must not find itself in inference mode.
            with torch.inference_mode():
                images, labels = batches.batch(0, index)
                if team is None or team.counts(batches):
                    logits = outputs(model, images, precision)
                    sums.add(loss(logits, labels), logits, labels)
            if clock.seconds() - told > EVALUATION_NEWS:
                yield Progress("evaluating", index + 1, len(batches), "batches")
                told = clock.seconds()
    finally:
        model.train()
    figures: Sequence[float] = sums.take()[:3]
    loss_sum, score_sum, seen = team.total(figures) if team else figures
    return loss_sum / seen, score_sum / seen


def end_epoch(
    training: Training, train_seconds: float, tested: Tested, trained: Tested | None = None
) -> EpochEnd:
    """Move the position on to the next epoch, and tell about this one.

    `trained` are the figures of the training images, if they were evaluated too.
    """
    at, seconds = training.position, training.watch.seconds
    test_loss, test_score = tested
    train_loss, train_score = trained or (at.loss_sum / at.seen, at.score_sum / at.seen)
    # A network that has lost its numbers may still guess one class right: never the best.
    numbers = math.isfinite(test_loss) and math.isfinite(test_score)
    if numbers and (at.best_test_score is None or test_score > at.best_test_score):
        training.move(best_epoch=at.epoch, best_step=at.step, best_test_score=test_score)
        at = training.position
    end = EpochEnd(
        epoch=at.epoch,
        step=at.step,
        train_loss=train_loss,
        train_score=train_score,
        test_loss=test_loss,
        test_score=test_score,
        lr=training.optimizer.param_groups[0]["lr"],
        seconds=seconds,
        samples_per_second=at.seen / max(train_seconds, 1e-9),
    )
    training.move(
        epoch=at.epoch + 1,
        batch=0,
        loss_sum=0.0,
        score_sum=0.0,
        seen=0,
        seconds=0.0,
        total_seconds=at.total_seconds + seconds,
    )
    return end


def _obey_in_evaluation(training: Training, before: RandomState) -> Generator[Event, None, bool]:
    """Carry out what is asked for; returns whether the evaluation goes on.

    A large test set takes minutes. A checkpoint taken here continues with the evaluation, from its
    first batch: the generators stand meanwhile where they stood `before` it.
    """
    if training.team:
        training.team.agree()
    if training.orders.pending:
        device = next(training.model.parameters()).device
        now = random_state(device)
        restore_random_state(before, device)
        yield from _obey(training)
        if not training.stopping:
            restore_random_state(now, device)
    return not training.stopping


def _obey(training: Training) -> Generator[Event, None, None]:
    """Carry out the requests that are waiting; while paused, wait for more."""
    yield from carry_out(training)
    while training.paused and not training.stopping:
        if training.team:
            training.team.listen(1.0)
        else:
            training.control.wait(1.0)
        yield from carry_out(training)


def carry_out(training: Training) -> Generator[Event, None, None]:
    """Carry out the requests that are waiting, up to one to stop."""
    changed = False
    while not training.stopping:
        request = training.orders.take()
        if request is None:
            if not changed or not training.saving:
                return
            # Else the change would be lost with all that comes after the last checkpoint.
            yield from training.saving.save("change")
            changed = False
            continue
        if isinstance(request, Notice):
            yield request
            continue
        at, kind, value = training.position, request.kind, request.value
        match kind:
            case "pause":
                training.paused = True
                training.watch.hold()
            case "resume":
                training.paused = False
                training.watch.go()
            case "checkpoint" if training.saving:
                yield from training.saving.save("asked")
            case "lr" | "scale_lr" if value is not None:
                kind, value = "lr", value if kind == "lr" else _scaled(at.lr, value)
                training.move(lr=value)
                changed = True
            case "epochs" | "extend" if value is not None:
                wanted = int(value) + (at.epochs if kind == "extend" else 0)
                # What has begun is finished: fewer epochs than that cannot be planned.
                kind, value = "epochs", max(wanted, at.epoch if at.batch else at.epoch - 1, 1)
                training.move(epochs=value)
                changed = True
            case "stop_after_epoch":
                training.last_epoch_wanted = True
            case "stop":
                training.stopping = True
        # Last: who is told that there is a checkpoint may read it.
        yield ControlApplied(min(at.epoch, at.epochs), at.step, kind, value, request.id)


def _scaled(lr: float, factor: float) -> float:
    """The learning rate times `factor`, as long as that is one that could be asked for."""
    limits = REQUESTS["lr"]
    assert limits
    return min(max(lr * factor, limits[0]), limits[1])
