"""Two NVML libraries without a GPU, with the same answers: one in C, one in Python.

The C one (nvml.c) is loaded by another program as the driver's would be. The Python one stands
where pynvml calls C: it needs no compiler, and can change between two readings.
"""

import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pynvml
import pytest

OK, UNINITIALIZED, NOT_SUPPORTED, NOT_FOUND, TOO_SMALL, LOST = 0, 1, 3, 6, 7, 15
GIB = 2**30
GONE_PID = 4194305  # above the largest id that Linux gives
LATER = (  # what an old library lacks
    "nvmlDeviceGetMemoryInfo_v2",
    "nvmlDeviceGetTemperatureV",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetProcessUtilization",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetMaxMigDeviceCount",
    "nvmlDeviceGetMigDeviceHandleByIndex",
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetGraphicsRunningProcesses_v3",
)


@cache
def compile_library(*, old: bool = False) -> Path:
    """A folder with libnvidia-ml.so.1, to be named in LD_LIBRARY_PATH. Skips without cc."""
    folder = Path(tempfile.mkdtemp(prefix="nnlab-fake-nvml-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = folder / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("nvml.c")
    options = ["-shared", "-fPIC", *(["-DOLD"] if old else [])]
    subprocess.run([compiler, *options, "-o", library, source], check=True)
    return folder


def environment(folder: Path, **settings: int) -> dict[str, str]:
    """The environment of a program that is to load the library in `folder`."""
    fake = {f"FAKE_NVML_{name.upper()}": str(value) for name, value in settings.items()}
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), **fake}


