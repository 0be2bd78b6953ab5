"""What GPUs and the machine around them are doing, as plain values.

Fractions go from 0 to 1, sizes are bytes. Unknown is None: every sensor may be missing, and one
that is missing says nothing about the others. Imports nothing, so that a screen can.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class GpuProcess:
    """A process that holds memory of a GPU.

    In a container the driver gives process ids of the host: they then have no owner here.
    """

    pid: int
    owner: str | None = None  # user name, or "uid 1004" for a user without a name here
    command: str | None = None  # program without its folder, and arguments
    memory_bytes: int | None = None  # of the GPU
    utilisation: float | None = None  # fraction of time with a kernel of it running
    cpu_cores: float | None = None  # cores of the host kept busy: 1.5
    host_memory_bytes: int | None = None  # resident
    ours: bool = False  # this process, or a child of it
    yours: bool = False  # a process of the same user


@dataclass(frozen=True)
class MigInstance:
    """A slice of a GPU in MIG mode, which programs see as a GPU of its own."""

    uuid: str | None
    name: str | None  # such as "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_total_bytes: int | None = None


@dataclass(frozen=True)
class GpuReading:
    """One GPU at one moment."""

    index: int  # NVML's, as in nvidia-smi; CUDA may count differently
    name: str | None
    uuid: str | None  # "GPU-..."
    utilisation: float | None = None  # fraction of the last moments with a kernel running
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    fan: float | None = None  # fraction of full speed
    performance_state: str | None = None  # "P0" (fastest) to "P15"
    slowed_by: tuple[str, ...] | None = None  # such as ("power cap",); () is full speed
    mig: tuple[MigInstance, ...] = ()
    # What follows takes longer to ask, and is as old as its last line says.
    processes: tuple[GpuProcess, ...] | None = None  # None: not told, () nobody
    slowdown_celsius: float | None = None  # where clocks are lowered ...
    shutdown_celsius: float | None = None  # ... and where the GPU stops
    pcie_generation: int | None = None  # as linked now; idle GPUs go down to 1
    pcie_lanes: int | None = None
    pcie_sent_per_second: float | None = None  # bytes, from the GPU
    pcie_received_per_second: float | None = None
    nvlink_sent_per_second: float | None = None  # bytes, over all links
    nvlink_received_per_second: float | None = None
    ecc_corrected: int | None = None  # memory errors since the driver was loaded
    ecc_uncorrected: int | None = None
    details_age_seconds: float | None = None


@dataclass(frozen=True)
class GpuReadings:
    """All GPUs that can be read, and what keeps the others, or all, from it."""

    gpus: tuple[GpuReading, ...] = ()
    problem: str | None = None  # a sentence: why there is no GPU, or which one is missing
    fix: str | None = None  # and what to do about it
    driver: str | None = None  # version, such as "580.65.06"
    cuda: str | None = None  # the newest CUDA that this driver runs, such as "13.0"


@dataclass(frozen=True)
class HostReading:
    """The machine, and this process in it."""

    cpu_name: str
    cpu: float | None = None  # fraction of all cores; None at the first reading
    cores: tuple[float, ...] = ()  # the same for each core
    memory_used_bytes: int | None = None  # what programs cannot have any more
    memory_total_bytes: int | None = None
    swap_used_bytes: int | None = None
    swap_total_bytes: int | None = None
    limit_used_bytes: int | None = None  # of the memory that a container may use ...
    limit_bytes: int | None = None  # ... where that is less than the machine's
    disk_read_per_second: float | None = None  # bytes, of all disks
    disk_written_per_second: float | None = None
    network_received_per_second: float | None = None  # bytes, without the loopback
    network_sent_per_second: float | None = None
    load: tuple[float, float, float] | None = None  # over 1, 5 and 15 minutes
    process_cores: float | None = None  # cores kept busy by this process: 1.9 of 2
    process_memory_bytes: int | None = None  # resident


@dataclass(frozen=True)
class DeviceReading:
    """Everything at one moment."""

    time: float  # Unix seconds
    gpu: GpuReadings
    host: HostReading


def find_gpu(uuid: str | None, gpus: Sequence[GpuReading]) -> GpuReading | None:
    """The GPU with this UUID, or with a MIG instance that has it; None if there is none.

    NVML writes "GPU-8f1c..." and "MIG-8f1c...", torch "8f1c...": all forms are understood. Order is
    not used, because CUDA counts in another than NVML, and not at all what CUDA_VISIBLE_DEVICES
    hides.
    """
    if uuid is None:
        return None
    for gpu in gpus:
        own = [gpu.uuid, *(instance.uuid for instance in gpu.mig)]
        if bare_uuid(uuid) in [bare_uuid(u) for u in own if u is not None]:
            return gpu
    return None


def bare_uuid(uuid: str) -> str:
    """A UUID of NVML or torch without its prefix, in lower case."""
    return uuid.lower().removeprefix("gpu-").removeprefix("mig-")
