"""How many CPU threads a run should use.

More is not always faster: beside another busy process, two OpenMP threads were measured 10 to 20
times slower than one, and small networks gain nothing from a second. So: one against all, timed.
"""

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

PROBE_SECONDS = 0.3  # for each of the two


def seconds_a_step(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[..., Tensor]
) -> float:
    """Mean seconds of a forward and backward pass of `model`; as `choose_threads`, without a
    trace."""
    with torch.random.fork_rng(devices=[]):
        step = _step(copy.deepcopy(model), images, labels, loss)
        step()  # the first one allocates
        return _seconds_per_call(step)


def choose_threads(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[..., Tensor]
) -> tuple[int, str]:
    """The faster of one and all threads for training steps of `model`, and a line that says why.

    Leaves the model and torch's random state as they were.
    """
    most = torch.get_num_threads()
    if most == 1:
        return 1, "1 CPU thread"
    with torch.random.fork_rng(devices=[]):
        trial = copy.deepcopy(model)
        step = _step(trial, images, labels, loss)
        step()  # the first one allocates
        seconds = {}
        for threads in (most, 1):
            torch.set_num_threads(threads)
            seconds[threads] = _seconds_per_call(step)
    torch.set_num_threads(most)
    best = min(seconds, key=lambda threads: seconds[threads])
    times = ", ".join(f"{t}: {s * 1000:.1f} ms" for t, s in sorted(seconds.items()))
    return best, f"{best} CPU thread{'s' * (best > 1)} ({times} a step)"


def _step(
    model: nn.Module, images: Tensor, labels: Tensor, loss: Callable[..., Tensor]
) -> Callable[[], None]:
    def step() -> None:
        loss(model(images), labels).backward()

    return step


def _seconds_per_call(call: Callable[[], None]) -> float:
    # The mean, not the fastest: what another process costs us is what we want to know.
    calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < PROBE_SECONDS:
        call()
        calls += 1
    return elapsed / calls
