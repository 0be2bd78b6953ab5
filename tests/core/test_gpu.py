import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pynvml
import pytest
from fake_nvml import GIB, GONE_PID, LOST, FakeNvml, compile_library, environment

from core.gpu import RETRY_SECONDS, GpuReader
from core.readings import GpuReading, GpuReadings, MigInstance, find_gpu

READ = "import json; from dataclasses import asdict; from core.gpu import read_gpus"
READ += "; print(json.dumps(asdict(read_gpus())))"


@pytest.fixture(params=["in Python", "compiled, as the driver's"])
def read(request, monkeypatch) -> Callable[..., dict]:
    """Readings as JSON of a fake library, in this process and through the dynamic loader."""

    def read_in_python(**settings):
        FakeNvml(**settings).install(monkeypatch)
        return json.loads(json.dumps(asdict(GpuReader().read())))

    def read_compiled(old=False, **settings):
        folder = compile_library(old=old)
        done = subprocess.run(
            [sys.executable, "-c", READ],
            env=environment(folder, **settings),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read_in_python if request.param == "in Python" else read_compiled


def test_a_gpu_tells_all_that_it_measures_in_plain_units(read):
    readings = read()
    assert readings["problem"] is None
    assert (readings["driver"], readings["cuda"]) == ("580.65.06", "13.0")
    (gpu,) = readings["gpus"]
    assert gpu.pop("details_age_seconds") < 1
    del gpu["processes"]
    assert gpu == {
        "index": 0,
        "name": "NVIDIA Fake 80GB",
        "uuid": "GPU-00000001-0000",
        "utilisation": 0.96,
        "memory_used_bytes": 4 * GIB,
        "memory_free_bytes": 75 * GIB,  # the driver keeps 1 GiB, which is neither
        "memory_total_bytes": 80 * GIB,
        "temperature_celsius": 54.0,
        "power_watts": 412.0,
        "power_limit_watts": 700.0,
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "fan": None,  # it has none
        "performance_state": "P0",
        "slowed_by": [],
        "mig": [],
        "slowdown_celsius": 89.0,
        "shutdown_celsius": 92.0,
        "pcie_generation": 5,
        "pcie_lanes": 16,
        "pcie_sent_per_second": 300e6,
        "pcie_received_per_second": 2.5e9,
        "nvlink_sent_per_second": None,  # rates need two readings
        "nvlink_received_per_second": None,
        "ecc_corrected": 3,
        "ecc_uncorrected": 0,
    }


def test_processes_have_an_owner_and_a_command_unless_they_have_ended(read):
    ours, ended = read()["gpus"][0]["processes"]
    user = psutil.Process().username()
    assert (ours["memory_bytes"], ours["owner"]) == (2 * GIB, user)
    assert (ours["ours"], ours["yours"]) == (True, True)
    assert (ours["utilisation"], ended["utilisation"]) == (0.8, 0.0)
    assert ours["host_memory_bytes"] > 2**20
    assert ours["command"].startswith(Path(psutil.Process().cmdline()[0]).name)
    assert ended == {
        "pid": GONE_PID,
        "owner": None,
        "command": None,
        "memory_bytes": GIB,
        "utilisation": 0.0,
        "cpu_cores": None,
        "host_memory_bytes": None,
        "ours": False,
        "yours": False,
    }


def test_four_gpus_come_in_the_drivers_order(read):
    gpus = read(gpus=4)["gpus"]
    assert [gpu["index"] for gpu in gpus] == [0, 1, 2, 3]
    assert len({gpu["uuid"] for gpu in gpus}) == 4
    assert [gpu["memory_used_bytes"] // GIB for gpu in gpus] == [4, 8, 12, 16]
    assert [len(gpu["processes"]) for gpu in gpus] == [2, 0, 0, 0]


def test_a_lost_gpu_is_named_and_the_others_are_shown(read):
    readings = read(gpus=4, lost=2)
    assert [gpu["index"] for gpu in readings["gpus"]] == [0, 1, 3]
    assert readings["problem"] == "GPU 2 is lost: it no longer answers."
    assert "reboot" in readings["fix"]


def test_sensors_that_are_not_supported_are_none(read):
    (gpu,) = read(bare=1)["gpus"]
    known = {name for name, value in gpu.items() if value is not None}
    assert known == {"index", "name", "uuid", "mig", "details_age_seconds"}


def test_an_old_library_without_the_newer_functions_is_asked_the_older_ones(read):
    readings = read(old=True)
    assert readings["problem"] is None
    (gpu,) = readings["gpus"]
    assert gpu["temperature_celsius"] == 54.0
    assert gpu["memory_used_bytes"] == 20 * GIB
    assert gpu["slowed_by"] == []
    assert gpu["nvlink_sent_per_second"] is None
    assert gpu["mig"] == []


def test_an_instance_of_a_gpu_in_mig_mode_has_memory_of_its_own(read):
    mig, plain = read(gpus=2, mig=0)["gpus"]
    assert plain["mig"] == []
    assert [instance["uuid"] for instance in mig["mig"]] == [
        "MIG-000003e8-0000",
        "MIG-000003e9-0000",
    ]
    assert mig["mig"][0] | {"uuid": None} == {
        "uuid": None,
        "name": "NVIDIA Fake 80GB MIG 1g.10gb",
        "memory_used_bytes": 2 * GIB,
        "memory_free_bytes": 7 * GIB,
        "memory_total_bytes": 10 * GIB,
    }
    assert len(mig["processes"]) == 2  # each instance tells of the same two: they are listed once


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "different versions"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "denies this user access"),
        (pynvml.NVML_ERROR_UNKNOWN, "Unknown Error"),
    ],
)
def test_a_library_that_does_not_open_says_why_and_what_to_do(read, code, why):
    readings = read(init=code)
    assert readings["gpus"] == []
    assert readings["problem"].startswith("No GPU: ")
    assert why in readings["problem"]
    assert readings["fix"]


