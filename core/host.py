"""What the machine is doing: processors, memory, and this process among them."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psutil

from core.cgroup import memory_limit
from core.readings import HostReading


class HostMeter:
    """Reads the machine. Processor time is a difference between two readings, so it keeps the last.

    The first reading has no processor figures: a zero would be a lie.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._process = psutil.Process()
        self._cores: list[tuple[float, float]] = []  # (busy, total) seconds of each core
        self._own: tuple[float, float] | None = None  # (seconds of processor time, clock)
        self._moved: tuple[int | None, ...] = ()  # bytes, see _moved

    def read(self) -> HostReading:
        """The machine since the last reading. Takes well under a millisecond per 16 cores."""
        cores = [_busy_and_total(times) for times in psutil.cpu_times(percpu=True)]
        now = self._clock()
        times = self._process.cpu_times()
        own = (times.user + times.system, now)
        memory = psutil.virtual_memory()
        swap = psutil.swap_memory()
        # A core may come or go between two readings (virtual machines): compare what both have.
        fractions = tuple(
            _fraction(busy - busy_before, total - total_before)
            for (busy, total), (busy_before, total_before) in zip(cores, self._cores, strict=False)
        )
        moved = _moved()
        seconds = now - self._own[1] if self._own else 0.0
        read, written, received, sent = (
            _rate(after, before, seconds) for after, before in zip_longest(moved, self._moved)
        )
        limit = memory_limit()
        if limit is not None and limit[1] >= memory.total:
            limit = None
        reading = HostReading(
            cpu_name=cpu_name(),
            cpu=sum(fractions) / len(fractions) if fractions else None,
            cores=fractions,
            memory_used_bytes=memory.total - memory.available,
            memory_total_bytes=memory.total,
            swap_used_bytes=swap.used,
            swap_total_bytes=swap.total,
            limit_used_bytes=limit[0] if limit else None,
            limit_bytes=limit[1] if limit else None,
            disk_read_per_second=read,
            disk_written_per_second=written,
            network_received_per_second=received,
            network_sent_per_second=sent,
            load=psutil.getloadavg(),
            process_cores=_per_second(own, self._own),
            process_memory_bytes=self._process.memory_info().rss,
        )
        self._cores, self._own, self._moved = cores, own, moved
        return reading


def _moved() -> tuple[int | None, int | None, int | None, int | None]:
    """Bytes since boot: read from and written to disks, received and sent over networks."""
    try:
        disk = psutil.disk_io_counters()
    except (OSError, RuntimeError, NotImplementedError):  # containers may hide /proc/diskstats
        disk = None
    try:
        cards = psutil.net_io_counters(pernic=True)
    except OSError:
        cards = {}
    outside = [card for name, card in cards.items() if not name.startswith("lo")]
    return (
        disk.read_bytes if disk else None,
        disk.write_bytes if disk else None,
        sum(card.bytes_recv for card in outside) if outside else None,
        sum(card.bytes_sent for card in outside) if outside else None,
    )


def _rate(after: int | None, before: int | None, seconds: float) -> float | None:
    # A disk or a network may go between two readings, and its count with it.
    if after is None or before is None or seconds <= 0 or after < before:
        return None
    return (after - before) / seconds


def _busy_and_total(times: Any) -> tuple[float, float]:
    """Seconds a core has worked, and seconds altogether, from psutil's named tuple."""
    # Linux counts the time of guests in `user` as well.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _fraction(busy: float, total: float) -> float:
    # Kernels let idle time step back now and then, by a tick.
    return min(max(busy / total, 0.0), 1.0) if total > 0 else 0.0


def _per_second(now: tuple[float, float], before: tuple[float, float] | None) -> float | None:
    if before is None or now[1] <= before[1]:
        return None
    return max((now[0] - before[0]) / (now[1] - before[1]), 0.0)


@cache
def cpu_name() -> str:
    """What the processor calls itself, such as "AMD EPYC 7763 64-Core Processor"."""
    return _cpu_model() or platform.processor() or platform.machine() or "CPU"


def _cpu_model() -> str | None:
    if sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        return found.stdout.strip() or None
    if sys.platform == "win32":
        return os.environ.get("PROCESSOR_IDENTIFIER")
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # Arm's cores have no "model name".
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), None)
