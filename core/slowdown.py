"""Tells when a run on a CPU has become much slower than it was, and what the reason may be.

Its number of threads stays: another one adds in another order, so that a run that changed it by
itself would not have the same bits twice, nor when it is resumed. The user is told, and decides.
"""

import math
import os
import statistics
from collections import deque
from collections.abc import Generator
from contextlib import closing

from core import clock
from core.events import Event, Notice, StepReport

SLOW = 0.5  # of the usual throughput
SECONDS = 10.0  # that it lasts before it is told
SAMPLE_SECONDS = 1.0  # between two throughputs that count, at least
SAMPLES = 20  # that make it usual
REMEMBERED = 600


class Throughput:
    """What is usual for a run, and for how long it has been much less than that."""

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=REMEMBERED)
        self._sampled = -math.inf
        self._well = -math.inf  # when the rate was as usual last

    def fell(self, rate: float, now: float) -> float | None:
        """The usual rate, if it has been below half of that for SECONDS; `now` is in seconds."""
        if now - self._sampled < SAMPLE_SECONDS:
            return None
        self._sampled = now
        if len(self._usual) >= SAMPLES and rate < SLOW * (usual := statistics.median(self._usual)):
            return usual if now - self._well >= SECONDS else None
        self._usual.append(rate)
        self._well = now
        return None


def with_slowdown_told(
    events: Generator[Event, None, None], threads: int
) -> Generator[Event, None, None]:
    """Pass the `events` of a training on a CPU on, and say once in a Notice if it slows down."""
    throughput, told = Throughput(), False
    with closing(events):
        for event in events:
            yield event
            if told or not isinstance(event, StepReport):
                continue
            rate = event.samples_per_second
            if usual := throughput.fell(rate, clock.seconds()):
                told = True
                yield Notice(slowdown_text(rate, usual, threads, _load(), os.cpu_count() or 1))


def slowdown_text(
    rate: float, usual: float, threads: int, load: float | None, processors: int
) -> str:
    """A line on a throughput that fell from `usual` to `rate`, images a second.

    `load` is the number of tasks that run or want to, on so many `processors`; None: unknown.
    """
    told = f"down to {rate:.0f} samples/s from {usual:.0f} for {SECONDS:.0f} s: "
    if load is None:
        return told + "other processes, a limit on the CPU, or its heat"
    if load <= max(threads, processors) + 0.5:
        return told + "other processes are not the reason; a limit on the CPU, or its heat, may be"
    told += f"other processes want the CPU too (load {load:.1f}, {processors} processors)"
    if threads > 1:
        told += f"; beside them a run with --threads 1 may be faster than with {threads}"
    return told


def _load() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None  # Windows has none