def test_a_driver_without_gpus_says_so(read):
    readings = read(gpus=0)
    assert readings["gpus"] == []
    assert readings["problem"] == "No GPU: the NVIDIA driver is loaded but finds none."


def test_without_a_driver_the_missing_library_is_named(monkeypatch):
    def not_found(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", not_found)
    readings = GpuReader().read()
    assert readings.gpus == ()
    assert "libnvidia-ml.so.1) was not found" in readings.problem
    assert "install its driver" in readings.fix


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def steady(readings: GpuReadings) -> GpuReadings:
    """Without the processes, of which this one, whose memory grows, is one."""
    return replace(readings, gpus=tuple(replace(gpu, processes=()) for gpu in readings.gpus))


def test_the_library_is_opened_once(monkeypatch):
    nvml = FakeNvml()
    nvml.install(monkeypatch)
    reader = GpuReader(Clock())
    assert steady(reader.read()) == steady(reader.read())
    assert nvml.inits == 1


def test_after_a_driver_reset_the_library_is_opened_again_at_the_next_reading(monkeypatch):
    nvml = FakeNvml()
    nvml.install(monkeypatch)
    reader = GpuReader(Clock())
    before = steady(reader.read())
    nvml.closed = True
    assert reader.read().problem == "No GPU: the NVIDIA driver has been loaded anew."
    assert steady(reader.read()) == before
    assert nvml.inits == 2


def test_a_gpu_lost_in_mid_run_keeps_its_name_and_may_come_back(monkeypatch):
    nvml, clock = FakeNvml(gpus=2), Clock()
    nvml.install(monkeypatch)
    reader = GpuReader(clock)
    both = steady(reader.read())
    nvml.lost = 1
    for _ in range(3):
        readings = reader.read()
        assert readings.problem == "GPU 1 (NVIDIA Fake 80GB) is lost: it no longer answers."
        assert [gpu.index for gpu in readings.gpus] == [0]
    assert nvml.inits == 1  # opening takes long: not every second
    clock.seconds = RETRY_SECONDS
    nvml.lost = None
    assert steady(reader.read()) == both
    assert nvml.inits == 2


def test_a_sensor_of_a_gpu_that_is_lost_while_it_is_read_does_not_pass_for_unsupported(monkeypatch):
    nvml = FakeNvml(gpus=2)
    nvml.install(monkeypatch)
    monkeypatch.setattr(FakeNvml, "_nvmlDeviceGetPowerUsage", lambda self, device, to: LOST)
    readings = GpuReader().read()
    assert readings.gpus == ()
    assert readings.problem.startswith("GPU 0 is lost")


def test_a_failed_opening_is_tried_again_after_a_while_only(monkeypatch):
    nvml, clock = FakeNvml(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED), Clock()
    nvml.install(monkeypatch)
    reader = GpuReader(clock)
    assert steady(reader.read()) == steady(reader.read())
    assert nvml.inits == 1
    nvml.init = 0
    clock.seconds = RETRY_SECONDS
    assert len(reader.read().gpus) == 1


def test_processes_that_start_between_counting_and_listing_are_listed_at_the_second_try(
    monkeypatch,
):
    FakeNvml(growing=True).install(monkeypatch)
    (gpu,) = GpuReader().read().gpus
    assert [process.pid for process in gpu.processes] == [os.getpid(), GONE_PID]


def test_a_name_that_is_not_utf8_is_unknown_and_harms_nothing_else(monkeypatch):
    FakeNvml(name=b"NVIDIA \xff").install(monkeypatch)
    (gpu,) = GpuReader().read().gpus
    assert gpu.name is None
    assert gpu.temperature_celsius == 54.0


def test_a_child_of_this_process_is_ours(monkeypatch):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        monkeypatch.setattr("fake_nvml.GONE_PID", child.pid)
        FakeNvml().install(monkeypatch)
        (gpu,) = GpuReader().read().gpus
        assert {p.pid: p.ours for p in gpu.processes} == {os.getpid(): True, child.pid: True}
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        (1, []),  # it idles
        (4, ["power cap"]),
        (4 | 8 | 64, ["power cap", "heat at the hardware's limit"]),
        (8, ["hardware slowdown"]),
    ],
)
def test_a_gpu_that_is_slowed_says_why_in_words(read, bits, reasons):
    assert read(slowed=bits)["gpus"][0]["slowed_by"] == reasons


