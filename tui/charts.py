"""What there are charts of: each an entry of `CHARTS`, for the dashboard and `nnlab plot run`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.events import DeviceFigures, EpochEnd, StepReport
from core.view import RunView
from tui.axes import Places
from tui.curves import Curve, Mark, Point, best_point, smooth

Series = tuple[Sequence[float], Sequence[float]]  # x and y of points, x not decreasing


def _anything(view: RunView) -> Point:
    return -math.inf, math.inf


def _not_negative(view: RunView) -> Point:
    return 0.0, math.inf


def of_reports(figure: Callable[[StepReport], float]) -> Callable[[RunView, Places], Series]:
    """A figure of every report."""
    return lambda view, where: (where.reports, [figure(report) for report in view.reports])


def of_devices(
    figure: Callable[[DeviceFigures], float | None],
) -> Callable[[RunView, Places], Series]:
    """A figure of the devices, where it is known."""

    def series(view: RunView, where: Places) -> Series:
        known = [(d.step, y) for d in view.devices if (y := figure(d)) is not None]
        return [where.at_step(step) for step, _ in known], [y for _, y in known]

    return series


@dataclass(frozen=True)
class Chart:
    """One quantity of a run over its x axis."""

    name: str
    title: Callable[[RunView], str]
    series: Callable[[RunView, Places], Series]  # while training
    test: Callable[[EpochEnd], float] | None = None  # None: there is no such figure of the test
    highest_is_best: bool = True  # of the test
    smoothed: bool = True  # whether there is noise in it
    logarithmic: bool = False  # whether a logarithmic axis says something
    y_range: Callable[[RunView], Point] = _anything
    least_span: float = 0.0  # of the y axis
    marks_above: bool = False  # where the curve usually ends at the bottom
    format: str = ".4f"
    short_format: str = ".3f"
    applies: Callable[[RunView], bool] = lambda view: True  # whether it says anything of a run

    def curves(self, view: RunView, where: Places, smoothing: float) -> list[Curve]:
        """What is drawn, the last on top: "raw", "train", "test", and "best", the best point."""
        xs, raw = self.series(view, where)
        weight = smoothing if self.smoothed else 0.0
        found = [Curve("raw", xs, raw)] if weight else []
        found.append(Curve("train", xs, smooth(raw, weight)))
        if self.test:
            test = Curve(
                "test", where.ends, [self.test(end) for end in view.epoch_ends], dotted=True
            )
            found.append(test)
            if best := best_point(test, highest=self.highest_is_best):
                found.append(Curve("best", [best[0]], [best[1]], dotted=True, sign="★"))
        return found


def _of_device(
    name: str,
    title: str,
    figure: Callable[[DeviceFigures], float | None],
    *,
    most: float = math.inf,
    format: str = ".0f",
) -> Chart:
    """A chart of a device's figure, if its sensor gives one."""
    return Chart(
        name,
        lambda view: title,
        of_devices(figure),
        smoothed=False,
        y_range=lambda view: (0.0, most),
        least_span=most if most < math.inf else 1.0,
        format=format,
        short_format=format,
        applies=lambda view: any(figure(d) is not None for d in view.devices[-1:]),
    )


def _gibibytes(size: int | None) -> float | None:
    return None if size is None else size / 2**30


def _score_range(view: RunView) -> Point:
    # R² has no lower end; below -1 it only says that training has not begun to work.
    return (0.0 if view.metric == "accuracy" else -1.0), 1.0


def _gradient_norm(report: StepReport) -> float:
    return math.nan if report.gradient_norm is None else report.gradient_norm


CHARTS: dict[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart(
            "loss",
            lambda view: "loss",
            of_reports(lambda report: report.loss),
            lambda end: end.test_loss,
            highest_is_best=False,
            logarithmic=True,
            marks_above=True,
        ),
        Chart(
            "score",
            lambda view: view.metric,
            of_reports(lambda report: report.score),
            lambda end: end.test_score,
            y_range=_score_range,
            least_span=0.1,
        ),
        Chart(
            "lr",
            lambda view: "learning rate",
            of_reports(lambda report: report.lr),
            smoothed=False,
            logarithmic=True,
            y_range=_not_negative,
            format=".4g",
            short_format=".3g",
        ),
        Chart(
            "gradient",
            lambda view: "gradient norm",
            of_reports(_gradient_norm),
            logarithmic=True,
            applies=lambda view: any(r.gradient_norm is not None for r in view.reports[-1:]),
            y_range=_not_negative,
            format=".4g",
            short_format=".3g",
        ),
        Chart(
            "speed",
            lambda view: f"{view.start.samples if view.start else 'images'} a second",
            of_reports(lambda report: report.samples_per_second),
            y_range=_not_negative,
            format=",.0f",
            short_format=",.0f",
        ),
        Chart(
            "wait",
            lambda view: "time waiting for data",
            of_reports(lambda report: report.data_wait),
            y_range=lambda view: (0.0, 1.0),
            least_span=0.1,
            format=".1%",
            short_format=".0%",
        ),
        _of_device("gpu", "GPU utilisation", lambda d: d.gpu, most=1.0, format=".0%"),
        _of_device(
            "gpu-memory", "GPU memory, GiB", lambda d: _gibibytes(d.gpu_memory_bytes), format=".1f"
        ),
        _of_device("power", "GPU power, W", lambda d: d.gpu_power_watts),
        _of_device("temperature", "GPU temperature, °C", lambda d: d.gpu_temperature_celsius),
        _of_device("cpu", "CPU", lambda d: d.cpu, most=1.0, format=".0%"),
        _of_device("ram", "RAM, GiB", lambda d: _gibibytes(d.memory_bytes), format=".1f"),
    )
}


def marks(view: RunView, where: Places) -> list[Mark]:
    """What somebody did to the run while it went on, at its place."""
    found = []
    for control in view.controls:
        if control.request == "pause":
            text = "pause"
        elif control.value is None:
            continue
        elif control.request == "lr":
            before = [r.lr for r in view.reports if r.step <= control.step][-1:]
            text = f"lr {before[0]:.3g} → " if before else "lr "
            text += f"{control.value:g}"
        else:
            text = f"{control.request} {control.value:g}"
        found.append(Mark(where.at_step(control.step), text))
    return found


def first_x(curves: Sequence[Curve]) -> float:
    """The least x above 0 that has a figure, 0 if there is none."""
    return min((x for curve in curves for x in curve.xs[:2] if x > 0), default=0.0)
