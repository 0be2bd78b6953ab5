"""Readings of all devices, taken in a thread of their own for a screen that never waits."""

import threading
import time
from collections.abc import Callable

from core.gpu import read_gpus
from core.host import HostMeter
from core.readings import DeviceReading

HISTORY = 240  # readings; a pane is at most a few hundred columns wide


class DeviceSampler:
    """Reads all devices every `interval` seconds, from `start` to `stop`.

    `history` holds the newest readings, oldest first, as a tuple that never changes: any thread may
    use it.
    """

    def __init__(
        self, interval: float = 1.0, read: Callable[[], DeviceReading] | None = None
    ) -> None:
        self._interval = interval
        self._read = read or reader()
        self._stop = threading.Event()
        # A daemon: a driver that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._sample, name="device-sampler", daemon=True)
        self.history: tuple[DeviceReading, ...] = ()

    @property
    def latest(self) -> DeviceReading | None:
        """The newest reading, None before the first."""
        return self.history[-1] if self.history else None

    def start(self) -> None:
        """Begin; the first reading comes a moment later. A sampler starts once."""
        self._thread.start()

    def stop(self) -> None:
        """End, at once unless a reading is under way; a driver that hangs is left behind."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _sample(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            self.history = (*self.history, self._read())[-HISTORY:]
            self._stop.wait(max(self._interval - (time.monotonic() - started), 0.0))


def reader() -> Callable[[], DeviceReading]:
    """A function that reads everything; its first reading has no processor figures."""
    meter = HostMeter()

    def read() -> DeviceReading:
        return DeviceReading(time.time(), read_gpus(), meter.read())

    return read
