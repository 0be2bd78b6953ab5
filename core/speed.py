"""How fast a run trains on this machine, how near that is to the bare step, and where time goes.

The bare step is forward, backward and optimizer step on one batch that lies ready: what a network
costs whoever feeds it. It is timed in turn with the real loop, so that what else the machine does
hits both.
"""

import statistics
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.events import Event, Progress
from core.train import BatchSource, Training, evaluate, train

ROUNDS = 5


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
    batch = training.train_batches.batch(1, 0)
    tested, training.test_batches = training.test_batches, _First(training.test_batches)
    training.move(epochs=10**9)
    events = train(training)
    _loop(training, events, turn / 4)  # the first steps allocate
    _calls_per_second(training, lambda: _step(training, *batch), turn / 4)
    loop_rates, bare_rates, steps = [], [], 0
    for number in range(ROUNDS):
        rate, done = _loop(training, events, turn)
        calls = _calls_per_second(training, lambda: _step(training, *batch), turn)
        loop_rates.append(rate)
        bare_rates.append(calls * len(batch[1]))
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


class _First:
    """Only the first image of a test part: its evaluation ends an epoch in no time."""

    def __init__(self, batches: BatchSource) -> None:
        self._batch = tuple(part[:1] for part in batches.batch(0, 0))

    def __len__(self) -> int:
        return 1

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self._batch
        return images, labels


def _loop(training: Training, events: Iterator[Event], seconds: float) -> tuple[float, int]:
    """Images a second of the real loop, from one of its reports to another, and its steps."""
    first, started = training.position.step, time.perf_counter()
    for _ in events:
        elapsed = time.perf_counter() - started
        if elapsed >= seconds and training.position.step > first:
            break
    steps = training.position.step - first
    return steps * len(training.train_batches.batch(1, 0)[1]) / elapsed, steps


def _step(training: Training, images: Tensor, labels: Tensor) -> None:
    loss, _ = training.forward(images, labels)
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()


def _calls_per_second(training: Training, call: Callable[[], object], seconds: float) -> float:
    wait = _waiting(training)
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        call()
        calls += 1
        if calls % 8 == 0:  # so that a GPU's queue does not grow past the end of the turn
            wait()
    wait()
    return calls / max(elapsed, time.perf_counter() - started)


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
        loss, _ = training.forward(images, labels)
        note("forward")
        training.optimizer.zero_grad()
        loss.backward()
        note("backward")
        training.optimizer.step()
        note("optimizer")
        index += 1
    return {part: statistics.median(times) for part, times in taken.items()}


def _evaluation(training: Training, batches: BatchSource, seconds: float) -> float:
    """Images a second while testing."""
    started = time.perf_counter()
    some = _Some(batches)

    def time_left() -> Generator[Event, None, bool]:
        yield from ()
        return some.seen == 0 or time.perf_counter() - started < seconds

    for _ in evaluate(training.model, some, loss=training.loss, between=time_left):
        pass
    _waiting(training)()
    return some.seen / (time.perf_counter() - started)


class _Some:
    """Batches, and how many images of them were taken."""

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
