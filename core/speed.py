"""How fast a run trains on this machine, how near that is to the bare step, and where time goes.

The bare step is forward, backward and optimizer step on batches that lie ready: what a network
costs whoever feeds it. They are an epoch's, where that has room, for one batch alone would stay in
the processor's cache, where no training finds its images. It is timed in many short turns with the
real loop, so that what else the machine does hits both.
"""

import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import torch
from torch import Tensor

from core.events import Event, Progress, StepReport
from core.train import evaluate, train
from core.training import BatchSource, Training

ROUNDS = 20
ENOUGH = 5  # rounds of a network so slow that the time is over
READY_BYTES = 2**28  # of images in the batches that lie ready, at most; one batch at least


@dataclass(frozen=True)
class Speed:
    """Medians over the rounds."""

    samples_per_second: float  # of the training loop
    bare_samples_per_second: float
    share: float  # of the bare step's speed that the loop reaches, round by round
    test_samples_per_second: float
    parts: dict[str, float]  # of a step: "batch", "forward", ... -> seconds, each waited for
    steps: int  # of the loop that were timed


def measure_speed(training: Training, seconds: float) -> Generator[Progress, None, Speed]:
    """Time `training`, which has not begun, for about `seconds`. Trains its network on the way.

    Raises TrainingDiverged, and what a device raises that cannot hold the run.
    """
    turn = seconds / (2 * ROUNDS + 2)  # the last two are for the parts and the evaluation
    rounds = ROUNDS + 2
    yield Progress("timing", 0, rounds, "rounds")
    ready = cycle(_ready(training.train_batches))
    tested, training.test_batches = training.test_batches, _First(training.test_batches)
    training.evaluated_train = None  # as quick as a run can be
    training.move(epochs=10**9)
    events = train(training)
    _loop(training, events, turn / 4)  # the first steps allocate
    _bare(training, ready, turn / 4)
    loop_rates, bare_rates, steps = [], [], 0
    until = time.perf_counter() + ROUNDS * 2 * turn
    for number in range(ROUNDS):
        if number >= ENOUGH and time.perf_counter() > until:
            break
        rate, done = _loop(training, events, turn)
        loop_rates.append(rate)
        bare_rates.append(_bare(training, ready, turn))
        steps += done
        yield Progress("timing", number + 1, rounds, "rounds")
    parts = _parts(training, turn)
    yield Progress("timing", ROUNDS + 1, rounds, "rounds")
    return Speed(
        samples_per_second=statistics.median(loop_rates),
        bare_samples_per_second=statistics.median(bare_rates),
        share=statistics.median(a / b for a, b in zip(loop_rates, bare_rates, strict=True)),
        test_samples_per_second=_evaluation(training, tested, turn),
        parts=parts,
        steps=steps,
    )


def _ready(batches: BatchSource) -> Sequence[tuple[Tensor, Tensor]]:
    """The first epoch's batches, as many as have room."""
    ready = [batches.batch(1, 0)]
    room = READY_BYTES // ready[0][0].nbytes
    ready += [batches.batch(1, index) for index in range(1, min(len(batches), room))]
    return ready


class _First:
    """Only the first image of a test part: its evaluation ends an epoch in no time."""

    held_back = 0.0

    def __init__(self, batches: BatchSource) -> None:
        self._batch = tuple(part[:1] for part in batches.batch(0, 0))

    def __len__(self) -> int:
        return 1

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self._batch
        return images, labels


def _loop(training: Training, events: Iterator[Event], seconds: float) -> tuple[float, int]:
    """Images a second of the real loop, from one of its reports to another, and its steps."""
    first, done, started = training.position.step, 0, time.perf_counter()
    seen = training.position.seen
    for event in events:
        at = training.position
        if isinstance(event, StepReport):
            done += at.seen - seen
        seen = at.seen
        elapsed = time.perf_counter() - started
        if elapsed >= seconds and at.step > first:
            break
    return done / elapsed, at.step - first


def _bare(training: Training, batches: Iterator[tuple[Tensor, Tensor]], seconds: float) -> float:
    """Images a second of forward, backward and the optimizer's step alone."""
    wait, whole = _waiting(training), _taken_whole(training)
    steps = done = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        images, labels = next(batches)
        if whole:
            training.step(images, labels, training.position.lr)
        else:
            loss, _ = training.forward(images, labels)
            training.optimizer.zero_grad()
            loss.backward()
            training.optimizer.step()
        done += len(labels)
        steps += 1
        if steps % 8 == 0:  # so that a GPU's queue does not grow past the end of the turn
            wait()
    wait()
    return done / (time.perf_counter() - started)


def _taken_whole(training: Training) -> bool:
    """Whether forward, backward and update cannot be taken apart, as in a CUDA graph."""
    return training.step != training.eager_step


def _parts(training: Training, seconds: float) -> dict[str, float]:
    """Median seconds of each part of a step, the device waited for after each."""
    wait = _waiting(training)
    taken: dict[str, list[float]] = {}
    at = 0.0

    def note(part: str) -> None:
        nonlocal at
        wait()
        now = time.perf_counter()
        taken.setdefault(part, []).append(now - at)
        at = now

    started, index = time.perf_counter(), 0
    while time.perf_counter() - started < seconds or index < 3:
        wait()
        at = time.perf_counter()
        batch = index % len(training.train_batches)
        images, labels = training.train_batches.batch(1, batch)
        note("batch")
        index += 1
        if _taken_whole(training):
            training.step(images, labels, training.position.lr)
            note("step")
            continue
        loss, _ = training.forward(images, labels)
        note("forward")
        training.optimizer.zero_grad()
        loss.backward()
        note("backward")
        training.optimizer.step()
        note("optimizer")
    return {part: statistics.median(times) for part, times in taken.items()}


def _evaluation(training: Training, batches: BatchSource, seconds: float) -> float:
    """Images a second while testing."""
    started = time.perf_counter()
    some = _Some(batches)

    def time_left() -> Generator[Event, None, bool]:
        yield from ()
        return some.seen == 0 or time.perf_counter() - started < seconds

    evaluation = evaluate(
        training.model,
        some,
        loss=training.loss,
        precision=training.precision,
        between=time_left,
    )
    for _ in evaluation:
        pass
    _waiting(training)()
    return some.seen / (time.perf_counter() - started)


class _Some:
    """Batches, and how many images of them were taken."""

    held_back = 0.0

    def __init__(self, batches: BatchSource) -> None:
        self._batches = batches
        self.seen = 0

    def __len__(self) -> int:
        return len(self._batches)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self._batches.batch(epoch, index)
        self.seen += len(labels)
        return images, labels


def _waiting(training: Training) -> Callable[[], object]:
    """What waits until the device has done all that it was given."""
    device = next(training.model.parameters()).device
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None
