from dataclasses import replace

import pytest
from sample_devices import GIB, HOST, gpu, reading
from sample_run import END, applied, report, run_start, table_start

from core.readings import GpuProcess
from core.view import RunView, reduce_all
from tui.run_figures import memory_of_run, run_figures

ON_GPU = reduce_all(RunView(), [run_start(device_uuid="1"), report(10, 2.0)])
GPUS = reading(gpu(0), gpu(1, power_watts=250.0))


def test_before_the_first_report_there_are_none():
    assert run_figures(RunView(), GPUS, None) == ()
    assert run_figures(reduce_all(RunView(), [run_start()]), GPUS, None) == ()


def test_throughput_is_divided_by_the_power_of_the_gpu_that_the_run_computes_on():
    # 5000 images a second at 250 W.
    assert run_figures(ON_GPU, GPUS, 2 * GIB) == (
        "data wait 2 %  compute 98 %",
        "20 images/J",
        "peak memory 2.0 GiB",
    )
    rows = reduce_all(RunView(), [table_start(device_uuid="1"), report(10, 2.0)])
    assert "20 rows/J" in run_figures(rows, GPUS, None)


@pytest.mark.parametrize("later", [applied(10, "pause"), END])
def test_a_run_that_is_not_training_has_no_figure_per_joule(later):
    assert run_figures(reduce_all(ON_GPU, [later]), GPUS, None) == ("data wait 2 %  compute 98 %",)


def test_a_gpu_without_a_power_sensor_and_the_cpu_have_no_figure_per_joule():
    on_cpu = reduce_all(RunView(), [run_start(), report(10, 2.0)])
    unknown = reading(gpu(1, power_watts=None))
    for view, devices in ((on_cpu, GPUS), (ON_GPU, unknown)):
        assert run_figures(view, devices, None) == ("data wait 2 %  compute 98 %",)


def test_memory_of_the_run_is_what_this_process_holds_where_it_computes():
    assert memory_of_run(RunView(), GPUS) is None
    assert memory_of_run(ON_GPU, GPUS) == 2 * GIB
    hidden = reading(gpu(1, processes=(GpuProcess(1, memory_bytes=GIB),)))
    assert memory_of_run(ON_GPU, hidden) is None
    assert memory_of_run(ON_GPU, reading(gpu(1, processes=None))) is None
    host = replace(HOST, process_memory_bytes=3 * GIB)
    assert memory_of_run(reduce_all(RunView(), [run_start()]), reading(host=host)) == 3 * GIB
