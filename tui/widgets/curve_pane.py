"""One chart of one run, in a pane."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text

from core.view import RunView
from tui.axes import Places, in_sight, places, tick_kind, whole
from tui.charts import Chart, first_x, marks
from tui.curves import Curve, value_at
from tui.format import duration
from tui.legend import legend
from tui.widgets.charting import Charting
from tui.widgets.pane import PicturePane

ROLES = ("raw", "train", "test", "best", "axis", "grid", "mark", "cursor")


class CurvePane(PicturePane, Charting):
    """A chart, for the training and the test images, over the epochs or the time of a run."""

    DEFAULT_CSS = """
    CurvePane {
        & .curve--raw { color: $curve-raw; }
        & .curve--train { color: $curve-train; }
        & .curve--test { color: $curve-test; }
        & .curve--best { color: $curve-test; text-style: bold; }
        & .curve--cursor { color: $foreground-muted; }
        & .curve--axis { color: $foreground-muted; }
        & .curve--grid { color: $curve-grid; }
        & .curve--mark { color: $warning; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"curve--{role}" for role in ROLES}

    def __init__(self, chart: Chart | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        if chart:
            self.chart = chart
        self._remark = ""

    def watch_axes(self) -> None:
        self.redraw()

    def on_show(self) -> None:
        self.redraw()

    def show(self, view: RunView) -> None:
        width, height = self.content_size
        if not self.display or not width:
            return  # `on_show` follows
        from tui.plot import draw  # plotext takes 50 ms to import

        styles = {r: self.get_component_rich_style(f"curve--{r}", partial=True) for r in ROLES}
        chart, axes = self.chart, self.axes
        where = places(view, axes.x)
        curves = chart.curves(view, where, axes.smoothing) if view.start else []
        curves = [curve for curve in curves if len(curve.xs)]
        self.sight, self.whole = in_sight(axes, whole(view, where, axes.x), first_x(curves))
        names = ("train", "test") if chart.test else ("train",)
        texts = (
            legend(chart, view, names, self._values(curves), styles, length) for length in (2, 1, 0)
        )
        room = self.outer_size.width - 6  # corners and the space around a title
        titles = list(texts)
        self.set_title(next((t for t in titles if t.cell_len <= room), titles[-1]))
        if (remark := self.remark(view, where)) != self._remark:  # repaints the whole pane
            self._remark = self.border_subtitle = remark
        picture = Text()
        if curves:
            picture = draw(
                curves,
                width,
                height,
                x_limits=self.sight,
                x_log=axes.log,
                x_kind=tick_kind(axes.x),
                y_log=axes.y_log and chart.logarithmic,
                y_range=chart.y_range(view),
                least_span=chart.least_span,
                x_label=axes.x,
                marks=marks(view, where),
                marks_above=chart.marks_above,
                cursor=axes.cursor,
                styles=styles,
            )
        if not picture.plain:
            text = self._coming(view, anything=bool(curves))
            picture = Text("\n" * (height // 2 - 1) + text, styles["axis"], justify="center")
        self.paint(picture)

    def _values(self, curves: Sequence[Curve]) -> dict[str, float | None]:
        """What the border names: each curve's value at the cursor, or its newest."""
        if self.axes.cursor is None:
            return {curve.role: curve.ys[-1] for curve in curves}
        return {curve.role: value_at(curve, self.axes.cursor) for curve in curves}

    def remark(self, view: RunView, where: Places) -> str:
        """What stands in the lower border: where the cursor is, or what is special about it."""
        axes = self.axes
        if axes.cursor is not None and view.start:
            step = where.step_at(axes.cursor)
            words = [f"epoch {step / view.start.steps_per_epoch:.2f}", f"step {step}"]
            if axes.x == "time":
                words.append(duration(axes.cursor))
            return "at " + " · ".join(words)
        words = []
        if self.chart.name == "score" and view.best:
            words.append(f"best test {view.best.test_score:.4f} in epoch {view.best.epoch}")
        elif axes.smoothing and self.chart.smoothed:
            words.append(f"smoothing {axes.smoothing:g}")
        words += ["log scale"] if axes.y_log and self.chart.logarithmic else []
        words += ["log x"] if axes.log else []
        words += ["zoomed"] if axes.window else []
        return " · ".join(words)

    @staticmethod
    def _coming(view: RunView, *, anything: bool) -> str:
        if anything:
            return "there is no figure to draw here"
        if view.end:
            return "the run ended before the first report"
        if view.start:
            return "the curve begins with the first report, in a moment"
        return "the curve begins when the data is ready"
