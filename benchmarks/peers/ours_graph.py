"""nnlab with `--executor graph`, for a GPU; capturing is timed too, once in a training."""

from collections.abc import Callable

from benchmarks.peers import Work, ours


def prepare(work: Work) -> Callable[[], None]:
    return ours.prepare(work, executor="graph")
