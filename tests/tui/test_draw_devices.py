from dataclasses import replace

import pytest
from sample_devices import BARE, GIB, HOST, NO_GPU, gpu, reading

from core.readings import DeviceReading, GpuProcess, GpuReadings, MigInstance
from tui.draw_devices import draw_devices

LOST = GpuReadings(
    (gpu(0), gpu(1), gpu(3)), "GPU 2 is lost: it no longer answers.", "A reboot may bring it back."
)


def lines(now, width=80, height=100, history=(), **options) -> list[str]:
    return draw_devices(now, history, width, height, **options).plain.split("\n")


RICH = gpu(
    slowed_by=("power cap",),
    slowdown_celsius=89.0,
    shutdown_celsius=92.0,
    pcie_generation=5,
    pcie_lanes=16,
    pcie_sent_per_second=0.3e9,
    pcie_received_per_second=2.5e9,
    nvlink_sent_per_second=0.0,
    nvlink_received_per_second=17e9,
    ecc_corrected=3,
    ecc_uncorrected=0,
    details_age_seconds=2.2,
    processes=(
        GpuProcess(4712, "uid 1004", "python other.py", 18 * GIB, 0.21, 0.5, 3 * GIB),
        GpuProcess(4711, "ada", "python train.py", 2 * GIB, 0.8, 1.25, GIB, ours=True),
    ),
)


def test_a_gpu_and_the_host_with_room_for_everything():
    busy = replace(
        HOST,
        disk_read_per_second=2**20,
        disk_written_per_second=0,
        network_received_per_second=123 * 2**20,
        network_sent_per_second=1000,
    )
    assert lines(reading(RICH, host=busy)) == [
        "GPU 0  NVIDIA H100 80GB HBM3",
        "util  ██████████░░░░░░░░░░░  50 %            sm    1980 MHz  pcie in   2.3 GiB/s",
        "mem   █████░░░░░░░░░░░░░░░░ 20.0 / 80.0 GiB  mem   2619 MHz  pcie out  286 MiB/s",
        "power ██████████░░░░░░░░░░░ 350 / 700 W      fan          –  link in  15.8 GiB/s",
        "temp  ████████████░░░░░░░░░  54 / 89 °C      state       P0  link out      0 B/s",
        "pcie 5 ×16   ecc errors 3 corrected, 0 not   off at 92 °C",
        "traffic, errors, processes: 2 s ago",
        "slowed by power cap",
        "     pid  owner          gpu mem     sm     cpu       ram  command",
        "    4712  uid 1004      18.0 GiB   21 %    50 %   3.0 GiB  python other.py",
        "    4711  this process   2.0 GiB   80 %   125 %   1.0 GiB  python train.py",
        "",
        "host  Some CPU",
        "cpu   ██████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %",
        "ram   ████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  18.0 / 128.0 GiB",
        "cores ▁▃▇",
        "load  0.42  0.38  0.31   swap  0.0 / 2.0 GiB",
        "disk  read  1.0 MiB/s write      0 B/s   net   in    123 MiB/s out     1000 B/s",
        "this process 1.5 cores  3.0 GiB",
    ]


def test_a_slowed_gpu_says_so_in_every_size():
    for height in (8, 2, 1):
        drawn = "\n".join(lines(reading(RICH), 80, height))
        assert "slowed by power cap" in drawn or "slowed: power cap" in drawn


def test_with_room_to_spare_graphs_of_the_past_grow():
    past = [
        replace(reading(gpu(utilisation=fraction)), time=float(second))
        for second, fraction in enumerate((None, 0.0, 0.5, 1.0))
    ]
    drawn = lines(past[-1], 80, 32, past)
    # Before the first of them, nothing is known; a known zero is a line.
    assert [line[24:27] for line in drawn[1:4]] == ["  █", " ▄█", "▁██"]
    assert drawn[1].endswith("pcie in           –")
    assert drawn[-1] == "graphs: 1.0 s a column, now at the right"
    assert len(drawn) <= 32


