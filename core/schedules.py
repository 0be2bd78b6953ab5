"""The learning rate as a function of how far the run has come.

Each schedule maps the fraction of the run that is done, 0 <= done < 1, to a factor of the peak
learning rate, so that extending a run or changing its peak needs no other bookkeeping. A warm-up is
a factor of its own, for any of them.
"""

import math
from collections.abc import Callable

from core.registry import Registry

Schedule = Callable[[float], float]

SCHEDULES: Registry[Schedule] = Registry("schedule", __name__)


def warm_up(done: float, wanted: float) -> float:
    """A straight line from 0 to 1 over the first `wanted` epochs, `done` epochs into the run.

    Goyal et al., arXiv:1706.02677, section 2.2. Where the schedule stands does not depend on it.
    """
    return min(done / wanted, 1.0) if wanted else 1.0


@SCHEDULES.register()
def constant(done: float) -> float:
    """The same learning rate throughout."""
    return 1.0


@SCHEDULES.register()
def cosine(done: float) -> float:
    """Half a cosine from the peak to zero (Loshchilov and Hutter, arXiv:1608.03983)."""
    return (1 + math.cos(math.pi * done)) / 2


@SCHEDULES.register()
def step(done: float) -> float:
    """A tenth from half of the run on, a hundredth from three quarters (arXiv:1512.03385)."""
    return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01


@SCHEDULES.register()
def one_cycle(done: float) -> float:
    """Up from 1/25 in the first 30 %, then down along a cosine (Smith, arXiv:1708.07120)."""
    if done < 0.3:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.3)) / 2
    return (1 + math.cos(math.pi * (done - 0.3) / 0.7)) / 2
