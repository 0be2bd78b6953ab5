"""What of a GPU takes longer to ask, and is asked less often: processes, traffic, limits, errors.

The driver measures PCIe traffic over 20 ms while the caller waits, for each direction anew.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pynvml

from core.gpu_processes import ProcessMeter
from core.nvml import ask

ALL_LINKS = 2**32 - 1  # scope of a field: the sum over all NVLinks


class DetailMeter:
    """Reads the details of one GPU. Rates are since the last reading, so it keeps that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock  # seconds
        self._processes = ProcessMeter(clock)
        self._links: tuple[tuple[int, int], float] | None = None  # (sent, received) bytes, clock
        self.found: dict[str, Any] = {}  # the newest details: fields of a GpuReading
        self.at = 0.0  # when that was, on the clock
        self.times = 0  # how often they were read
        self.took = 0.0  # seconds, the last time

    @property
    def age(self) -> float:
        """Seconds since the details were read."""
        return self._clock() - self.at

    def read(self, handle: Any, instances: Sequence[Any]) -> None:
        """Put the details of a GPU with these MIG instances into `found`."""
        started = self._clock()
        sent, received = self._link_rates(handle)
        self.found = {
            "processes": self._processes.read([handle, *instances]),
            "slowdown_celsius": _threshold(handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN),
            "shutdown_celsius": _threshold(handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SHUTDOWN),
            "pcie_generation": ask(pynvml.nvmlDeviceGetCurrPcieLinkGeneration, handle),
            "pcie_lanes": ask(pynvml.nvmlDeviceGetCurrPcieLinkWidth, handle),
            "pcie_sent_per_second": _pcie(handle, pynvml.NVML_PCIE_UTIL_TX_BYTES),
            "pcie_received_per_second": _pcie(handle, pynvml.NVML_PCIE_UTIL_RX_BYTES),
            "nvlink_sent_per_second": sent,
            "nvlink_received_per_second": received,
            "ecc_corrected": _errors(handle, pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            "ecc_uncorrected": _errors(handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        }
        self.at = self._clock()
        self.times += 1
        self.took = self.at - started

    def _link_rates(self, handle: Any) -> tuple[float | None, float | None]:
        """Bytes a second sent and received over all NVLinks; None before a second reading."""
        fields = [
            (pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, ALL_LINKS),
            (pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, ALL_LINKS),
        ]
        answers = ask(pynvml.nvmlDeviceGetFieldValues, handle, fields)
        if answers is None or any(answer.nvmlReturn != pynvml.NVML_SUCCESS for answer in answers):
            return None, None
        sent, received = (answer.value.ullVal * 1024 for answer in answers)
        before, self._links = self._links, ((sent, received), self._clock())
        if before is None or self._links[1] <= before[1]:
            return None, None
        (sent_before, received_before), then = before
        if sent < sent_before or received < received_before:  # counters were reset
            return None, None
        seconds = self._links[1] - then
        return (sent - sent_before) / seconds, (received - received_before) / seconds


def _threshold(handle: Any, kind: int) -> float | None:
    celsius = ask(pynvml.nvmlDeviceGetTemperatureThreshold, handle, kind)
    return float(celsius) if celsius else None  # some answer 0 for what they have not


def _pcie(handle: Any, direction: int) -> float | None:
    kilobytes = ask(pynvml.nvmlDeviceGetPcieThroughput, handle, direction)
    return None if kilobytes is None else kilobytes * 1000.0


def _errors(handle: Any, kind: int) -> int | None:
    return ask(pynvml.nvmlDeviceGetTotalEccErrors, handle, kind, pynvml.NVML_VOLATILE_ECC)