@dataclass
class FakeNvml:
    """nvml.c in Python; the fields are its settings and may change at any time."""

    gpus: int = 1
    lost: int | None = None
    mig: int | None = None
    bare: bool = False
    init: int = OK  # what nvmlInit returns
    old: bool = False
    name: bytes = b"NVIDIA Fake 80GB"
    closed: bool = False  # as after the driver was loaded anew: until nvmlShutdown and nvmlInit
    growing: bool = False  # processes start whenever NVML has counted them
    inits: int = 0  # how often it was opened
    slowed: int = 0  # bits of why clocks are lower
    links: int = 0  # KiB sent over NVLink; twice as much is received
    traffic_questions: int = 0  # how often PCIe traffic was asked for
    busy: int | None = 80  # percent of the time that this process worked; None: nobody did

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let pynvml call this instead of the driver's library."""
        monkeypatch.setattr(pynvml, "nvmlLib", self)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})

    def __getattr__(self, function: str) -> Any:
        if not function.startswith("nvml") or (self.old and function in LATER):
            raise AttributeError(function)
        answer = getattr(type(self), "_" + function)

        def call(*arguments: Any) -> int:
            if self.closed and function not in ("nvmlInitWithFlags", "nvmlShutdown"):
                return UNINITIALIZED
            # byref(x) holds x as _obj.
            return answer(self, *(getattr(a, "_obj", a) for a in arguments))

        return call

    def _sensor(self, device: Any, to: Any, value: int, field: str = "value") -> int:
        if _index(device) == self.lost:
            return LOST
        if self.bare or _is_instance(device):
            return NOT_SUPPORTED
        setattr(to, field, value)
        return OK

    def _nvmlInitWithFlags(self, flags: int) -> int:
        self.inits += 1
        return self.init

    def _nvmlShutdown(self) -> int:
        self.closed = False
        return OK

    def _nvmlSystemGetDriverVersion(self, to: Any, size: Any) -> int:
        to.value = b"580.65.06"
        return OK

    def _nvmlSystemGetCudaDriverVersion(self, to: Any) -> int:
        to.value = 13000
        return OK

    def _nvmlDeviceGetCount_v2(self, to: Any) -> int:
        to.value = self.gpus
        return OK

    def _nvmlDeviceGetHandleByIndex_v2(self, index: Any, to: Any) -> int:
        _set_handle(to, index.value + 1)
        return LOST if index.value == self.lost else OK

    def _nvmlDeviceGetName(self, device: Any, to: Any, size: Any) -> int:
        to.value = self.name + (b" MIG 1g.10gb" if _is_instance(device) else b"")
        return OK

    def _nvmlDeviceGetUUID(self, device: Any, to: Any, size: Any) -> int:
        kind = "MIG" if _is_instance(device) else "GPU"
        to.value = f"{kind}-{_number(device):08x}-0000".encode()
        return OK

    def _nvmlDeviceGetUtilizationRates(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 96, "gpu")

    def _nvmlDeviceGetTemperature(self, device: Any, kind: Any, to: Any) -> int:
        return self._sensor(device, to, 54)

    def _nvmlDeviceGetTemperatureV(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 54, "temperature")

    def _nvmlDeviceGetPowerUsage(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 412_000)

    def _nvmlDeviceGetEnforcedPowerLimit(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 700_000)

    def _nvmlDeviceGetClockInfo(self, device: Any, kind: Any, to: Any) -> int:
        return self._sensor(device, to, 2619 if kind.value == 2 else 1980)

    def _nvmlDeviceGetPerformanceState(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 0)

    def _nvmlDeviceGetFanSpeed(self, device: Any, to: Any) -> int:
        return NOT_SUPPORTED

    def _nvmlDeviceGetTemperatureThreshold(self, device: Any, kind: Any, to: Any) -> int:
        return NOT_SUPPORTED if kind.value > 1 else self._sensor(device, to, (92, 89)[kind.value])

    def _nvmlDeviceGetCurrentClocksThrottleReasons(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, self.slowed)

    _nvmlDeviceGetCurrentClocksEventReasons = _nvmlDeviceGetCurrentClocksThrottleReasons

    def _nvmlDeviceGetCurrPcieLinkGeneration(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 5)

    def _nvmlDeviceGetCurrPcieLinkWidth(self, device: Any, to: Any) -> int:
        return self._sensor(device, to, 16)

    def _nvmlDeviceGetPcieThroughput(self, device: Any, direction: Any, to: Any) -> int:
        self.traffic_questions += 1
        return self._sensor(device, to, (300_000, 2_500_000)[direction.value])

    def _nvmlDeviceGetTotalEccErrors(self, device: Any, kind: Any, counter: Any, to: Any) -> int:
        return self._sensor(device, to, (3, 0)[kind.value])

    def _nvmlDeviceGetFieldValues(self, device: Any, count: Any, to: Any) -> int:
        for i in range(count.value):
            to[i].nvmlReturn = NOT_SUPPORTED if self.bare else OK
            to[i].value.ullVal = self.links * (i + 1)
        return OK

    def _nvmlDeviceGetProcessUtilization(self, device: Any, to: Any, count: Any, since: Any) -> int:
        if self.bare:
            return NOT_SUPPORTED
        if _index(device) != 0 or self.busy is None:
            return NOT_FOUND
        room, count.value = count.value, 1
        if to is None or room < 1:
            return TOO_SMALL
        to[0].pid, to[0].timeStamp, to[0].smUtil = os.getpid(), since.value + 1, self.busy
        return OK

    def _nvmlDeviceGetMemoryInfo(self, device: Any, to: Any) -> int:
        if self.bare:
            return NOT_SUPPORTED
        to.total, to.free, to.used = 80 * GIB, 60 * GIB, 20 * GIB
        return OK

    def _nvmlDeviceGetMemoryInfo_v2(self, device: Any, to: Any) -> int:
        if self.bare:
            return NOT_SUPPORTED
        to.total = (10 if _is_instance(device) else 80) * GIB
        to.used = (2 if _is_instance(device) else 4 * (_index(device) + 1)) * GIB
        to.reserved = GIB
        to.free = to.total - to.reserved - to.used
        return OK

    def _nvmlDeviceGetMigMode(self, device: Any, now: Any, later: Any) -> int:
        now.value = later.value = int(_index(device) == self.mig)
        return OK

    def _nvmlDeviceGetMaxMigDeviceCount(self, device: Any, to: Any) -> int:
        to.value = 7
        return OK

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, device: Any, number: Any, to: Any) -> int:
        if number.value > 1:
            return NOT_FOUND
        _set_handle(to, 1000 + 10 * _index(device) + number.value)
        return OK

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, device: Any, count: Any, to: Any) -> int:
        if self.bare:
            return NOT_SUPPORTED
        there = [(GONE_PID, GIB), (os.getpid(), 2 * GIB)] if _index(device) == 0 else []
        room, count.value = count.value, len(there)
        if room < len(there) or (self.growing and to is not None):
            return TOO_SMALL
        for i, (pid, held) in enumerate(there):
            to[i].pid, to[i].usedGpuMemory = pid, held
        return OK

    def _nvmlDeviceGetComputeRunningProcesses_v2(self, device: Any, count: Any, to: Any) -> int:
        self.growing = False
        return self._nvmlDeviceGetComputeRunningProcesses_v3(device, count, to)

    def _nvmlDeviceGetGraphicsRunningProcesses_v3(self, device: Any, count: Any, to: Any) -> int:
        count.value = 0
        return OK


def _number(device: Any) -> int:
    return ctypes.cast(device, ctypes.c_void_p).value or 0


def _is_instance(device: Any) -> bool:
    return _number(device) >= 1000


def _index(device: Any) -> int:
    return (_number(device) - 1000) // 10 if _is_instance(device) else _number(device) - 1


def _set_handle(to: Any, number: int) -> None:
    ctypes.c_void_p.from_buffer(to).value = number
