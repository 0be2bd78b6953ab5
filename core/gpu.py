"""What NVIDIA's GPUs are doing, asked from the driver's library (NVML), without torch.

NVML API reference: https://docs.nvidia.com/deploy/nvml-api/
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pynvml

from core.readings import GpuProcess, GpuReading, GpuReadings, MigInstance

RETRY_SECONDS = 10.0  # opening the library can take seconds, and starts a program when it fails

# The library has to be opened again, for instance after the driver was loaded anew.
CLOSED = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)
# This one GPU has nothing more to say.
GONE = (
    pynvml.NVMLError_GpuIsLost,
    pynvml.NVMLError_ResetRequired,
    pynvml.NVMLError_GpuNotFound,
)

# Why there is no GPU, and what to do.
WHY_NO_GPU: dict[type[pynvml.NVMLError], tuple[str, str]] = {
    pynvml.NVMLError_LibraryNotFound: (
        "the NVIDIA driver's library (libnvidia-ml.so.1) was not found",
        "If there is an NVIDIA GPU, install its driver; in a container, start it with --gpus all.",
    ),
    pynvml.NVMLError_DriverNotLoaded: (
        "the NVIDIA driver is installed but not loaded",
        "Load it with `sudo modprobe nvidia`, or reboot.",
    ),
    pynvml.NVMLError_Uninitialized: (
        "the NVIDIA driver has been loaded anew",
        "It is asked again in a moment.",
    ),
    pynvml.NVMLError_LibRmVersionMismatch: (
        "the NVIDIA driver and its library have different versions, as after an update",
        "Reboot to load the new driver.",
    ),
    pynvml.NVMLError_NoPermission: (
        "the NVIDIA driver denies this user access",
        "Check the permissions of /dev/nvidia*.",
    ),
}


def read_gpus() -> GpuReadings:
    """All GPUs now; a few milliseconds once the library is open. Never raises for want of a GPU."""
    return _reader.read()


class GpuReader:
    """The driver's library, opened at the first reading and again when that is needed.

    Readings may be asked for by several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._lock = threading.Lock()
        self._open = False
        self._failed: GpuReadings | None = None  # why the library could not be opened
        self._retry_at: float | None = None  # when to open it anew, on the clock
        self._names: dict[int, str] = {}  # of a GPU that is lost by now

    def read(self) -> GpuReadings:
        """All GPUs now."""
        with self._lock:
            due = self._retry_at is not None and self._clock() >= self._retry_at
            if self._failed and not due:
                return self._failed
            if due:
                self._close()
            try:
                if not self._open:
                    pynvml.nvmlInit()
                    self._open = True
                return self._read_all()
            except pynvml.NVMLError as error:
                why, fix = WHY_NO_GPU.get(
                    type(error), (f"the NVIDIA driver's library says: {error}", "See `nvidia-smi`.")
                )
                readings = GpuReadings(problem=f"No GPU: {why}.", fix=fix)
                if not self._open:
                    self._failed = readings
                    self._retry_at = self._clock() + RETRY_SECONDS
                else:
                    self._close()  # and open again at the next reading
                return readings

    def _close(self) -> None:
        # NVML counts its users: without this, the next nvmlInit would look for no GPUs anew.
        if self._open:
            _ask(pynvml.nvmlShutdown, fatal=())
        self._open, self._failed, self._retry_at = False, None, None

    def _read_all(self) -> GpuReadings:
        gpus: list[GpuReading] = []
        problems: list[tuple[str, str]] = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                gpu = _read_gpu(index)
            except CLOSED:
                raise
            except pynvml.NVMLError as error:
                problems.append(_why_not(index, self._names.get(index), error))
                continue
            gpus.append(gpu)
            if gpu.name:
                self._names[index] = gpu.name
        if problems and self._retry_at is None:
            self._retry_at = self._clock() + RETRY_SECONDS
        if not gpus and not problems:
            problems = [("No GPU: the NVIDIA driver is loaded but finds none.", "See `lspci`.")]
        cuda = _ask(pynvml.nvmlSystemGetCudaDriverVersion)  # 12040 is 12.4
        return GpuReadings(
            tuple(gpus),
            problem=" ".join(problem for problem, _ in problems) or None,
            fix=" ".join(dict.fromkeys(fix for _, fix in problems)) or None,
            driver=_ask(pynvml.nvmlSystemGetDriverVersion),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        )


_reader = GpuReader()  # NVML is one for the whole process


def _ask(query: Callable[..., Any], *args: Any, fatal: tuple = (*CLOSED, *GONE)) -> Any:
    """What NVML answers; None for a sensor that this GPU, driver or user does not have."""
    try:
        return query(*args)
    except fatal:
        raise
    except pynvml.NVMLError:
        # NotSupported, FunctionNotFound in an old library, NoPermission, NotFound, Unknown ...
        return None
    except UnicodeDecodeError:  # pynvml decodes names as UTF-8
        return None