def test_processes_have_a_line_each_as_far_as_there_is_room_and_ours_always():
    many = [GpuProcess(100 + i, f"user{i}", "python", (60 - i) * GIB) for i in range(40)]
    ours = GpuProcess(7, "ada", "python train.py", GIB, ours=True)
    drawn = lines(reading(gpu(processes=(*many, ours))), 80, 30)
    assert len(drawn) == 30
    assert any("this process   1.0 GiB" in line for line in drawn)
    assert any(line.startswith("+") and line.endswith(" more") for line in drawn)


def test_a_narrow_table_of_processes_keeps_the_command_and_leaves_out_the_loads():
    drawn = lines(reading(RICH), 50)
    where = drawn.index("     pid  owner          gpu mem  command")
    assert drawn[where + 2] == "    4711  this process   2.0 GiB  python train.py"


def test_wide_screens_set_sixteen_gpus_beside_each_other():
    drawn = lines(reading(*(gpu(i) for i in range(16))), 200, 60)
    assert drawn[0].split("  NVIDIA H100 80GB HBM3")[0] == "GPU 0"
    assert drawn[0].count("NVIDIA H100") == 3
    names = [line for line in drawn if line.startswith("GPU ")]
    assert len(names) == 6
    assert any(line.startswith("host") for line in drawn)


def test_below_a_line_for_each_gpu_there_is_room_for_the_processes_of_all():
    drawn = lines(reading(*(gpu(i) for i in range(8))), 80, 22)
    assert [int(line[1:3]) for line in drawn[:8]] == list(range(8))
    assert drawn[16].startswith("gpu       pid  owner")
    assert [line[:3] for line in drawn[17:21]] == ["  0", "  1", "  2", "  3"]
    assert all("this process" in line for line in drawn[17:21])
    assert drawn[21] == "+12 more"


def test_the_limit_of_a_container_is_shown():
    host = replace(HOST, limit_used_bytes=3 * GIB, limit_bytes=4 * GIB)
    assert any(
        line.startswith("limit ██") and line.endswith("3.0 / 4.0 GiB")
        for line in lines(reading(gpu(), host=host))
    )
    assert "limit 3.0 / 4.0 GiB" in lines(reading(gpu(), host=host), 80, 2)[1]


def test_figures_of_the_run_stand_beside_the_host():
    run = ("data wait 1 %  compute 99 %", "12.3 images/J", "peak memory 1.9 GiB")
    text = "this run   data wait 1 %  compute 99 %   12.3 images/J   peak memory 1.9 GiB"
    for height in (7, 100):
        assert text in lines(reading(gpu()), 80, height, named=False, run=run)
    narrow = lines(reading(gpu()), 40, 100, run=run)
    assert "this run   data wait 1 %  compute 99 %" in narrow


def test_with_a_past_the_bars_become_sparklines_that_end_now():
    past = [
        reading(gpu(utilisation=fraction), host=replace(HOST, cpu=fraction))
        for fraction in (0.0, None, 0.4, 1.0)
    ]
    util, mem, *_, cpu = lines(past[-1], 58, 5, past, named=False)
    assert util == "util       ▁ ▄█ 100 %            temp  54 °C  sm  1980 MHz"
    assert mem == "mem        ▃▃▃▃ 20.0 / 80.0 GiB  fan      –   mem 2619 MHz"
    assert cpu == "cpu             ▁ ▄█  100 %  ram  18.0 / 128.0 GiB"


def test_a_past_follows_the_uuid_of_a_gpu_when_its_index_changes():
    past = [
        reading(gpu(0, uuid="GPU-a", utilisation=0.0), gpu(1, uuid="GPU-b", utilisation=1.0)),
        reading(gpu(0, uuid="GPU-b", utilisation=1.0)),
    ]
    assert lines(past[-1], 80, 2, past)[0].startswith("  0       ██  100 %")


def test_half_a_screen_holds_one_gpu_with_its_sensors_below():
    assert lines(reading(gpu()), 38, 8, named=False) == [
        "util  ████████░░░░░░░░  50 %",
        "mem   ████░░░░░░░░░░░░ 20.0 / 80.0 GiB",
        "power ████████░░░░░░░░ 350 / 700 W",
        "temp   54 °C  sm 1980 MHz  fan –  P0",
        "this process 2.0 GiB +1 more",
        "cpu █░░░   25 %  ram  18.0 / 128.0 GiB",
        "this process 1.5 cores  3.0 GiB",
    ]


