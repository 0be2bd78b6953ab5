"""Readings for tests: GPUs and a host with round numbers."""

from dataclasses import replace
from typing import Any

from core.readings import DeviceReading, GpuProcess, GpuReading, GpuReadings, HostReading

GIB = 2**30
NO_GPU = GpuReadings(
    problem="No GPU: the NVIDIA driver's library (libnvidia-ml.so.1) was not found.",
    fix="If there is an NVIDIA GPU, install its driver.",
)
HOST = HostReading(
    cpu_name="Some CPU",
    cpu=0.25,
    cores=(0.0, 0.25, 0.75),
    memory_used_bytes=18 * GIB,
    memory_total_bytes=128 * GIB,
    swap_used_bytes=0,
    swap_total_bytes=2 * GIB,
    load=(0.42, 0.38, 0.31),
    process_cores=1.5,
    process_memory_bytes=3 * GIB,
)


def gpu(index: int = 0, **changes: Any) -> GpuReading:
    """A GPU with all sensors but a fan, and two processes."""
    whole = GpuReading(
        index=index,
        name="NVIDIA H100 80GB HBM3",
        uuid=f"GPU-{index}",
        utilisation=0.5,
        memory_used_bytes=20 * GIB,
        memory_free_bytes=60 * GIB,
        memory_total_bytes=80 * GIB,
        temperature_celsius=54.0,
        power_watts=350.0,
        power_limit_watts=700.0,
        sm_clock_mhz=1980,
        memory_clock_mhz=2619,
        performance_state="P0",
        processes=(
            GpuProcess(4712, "uid 1004", "python other.py", 18 * GIB),
            GpuProcess(4711, "ada", "python train.py", 2 * GIB, ours=True, yours=True),
        ),
    )
    return replace(whole, **changes)


BARE = GpuReading(index=0, name=None, uuid=None)  # nothing is known of it


def reading(*gpus: GpuReading, time: float = 0.0, host: HostReading = HOST) -> DeviceReading:
    """A moment with these GPUs, or with none and the reason."""
    return DeviceReading(time, GpuReadings(gpus) if gpus else NO_GPU, host)
