"""What NVIDIA's GPUs are doing, asked from the driver's library (NVML), without torch.

NVML API reference: https://docs.nvidia.com/deploy/nvml-api/
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import pynvml

from core.gpu_details import DetailMeter
from core.nvml import CLOSED, ask
from core.readings import GpuReading, GpuReadings, MigInstance

RETRY_SECONDS = 10.0  # opening the library can take seconds, and starts a program when it fails
DETAIL_SECONDS = 2.0  # after which processes, traffic and the like are read again ...
DETAIL_BUDGET = 0.25  # ... as far as they take no longer than this, seconds of one reading

# Why clocks are lower than they could be, in words. That a GPU idles is no reason to tell.
SLOWED_BY = {
    pynvml.nvmlClocksEventReasonSwPowerCap: "power cap",
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksEventReasonHwThermalSlowdown: "heat at the hardware's limit",
    pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown: "power brake",
    pynvml.nvmlClocksEventReasonSyncBoost: "sync boost",
    pynvml.nvmlClocksEventReasonApplicationsClocksSetting: "clock setting",
    pynvml.nvmlClocksEventReasonDisplayClockSetting: "display setting",
}

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
        self._details: dict[int, DetailMeter] = {}  # by index

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
            ask(pynvml.nvmlShutdown, fatal=())
        self._open, self._failed, self._retry_at = False, None, None
        self._details.clear()

    def _read_all(self) -> GpuReadings:
        gpus: list[GpuReading] = []
        problems: list[tuple[str, str]] = []
        count = pynvml.nvmlDeviceGetCount()
        due = self._due(count)
        for index in range(count):
            try:
                gpu = _read_gpu(index, self._details[index], again=index in due)
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
        cuda = ask(pynvml.nvmlSystemGetCudaDriverVersion)  # 12040 is 12.4
        return GpuReadings(
            tuple(gpus),
            problem=" ".join(problem for problem, _ in problems) or None,
            fix=" ".join(dict.fromkeys(fix for _, fix in problems)) or None,
            driver=ask(pynvml.nvmlSystemGetDriverVersion),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        )

    def _due(self, count: int) -> set[int]:
        """The GPUs whose details are to be read now: all at first, then the oldest in turn."""
        for index in range(count):
            self._details.setdefault(index, DetailMeter(self._clock))
        due, seconds = set(), 0.0
        for index in sorted(range(count), key=lambda i: self._details[i].at):
            details = self._details[index]
            # Rates need a second reading: it comes at once.
            if details.times < 2 or (details.age >= DETAIL_SECONDS and seconds < DETAIL_BUDGET):
                due.add(index)
                seconds += details.took
        return due


_reader = GpuReader()  # NVML is one for the whole process


def _read_gpu(index: int, details: DetailMeter, *, again: bool) -> GpuReading:
    """One GPU, its details read `again` or as they were. Raises NVMLError if it does not answer."""
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    utilisation = ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    power = ask(pynvml.nvmlDeviceGetPowerUsage, handle)  # milliwatts
    limit = ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    fan = ask(pynvml.nvmlDeviceGetFanSpeed, handle)
    state = ask(pynvml.nvmlDeviceGetPerformanceState, handle)
    instances = _mig_handles(handle)
    if again:
        details.read(handle, instances)
    return GpuReading(
        index=index,
        name=ask(pynvml.nvmlDeviceGetName, handle),
        uuid=ask(pynvml.nvmlDeviceGetUUID, handle),
        utilisation=None if utilisation is None else utilisation.gpu / 100,
        **_memory(handle),
        temperature_celsius=_temperature(handle),
        power_watts=None if power is None else power / 1000,
        power_limit_watts=None if limit is None else limit / 1000,
        sm_clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        fan=None if fan is None else fan / 100,
        performance_state=f"P{state}" if state is not None and state < 16 else None,
        slowed_by=_slowed_by(handle),
        mig=tuple(
            MigInstance(
                uuid=ask(pynvml.nvmlDeviceGetUUID, instance),
                name=ask(pynvml.nvmlDeviceGetName, instance),
                **_memory(instance),
            )
            for instance in instances
        ),
        **details.found,
        details_age_seconds=details.age,
    )


def _memory(handle: Any) -> dict[str, Any]:
    # The second version does not count what the driver keeps for itself as used; as nvidia-smi.
    memory = ask(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    memory = memory or ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return {
        f"memory_{part}_bytes": getattr(memory, part) if memory else None
        for part in ("used", "free", "total")
    }


def _temperature(handle: Any) -> float | None:
    # The newer function is missing from drivers before CUDA 12.8, the older goes with CUDA 14.
    for query in (pynvml.nvmlDeviceGetTemperatureV, pynvml.nvmlDeviceGetTemperature):
        celsius = ask(query, handle, pynvml.NVML_TEMPERATURE_GPU)
        if celsius is not None:
            return float(celsius)
    return None


def _slowed_by(handle: Any) -> tuple[str, ...] | None:
    # The same under its name before 2023.
    bits = ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
    bits = ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) if bits is None else bits
    if bits is None:
        return None
    reasons = tuple(reason for bit, reason in SLOWED_BY.items() if bits & bit)
    # This bit comes with those that say why, or alone on GPUs that do not.
    slowed = bits & pynvml.nvmlClocksEventReasonHwSlowdown
    return reasons or (("hardware slowdown",) if slowed else ())


def _mig_handles(handle: Any) -> list[Any]:
    """The instances of a GPU in MIG mode; none for any other."""
    mode = ask(pynvml.nvmlDeviceGetMigMode, handle)  # [current, after the next reset]
    if mode is None or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
        return []
    slots = ask(pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
    found = (ask(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, i) for i in range(slots))
    return [instance for instance in found if instance is not None]


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