def _read_gpu(index: int) -> GpuReading:
    """One GPU. Raises NVMLError if it cannot be talked to at all."""
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    utilisation = _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power = _ask(pynvml.nvmlDeviceGetPowerUsage, handle)  # milliwatts
    limit = _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    fan = _ask(pynvml.nvmlDeviceGetFanSpeed, handle)
    state = _ask(pynvml.nvmlDeviceGetPerformanceState, handle)
    instances = _mig_handles(handle)
    return GpuReading(
        index=index,
        name=_ask(pynvml.nvmlDeviceGetName, handle),
        uuid=_ask(pynvml.nvmlDeviceGetUUID, handle),
        utilisation=None if utilisation is None else utilisation.gpu / 100,
        **_memory(handle),
        temperature_celsius=_temperature(handle),
        power_watts=None if power is None else power / 1000,
        power_limit_watts=None if limit is None else limit / 1000,
        sm_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        fan=None if fan is None else fan / 100,
        performance_state=f"P{state}" if state is not None and state < 16 else None,
        processes=_processes([handle, *instances]),
        mig=tuple(
            MigInstance(
                uuid=_ask(pynvml.nvmlDeviceGetUUID, instance),
                name=_ask(pynvml.nvmlDeviceGetName, instance),
                **_memory(instance),
            )
            for instance in instances
        ),
    )


def _memory(handle: Any) -> dict[str, int | None]:
    # The second version does not count what the driver keeps for itself as used; as nvidia-smi.
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    memory = memory or _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return {
        f"memory_{part}_bytes": getattr(memory, part) if memory else None
        for part in ("used", "free", "total")
    }


def _temperature(handle: Any) -> float | None:
    # The newer function is missing from drivers before CUDA 12.8, the older goes with CUDA 14.
    for query in (pynvml.nvmlDeviceGetTemperatureV, pynvml.nvmlDeviceGetTemperature):
        celsius = _ask(query, handle, pynvml.NVML_TEMPERATURE_GPU)
        if celsius is not None:
            return float(celsius)
    return None


def _mig_handles(handle: Any) -> list[Any]:
    """The instances of a GPU in MIG mode; none for any other."""
    mode = _ask(pynvml.nvmlDeviceGetMigMode, handle)  # [current, after the next reset]
    if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return []
    slots = _ask(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
    found = (_ask(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, i) for i in range(slots))
    return [instance for instance in found if instance is not None]


def _processes(handles: Sequence[Any]) -> tuple[GpuProcess, ...] | None:
    """Who holds memory, the most first; None where NVML does not tell.

    A GPU in MIG mode tells only some users of its processes, each instance tells of its own.
    """
    computing = [_running(handle, "Compute") for handle in handles]
    if all(found is None for found in computing):
        return None
    drawing = [_running(handle, "Graphics") for handle in handles]
    held: dict[int, int | None] = {}
    for process in chain.from_iterable(found or [] for found in computing + drawing):
        # One that computes and draws is listed twice, with the same memory.
        held[process.pid] = max(held.get(process.pid) or 0, process.usedGpuMemory or 0) or None
    processes = (_describe(pid, memory) for pid, memory in held.items())
    return tuple(sorted(processes, key=lambda p: (-(p.memory_bytes or 0), p.pid)))


def _running(handle: Any, kind: str) -> Iterable[Any] | None:
    # The second version is for older libraries, and a second try where processes started between
    # NVML's counting and listing them.
    for version in ("v3", "v2"):
        found = _ask(getattr(pynvml, f"nvmlDeviceGet{kind}RunningProcesses_{version}"), handle)
        if found is not None:
            return found
    return None


def _describe(pid: int, memory_bytes: int | None) -> GpuProcess:
    try:
        started = psutil.Process(pid).create_time()
        owner, command, ours, yours = _facts(pid, started)
    except (psutil.Error, ValueError):  # it has ended, or is not visible from this container
        return GpuProcess(pid, memory_bytes=memory_bytes)
    return GpuProcess(pid, owner, command, memory_bytes, ours=ours, yours=yours)


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


def _why_not(index: int, name: str | None, error: pynvml.NVMLError) -> tuple[str, str]:
    """What is the matter with one GPU, and what to do."""
    gpu = f"GPU {index} ({name})" if name else f"GPU {index}"
    match error:
        case pynvml.NVMLError_GpuIsLost() | pynvml.NVMLError_GpuNotFound():
            return (
                f"{gpu} is lost: it no longer answers.",
                "`sudo dmesg | grep Xid` says more; a reboot usually brings it back.",
            )
        case pynvml.NVMLError_ResetRequired():
            return (
                f"{gpu} needs a reset.",
                f"Do `sudo nvidia-smi --gpu-reset -i {index}`, or reboot.",
            )
        case pynvml.NVMLError_NoPermission():
            return f"{gpu} may not be read by this user.", "Check the permissions of /dev/nvidia*."
    return f"{gpu} cannot be read: {error}.", "See `nvidia-smi`."