def test_rates_are_differences_between_two_readings(monkeypatch):
    nvml, clock = FakeNvml(links=10), Clock()
    nvml.install(monkeypatch)
    reader = GpuReader(clock)
    reader.read()
    clock.seconds, nvml.links = 2.0, 1034
    (gpu,) = reader.read().gpus
    assert gpu.nvlink_sent_per_second == 2**20 / 2
    assert gpu.nvlink_received_per_second == 2**20
    ours = next(process for process in gpu.processes if process.ours)
    assert 0 <= ours.cpu_cores < 64
    clock.seconds, nvml.links = 4.0, 5  # the counters were reset
    (gpu,) = reader.read().gpus
    assert gpu.nvlink_sent_per_second is None


def test_a_process_whose_loads_are_secret_keeps_its_owner_and_command(monkeypatch):
    def denied(process):
        raise psutil.AccessDenied(process.pid)

    FakeNvml().install(monkeypatch)
    monkeypatch.setattr(psutil.Process, "cpu_times", denied)
    (gpu,) = GpuReader().read().gpus
    ours = next(process for process in gpu.processes if process.ours)
    assert ours.owner == psutil.Process().username()
    assert (ours.cpu_cores, ours.host_memory_bytes) == (None, None)


def test_a_process_that_does_not_work_has_no_utilisation_but_a_known_one(monkeypatch):
    FakeNvml(busy=None).install(monkeypatch)
    (gpu,) = GpuReader().read().gpus
    assert [process.utilisation for process in gpu.processes] == [0.0, 0.0]


def test_what_takes_long_is_asked_every_few_seconds_and_says_its_age(monkeypatch):
    nvml, clock = FakeNvml(), Clock()
    nvml.install(monkeypatch)
    reader = GpuReader(clock)
    asked, ages = [], []
    for clock.seconds in (0.0, 1.0, 2.0, 3.0, 4.0):
        (gpu,) = reader.read().gpus
        asked.append(nvml.traffic_questions // 2)
        ages.append(gpu.details_age_seconds)
    assert asked == [1, 2, 2, 3, 3]
    assert ages == [0.0, 0.0, 1.0, 0.0, 1.0]
    assert gpu.pcie_sent_per_second == 300e6


def test_sixteen_gpus_take_turns_so_that_no_reading_takes_longer_than_its_interval(monkeypatch):
    nvml, clock = FakeNvml(gpus=16), Clock()
    nvml.install(monkeypatch)
    measure = FakeNvml._nvmlDeviceGetPcieThroughput

    def slowly(self, *arguments):
        clock.seconds += 0.02
        return measure(self, *arguments)

    monkeypatch.setattr(FakeNvml, "_nvmlDeviceGetPcieThroughput", slowly)
    reader = GpuReader(clock)
    reader.read(), reader.read()
    took, oldest = [], []
    for second in range(2, 30):
        clock.seconds = started = float(second)
        gpus = reader.read().gpus
        took.append(clock.seconds - started)
        oldest.append(max(gpu.details_age_seconds for gpu in gpus))
    assert max(took) < 0.35
    assert max(oldest) < 6


def test_a_gpu_is_found_by_the_uuid_of_torch_of_nvml_and_of_a_mig_instance():
    first = GpuReading(0, "a", "GPU-8F1C-00")
    second = GpuReading(1, "b", "GPU-77aa-11", mig=(MigInstance("MIG-beef-22", None),))
    gpus = (GpuReading(2, None, None), first, second)
    assert find_gpu("8f1c-00", gpus) is first
    assert find_gpu("GPU-77aa-11", gpus) is second
    assert find_gpu("MIG-beef-22", gpus) is second
    assert find_gpu("beef-22", gpus) is second
    assert find_gpu("0000", gpus) is None
    assert find_gpu(None, gpus) is None
