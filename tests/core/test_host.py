import os
import time
from collections import namedtuple

import psutil
import pytest

from core.host import HostMeter, cpu_name

CpuTimes = namedtuple("CpuTimes", "user system idle iowait guest")
CARD = "bytes_recv bytes_sent"


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


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_disks_and_networks_have_rates_between_two_readings_without_the_loopback(monkeypatch):
    disk, card = namedtuple("Disk", "read_bytes write_bytes"), namedtuple("Card", CARD)
    disks = iter([disk(100, 1000), disk(300, 1000), disk(50, 2000)])
    cards = iter([card(0, 0), card(400, 40), card(800, 80)])
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: next(disks))
    monkeypatch.setattr(
        psutil, "net_io_counters", lambda pernic: {"eth0": next(cards), "lo": card(9**9, 9**9)}
    )
    clock = Clock()
    meter = HostMeter(clock)
    first = meter.read()
    clock.seconds = 2.0
    second = meter.read()
    clock.seconds = 4.0
    third = meter.read()
    assert (first.disk_read_per_second, first.network_sent_per_second) == (None, None)
    assert (second.disk_read_per_second, second.disk_written_per_second) == (100, 0)
    assert (second.network_received_per_second, second.network_sent_per_second) == (200, 20)
    assert third.disk_read_per_second is None  # a disk has gone, and its count with it
    assert third.disk_written_per_second == 500


def test_a_machine_that_hides_its_disks_and_networks_has_no_rates(monkeypatch):
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: {})
    clock = Clock()
    meter = HostMeter(clock)
    meter.read()
    clock.seconds = 1.0
    reading = meter.read()
    assert (reading.disk_read_per_second, reading.network_received_per_second) == (None, None)


@pytest.mark.parametrize(("allowed", "told"), [(2**20, 2**20), (2**60, None)])
def test_a_limit_of_the_container_is_told_where_it_is_narrower_than_the_machine(
    monkeypatch, allowed, told
):
    monkeypatch.setattr("core.host.memory_limit", lambda: (7, allowed))
    assert HostMeter().read().limit_bytes == told
