"""Who uses a GPU: the processes that NVML lists, and what the host knows of each."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pynvml

from core.nvml import CLOSED, GONE, ask
from core.readings import GpuProcess


class ProcessMeter:
    """Lists the processes of one GPU. Their loads are since the last reading, so it keeps that.

    The first reading has no loads of the host's processors.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._seen = 0  # NVML's time of the newest sample of utilisation, in microseconds
        # (pid, started) -> (seconds of processor time, clock)
        self._worked: dict[tuple[int, float], tuple[float, float]] = {}

    def read(self, handles: Sequence[Any]) -> tuple[GpuProcess, ...] | None:
        """Who holds memory, the most first; None where NVML does not tell.

        `handles` are a GPU and its MIG instances: such a GPU tells only some users of its
        processes, each instance tells of its own.
        """
        computing = [_running(handle, "Compute") for handle in handles]
        if all(found is None for found in computing):
            return None
        drawing = [_running(handle, "Graphics") for handle in handles]
        held: dict[int, int | None] = {}
        for process in chain.from_iterable(found or [] for found in computing + drawing):
            # One that computes and draws is listed twice, with the same memory.
            held[process.pid] = max(held.get(process.pid) or 0, process.usedGpuMemory or 0) or None
        shares = self._utilisation(handles[0])
        before, self._worked = self._worked, {}
        processes = (
            self._describe(
                pid, memory, shares.get(pid, 0.0) if shares is not None else None, before
            )
            for pid, memory in held.items()
        )
        return tuple(sorted(processes, key=lambda p: (-(p.memory_bytes or 0), p.pid)))

    def _utilisation(self, handle: Any) -> dict[int, float] | None:
        """Fractions of time that each process kept multiprocessors busy; None: not told."""
        try:
            samples = ask(
                pynvml.nvmlDeviceGetProcessUtilization,
                handle,
                self._seen,
                fatal=(pynvml.NVMLError_NotFound, *CLOSED, *GONE),
            )
        except pynvml.NVMLError_NotFound:  # nobody has worked since
            return {}
        if samples is None:
            return None
        samples = sorted(samples, key=lambda sample: sample.timeStamp)
        self._seen = samples[-1].timeStamp if samples else self._seen
        # A share above 100 % is a sample that the driver has not filled.
        return {s.pid: s.smUtil / 100 for s in samples if s.smUtil <= 100}

    def _describe(
        self,
        pid: int,
        memory_bytes: int | None,
        utilisation: float | None,
        before: dict[tuple[int, float], tuple[float, float]],
    ) -> GpuProcess:
        try:
            process = psutil.Process(pid)
            started = process.create_time()
            owner, command, ours, yours = _facts(pid, started)
        except (psutil.Error, ValueError):  # it has ended, or is not visible from this container
            return GpuProcess(pid, memory_bytes=memory_bytes, utilisation=utilisation)
        known = GpuProcess(pid, owner, command, memory_bytes, utilisation, ours=ours, yours=yours)
        try:
            times, resident = process.cpu_times(), process.memory_info().rss
        except psutil.Error:  # macOS tells only the owner
            return known
        now = (times.user + times.system, self._clock())
        self._worked[pid, started] = now
        worked, then = before.get((pid, started), now)
        return replace(
            known,
            cpu_cores=max(now[0] - worked, 0.0) / (now[1] - then) if now[1] > then else None,
            host_memory_bytes=resident,
        )


def _running(handle: Any, kind: str) -> Iterable[Any] | None:
    # The second version is for older libraries, and a second try where processes started between
    # NVML's counting and listing them.
    for version in ("v3", "v2"):
        found = ask(getattr(pynvml, f"nvmlDeviceGet{kind}RunningProcesses_{version}"), handle)
        if found is not None:
            return found
    return None


@lru_cache(maxsize=1024)
def _facts(pid: int, started: float) -> tuple[str | None, str | None, bool, bool]:
    """Owner, command, whether it is ours, whether it is the user's. `started` tells apart two
    processes that had the same id. Cached, because a user's name may have to come over a network.
    """
    process, this = psutil.Process(pid), psutil.Process()
    owner = process.username()
    try:
        program, *arguments = process.cmdline() or [process.name()]
    except psutil.AccessDenied:
        program, arguments = process.name(), []
    return (
        f"uid {owner}" if owner.isdigit() else owner,
        " ".join([Path(program).name, *arguments])[:200],
        this in [process, *process.parents()],
        owner == this.username(),
    )
