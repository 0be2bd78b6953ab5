import threading
from collections.abc import Iterator

import pytest

import core.device_history as history
from core.device_history import device_figures, with_device_history
from core.events import DeviceFigures, Event, Notice, StepReport, from_row, to_row
from core.readings import DeviceReading, GpuReading, GpuReadings, HostReading
from core.sampler import DeviceSampler

GPU = GpuReading(0, "H100", "GPU-8f1c", 0.5, 2 * 2**30, temperature_celsius=54.0, power_watts=350.0)
OTHER = GpuReading(1, "H100", "GPU-0000", 1.0)
READING = DeviceReading(7.0, GpuReadings((OTHER, GPU)), HostReading("CPU", 0.25))


def report(step: int) -> StepReport:
    return StepReport(1, step, 1.0, 0.5, 0.1, 100.0, 0.0)


def test_the_figures_are_those_of_the_gpu_that_trains_and_of_the_host():
    figures = device_figures(3, READING, "8f1c")
    assert (figures.gpu, figures.gpu_power_watts, figures.gpu_memory_bytes) == (0.5, 350.0, 2**31)
    assert (figures.step, figures.cpu, figures.memory_bytes) == (3, 0.25, None)
    assert device_figures(3, READING, None).gpu is None


def test_figures_survive_a_row():
    figures = device_figures(3, READING, "8f1c")
    assert from_row(to_row(figures)) == figures


def test_figures_come_after_reports_once_for_each_reading(monkeypatch):
    monkeypatch.setattr(history, "SHORTEST", 0.0)
    monkeypatch.setattr(history, "LONGEST", 0.0)
    read = threading.Event()

    def one_reading() -> DeviceReading:
        read.set()
        return READING

    sampler = DeviceSampler(3600, one_reading)

    def events() -> Iterator[Event]:
        yield report(1)
        assert read.wait(100)
        while sampler.latest is None:
            pass
        yield Notice("no report")
        yield report(2)
        yield report(3)

    found = [
        (type(event).__name__, getattr(event, "step", None))
        for event in with_device_history(events(), "8f1c", sampler)
    ]
    assert found == [
        ("StepReport", 1), ("Notice", None), ("StepReport", 2), ("DeviceFigures", 2),
        ("StepReport", 3),
    ]  # fmt: skip


def test_a_short_run_takes_no_reading_and_is_closed_with_its_reader():
    closed = []

    def events() -> Iterator[Event]:
        try:
            yield report(1)
            yield report(2)
        finally:
            closed.append(True)

    def never() -> DeviceReading:
        pytest.fail("it was read")

    told = with_device_history(events(), None, DeviceSampler(3600, never))
    assert not isinstance(next(told), DeviceFigures)
    told.close()
    assert closed
