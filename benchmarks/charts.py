"""How long a chart takes to be drawn anew: `python benchmarks/charts.py`.

The chart of a million points, as text; and that of a run of a million reports, of which a view
keeps some thousand, smoothed and over each x axis. In seconds of the processor, so that what else
the machine does says nothing.
"""

import math
import random
import statistics
import time
from collections.abc import Callable

from core.events import EpochEnd, RunStart, StepReport
from core.view import RunView, reduce
from tui.axes import X_AXES, places
from tui.charts import CHARTS
from tui.curves import Curve
from tui.pieces import arrays
from tui.plot import draw

POINTS, EPOCHS = 1_000_000, 100
WIDTH, HEIGHT = 118, 34  # of a chart alone on a screen of 120 by 40


def main() -> None:
    random.seed(0)
    ys = [2.3 * math.exp(-4 * n / POINTS) + random.random() * 0.2 for n in range(POINTS)]
    curve = Curve("train", range(POINTS), ys)
    xs, values = arrays(curve)
    prepared = Curve("train", xs, values)  # type: ignore[arg-type]
    tell("10^6 points", lambda: draw([prepared], WIDTH, HEIGHT, x_limits=(0, POINTS)))
    view = long_run(ys)
    print(f"a run of {POINTS:,} reports, {len(view.reports):,} of them kept")
    for x in X_AXES:
        tell(f"  its loss over {x}", lambda x=x: redraw(view, x))  # type: ignore[misc]


def long_run(losses: list[float]) -> RunView:
    """A run of a million reports, one each step."""
    steps = POINTS // EPOCHS
    start = RunStart(
        *("long", "runs/long", "lenet", "fashion-mini", "cpu", "CPU", 1, 61_706, ("a", "b")),
        *(steps * 64, 1000, EPOCHS, steps, 64),
    )
    view = reduce(RunView(), start)
    for step, loss in enumerate(losses, 1):
        view = reduce(view, StepReport(step // steps + 1, step, loss, 0.5, 0.1, 5e4, 0.0))
        if step % steps == 0:
            end = EpochEnd(step // steps, step, loss, 0.5, loss, 0.5, 0.1, 12.8, 5e4)
            view = reduce(view, end)
    return view


def redraw(view: RunView, x: str) -> None:
    where = places(view, x)  # type: ignore[arg-type]
    curves = CHARTS["loss"].curves(view, where, 0.6)
    draw(curves, WIDTH, HEIGHT, x_limits=(where.reports[0], where.reports[-1]))


def tell(what: str, work: Callable[[], object]) -> None:
    work()
    took = []
    for _ in range(15):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    print(f"{what:<28} {1000 * statistics.median(took):6.1f} ms, {1000 * max(took):6.1f} at most")


if __name__ == "__main__":
    main()