def test_small_heights_have_a_line_for_each_gpu_and_one_for_the_host():
    assert lines(reading(gpu(0), gpu(1)), 80, 3, training_on=("1",)) == [
        "  0 ████░░░░   50 %  20.0 / 80.0 GiB   54 °C  350 / 700 W  H100 80GB HBM3",
        "▸ 1 ████░░░░   50 %  20.0 / 80.0 GiB   54 °C  350 / 700 W  H100 80GB HBM3",
        "cpu ███░░░░░░░░░░   25 %  ram  18.0 / 128.0 GiB  this process 1.5 cores  3.0 GiB",
    ]


@pytest.mark.parametrize("width", [30, 38, 58, 78, 120])
@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 12, 24, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 8, 16])
def test_nothing_is_ever_wider_or_higher_than_its_room(width, height, count):
    gpus = [gpu(i) for i in range(count)]
    now = DeviceReading(0.0, GpuReadings(tuple(gpus), NO_GPU.problem, NO_GPU.fix), HOST)
    drawn = draw_devices(now, [now] * 300, width, height).split("\n")
    assert len(drawn) <= height
    assert max(line.cell_len for line in drawn) <= width


@pytest.mark.parametrize("count", range(1, 17))
def test_sixteen_gpus_at_80_columns_have_a_line_each(count):
    drawn = lines(reading(*(gpu(i) for i in range(count))), 80, count + 1)
    assert [int(line[1:3]) for line in drawn[:-1]] == list(range(count))
    assert drawn[-1].startswith("cpu ")


def test_gpus_that_do_not_fit_are_counted_and_the_runs_own_is_shown():
    drawn = lines(reading(*(gpu(i) for i in range(8))), 80, 4, training_on=("GPU-6",))
    assert [line[:4] for line in drawn] == ["▸ 6 ", "  0 ", "… 6 ", "cpu "]
    assert drawn[2] == "… 6 more GPUs"


def test_numbers_keep_their_place_whatever_they_are():
    small = gpu(utilisation=0.0, memory_used_bytes=0, power_watts=5.0, temperature_celsius=9.0)
    large = gpu(
        utilisation=1.0, memory_used_bytes=80 * GIB, power_watts=700.0, temperature_celsius=101.0
    )
    unknown = gpu(utilisation=None, memory_used_bytes=None, power_watts=None)
    for height in (8, 2):
        ends = {
            name: [
                [line.rindex(unit) for unit in ("%", "GiB", " W", "°C") if unit in line]
                for line in lines(reading(one), 80, height)[:-1]
                if "process" not in line
            ]
            for name, one in (("small", small), ("large", large))
        }
        assert ends["small"] == ends["large"]
    assert [len(lines(reading(one), 80, 2)[0]) for one in (small, large, unknown)] == [73] * 3


def test_gpus_of_different_sizes_stand_in_columns():
    small, large, _ = lines(reading(gpu(0, memory_total_bytes=8 * GIB), gpu(1)), 80, 3)
    assert small.index("GiB") == large.index("GiB")
    assert small.index("°C") == large.index("°C")


def test_what_no_sensor_tells_is_a_dash_without_a_bar():
    assert lines(reading(BARE))[:7] == [
        "GPU 0  –",
        "util                                –        sm       – MHz  pcie in           –",
        "mem                               – / – GiB  mem      – MHz  pcie out          –",
        "power                             – / – W    fan          –  link in           –",
        "temp                              – / – °C   state        –  link out          –",
        "pcie – –   ecc errors – corrected, – not   off at – °C",
        "processes –",
    ]
    assert lines(reading(BARE), 80, 9, named=False)[:4] == [
        "util                                          –        temp   – °C  sm     – MHz",
        "mem                                         – / – GiB  fan      –   mem    – MHz",
        "power                                       – / – W    state    –",
        "processes –",
    ]


