import os
import time
from collections import namedtuple

import psutil
import pytest

from core.host import HostMeter, cpu_name

CpuTimes = namedtuple("CpuTimes", "user system idle iowait guest")


def test_the_first_reading_has_no_processor_figures_and_the_next_has():
    meter = HostMeter()
    first, second = meter.read(), meter.read()
    assert (first.cpu, first.cores, first.process_cores) == (None, (), None)
    assert len(second.cores) == psutil.cpu_count()
    assert 0 <= second.cpu <= 1


def test_core_fractions_are_time_worked_between_two_readings(monkeypatch):
    before = [CpuTimes(10, 10, 80, 0, 0), CpuTimes(10, 10, 80, 0, 0)]
    # In 10 s: the first core works 6 s of user, 1 s of system; it waits for a disk 1 s, idles 2 s.
    # 3 s of what is counted as user were a guest's. The second core idles.
    after = [CpuTimes(16, 11, 82, 1, 3), CpuTimes(10, 10, 90, 0, 0)]
    readings = iter([before, after])
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(readings))
    meter = HostMeter()
    meter.read()
    reading = meter.read()
    assert reading.cores == pytest.approx((0.7, 0.0))
    assert reading.cpu == pytest.approx(0.35)


def test_a_clock_that_steps_back_and_a_core_that_goes_do_no_harm(monkeypatch):
    before = [CpuTimes(10, 10, 80, 0, 0), CpuTimes(10, 10, 80, 0, 0)]
    after = [CpuTimes(11, 10, 79.5, 0, 0)]
    readings = iter([before, after])
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: next(readings))
    meter = HostMeter()
    meter.read()
    assert meter.read().cores == (1.0,)


def test_a_busy_loop_keeps_about_one_core_busy():
    meter = HostMeter(clock=time.process_time)  # so that other programs do not slow it down
    meter.read()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    # The kernel may count in ticks of 10 ms.
    assert meter.read().process_cores == pytest.approx(1.0, abs=0.15)


def test_memory_is_in_bytes_and_used_is_a_part_of_the_total():
    reading = HostMeter().read()
    assert 0 < reading.memory_used_bytes < reading.memory_total_bytes
    assert reading.memory_total_bytes == psutil.virtual_memory().total
    assert 2**20 < reading.process_memory_bytes < reading.memory_total_bytes
    assert 0 <= reading.swap_used_bytes <= reading.swap_total_bytes
    assert len(reading.load) == 3


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="needs Linux")  # noqa: PTH110
def test_the_processor_has_a_name():
    assert cpu_name().strip()
    assert "\n" not in cpu_name()
