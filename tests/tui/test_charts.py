from sample_run import report, run_start, view_of

from core.events import DeviceFigures
from tui.axes import places
from tui.charts import CHARTS

VIEW = view_of(
    run_start(),
    report(10, 2.0),
    DeviceFigures(10, cpu=None, memory_bytes=2**30),
    report(20, 1.0),
    DeviceFigures(20, cpu=0.5, memory_bytes=2**31),
)


def test_charts_of_devices_are_those_that_a_sensor_gives_figures_for():
    shown = {name for name, chart in CHARTS.items() if chart.applies(VIEW)}
    assert {"cpu", "ram", "loss"} <= shown
    assert not {"gpu", "gpu-memory", "power", "temperature"} & shown


def test_a_figure_of_a_device_lies_where_the_run_was_then():
    [cpu] = CHARTS["cpu"].curves(VIEW, places(VIEW, "epoch"), 0.6)
    [ram] = CHARTS["ram"].curves(VIEW, places(VIEW, "step"), 0.6)
    assert (list(cpu.xs), list(cpu.ys)) == ([0.2], [0.5])
    assert (list(ram.xs), list(ram.ys)) == ([10, 20], [1.0, 2.0])