def test_no_gpu_says_why_and_shows_the_host():
    drawn = lines(reading(), 60, named=False)
    assert " ".join(drawn[:3]) == f"{NO_GPU.problem} {NO_GPU.fix} "
    assert drawn[3].startswith("cpu ")
    assert drawn[-1] == "this process 1.5 cores  3.0 GiB"


@pytest.mark.parametrize("height", [5, 8, 100])
def test_a_lost_gpu_is_named_below_the_others(height):
    drawn = lines(DeviceReading(0.0, LOST, HOST), 80, height)
    where = drawn.index(f"{LOST.problem} {LOST.fix}")
    assert where >= 3
    assert any(line.startswith("cpu ") for line in drawn[where:])


def test_the_problem_is_cut_before_the_host_is():
    drawn = lines(reading(), 40, 2)
    assert drawn == [
        "No GPU: the NVIDIA driver's library …",
        "cpu ██░░░░   25 %  ram  18.0 / 128.0 GiB",
    ]


def test_a_single_line_is_the_runs_gpu_or_the_host():
    both = DeviceReading(0.0, replace(LOST, gpus=(gpu(0), gpu(1))), HOST)
    (line,) = lines(both, 80, 1, training_on=("GPU-1",))
    assert line.startswith("▸ 1 ")
    assert lines(both, 80, 1)[0].startswith("  0 ")
    assert lines(reading(), 80, 1)[0].startswith("cpu ")


def test_the_host_gives_up_its_second_line_before_a_gpu_does():
    drawn = lines(reading(gpu(0), gpu(1)), 40, 3)
    assert [line[:4] for line in drawn] == ["  0 ", "  1 ", "cpu "]


def test_mig_instances_have_memory_of_their_own():
    mig = (MigInstance("MIG-1", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", 2 * GIB, 8 * GIB, 10 * GIB),)
    drawn = lines(reading(gpu(utilisation=None, mig=mig)))
    assert "MIG 1g.10gb   2.0 / 10.0 GiB" in drawn
    assert "1 MIG" in lines(reading(gpu(mig=mig)), 80, 2)[0]


def test_processes_that_do_not_fit_are_counted():
    many = tuple(GpuProcess(100 + i, f"user{i}", "python", GIB) for i in range(6))
    drawn = lines(reading(gpu(processes=many)), 80, 8)
    assert drawn[4] == (
        "user0 1.0 GiB (python 100) · user1 1.0 GiB (python 101) · user2 1.0 GiB +3 more"
    )
    yours = GpuProcess(7, "ada", "python", None, yours=True)
    assert lines(reading(gpu(processes=(yours,))), 80, 8)[4] == "you – (python 7)"
    assert lines(reading(gpu(processes=())), 80, 8)[4] == "no processes"
    assert lines(reading(gpu(processes=None)), 80, 8)[4] == "processes –"


def test_without_figures_of_this_process_nothing_is_said_of_it():
    host = replace(HOST, process_cores=None, process_memory_bytes=None)
    for height in (2, 100):
        assert "process" not in "\n".join(lines(reading(host=host), 80, height))


def test_names_from_outside_reach_the_terminal_harmless():
    evil = gpu(name="H100\x1b[2J[/b]", processes=(GpuProcess(1, "\x1b]0;x\x07", "a\nb", GIB),))
    for height in (100, 8, 2):
        drawn = draw_devices(reading(evil), (), 80, height).plain
        assert "\x1b" not in drawn
        assert "\x07" not in drawn
    assert "a b" in draw_devices(reading(evil), (), 80, 100).plain


def test_all_gpus_of_a_run_are_marked():
    drawn = lines(reading(gpu(0), gpu(1), gpu(2)), 80, 4, training_on=("2", "0"))
    assert [line[:4] for line in drawn[:3]] == ["▸ 0 ", "  1 ", "▸ 2 "]


def test_the_gpu_of_the_run_is_marked_in_words_not_by_colour():
    drawn = lines(reading(gpu(0), gpu(1)), training_on=("1",))
    assert drawn.count("GPU 1  NVIDIA H100 80GB HBM3  this run") == 1
    assert drawn.count("GPU 0  NVIDIA H100 80GB HBM3") == 1
