import threading

from core.readings import DeviceReading, GpuReadings, HostReading
from core.sampler import HISTORY, DeviceSampler, reader


def numbered(enough: threading.Event, most: int):
    """A source of readings with times 1, 2, ... that reports when there were `most`."""
    count = 0

    def read() -> DeviceReading:
        nonlocal count
        count += 1
        if count > most:
            enough.set()
        return DeviceReading(float(count), GpuReadings(), HostReading("CPU"))

    return read


def test_readings_are_taken_until_it_is_stopped_and_the_oldest_are_dropped():
    enough = threading.Event()
    sampler = DeviceSampler(interval=0, read=numbered(enough, HISTORY + 10))
    assert sampler.latest is None
    sampler.start()
    assert enough.wait(100)
    sampler.stop()
    history = sampler.history
    times = [reading.time for reading in history]
    assert len(history) == HISTORY
    assert times == [times[0] + i for i in range(HISTORY)]
    assert times[0] > 10
    assert sampler.latest is history[-1]


def test_stopping_does_not_wait_for_the_next_reading():
    first = threading.Event()
    sampler = DeviceSampler(interval=3600, read=numbered(first, 0))
    sampler.start()
    assert first.wait(100)
    sampler.stop()
    assert "device-sampler" not in [thread.name for thread in threading.enumerate()]


def test_a_sampler_that_never_started_stops():
    DeviceSampler().stop()


def test_a_reading_holds_gpus_host_and_time():
    read = reader()
    first, second = read(), read()
    assert second.time >= first.time > 1.7e9  # Unix seconds
    assert second.host.cpu is not None
    assert second.gpu.gpus or second.gpu.problem
