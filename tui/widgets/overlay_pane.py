"""One quantity of several runs, laid over each other."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.reactive import reactive

from core.view import RunView
from tui.axes import Places, cursor_label, in_sight, places, tick_kind, whole
from tui.charts import Chart, first_x
from tui.curves import Curve, value_at
from tui.format import told_apart
from tui.widgets.charting import Charting

SIGNS = string.ascii_uppercase + string.ascii_lowercase + string.digits
COLORS = 6  # of the theme; then they begin again, and only letters tell the curves apart
LONGEST = 14  # columns of a run's name in the border

Side = Literal["test", "train"]


@dataclass(frozen=True)
class Overlaid:
    """A run and the letter that stands for it."""

    name: str
    number: int  # from 0, in the order of the comparison
    view: RunView

    @property
    def sign(self) -> str:
        return SIGNS[self.number % len(SIGNS)]

    @property
    def role(self) -> str:
        return f"run-{self.number % COLORS}"


class OverlayPane(Charting, can_focus=True):
    """The chart of each run over its epochs; each curve has its letter on it."""

    DEFAULT_CSS = """
    OverlayPane {
        border: round $panel-border;
        border-title-color: $foreground;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
        &:focus { border: round $primary; }
        & .overlay--run-0 { color: $run-0; }
        & .overlay--run-1 { color: $run-1; }
        & .overlay--run-2 { color: $run-2; }
        & .overlay--run-3 { color: $run-3; }
        & .overlay--run-4 { color: $run-4; }
        & .overlay--run-5 { color: $run-5; }
        & .overlay--raw { color: $panel-border; }
        & .overlay--cursor { color: $foreground-muted; }
        & .overlay--axis { color: $foreground-muted; }
        & .overlay--grid { color: $curve-grid; }
    }
    """
    ROLES: ClassVar = (*(f"run-{n}" for n in range(COLORS)), "raw", "axis", "grid", "cursor")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("overlay--run-0", "overlay--run-1", "overlay--run-2", "overlay--run-3"),
        *("overlay--run-4", "overlay--run-5", "overlay--axis", "overlay--grid"),
        *("overlay--raw", "overlay--cursor"),
    }
    ALLOW_MAXIMIZE = True

    runs: reactive[Sequence[Overlaid]] = reactive((), always_update=True)
    side: reactive[Side] = reactive[Side]("test")

    def __init__(self, chart: Chart, id: str) -> None:
        super().__init__(id=id)
        self.chart = chart
        self._picture = Text()

    @property
    def side_shown(self) -> Side:
        """Most figures are of training alone."""
        return self.side if self.chart.test else "train"

    def styles_of_roles(self) -> dict[str, Style]:
        """By role, such as "run-2"."""
        return {r: self.get_component_rich_style(f"overlay--{r}", partial=True) for r in self.ROLES}

    def watch_runs(self) -> None:
        self.redraw()

    def watch_side(self) -> None:
        self.redraw()

    def watch_axes(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def on_show(self) -> None:
        self.redraw()

    def render(self) -> Text:
        return self._picture

    def redraw(self) -> None:
        """Draw the curves anew, and what the border says of them."""
        if self.is_mounted and self.display:
            self._picture = self._draw()
            self.refresh()

    def _draw(self) -> Text:
        from tui.plot import draw  # plotext takes 50 ms to import

        styles = self.styles_of_roles()
        axes, chart = self.axes, self.chart
        found = [(run, places(run.view, axes.x)) for run in self.runs]
        curves = [(run, self._curves(run, where)) for run, where in found]
        drawn = [(run, these[-1]) for run, these in curves if len(these[-1].xs)]
        self._set_titles(drawn, styles)
        width, height = self.content_size
        if not drawn:
            waiting = any(run.view.start is None for run in self.runs)
            text = (
                "nothing to draw yet: the curves come as epochs end"
                if waiting
                else f"none of the runs has a {self.side_shown} figure"
            )
            return Text("\n" * (height // 2 - 1) + text, styles["axis"], justify="center")
        parts = [whole(r.view, w, axes.x) for r, w in found if len(w.reports) or len(w.ends)]
        together = min(low for low, _ in parts), max(high for _, high in parts)
        # What is raw lies behind the curves of all runs.
        layers = [c for _, these in curves for c in these[:-1]] + [c for _, c in drawn]
        self.sight, self.whole = in_sight(axes, together, first_x(layers))
        ranges = [chart.y_range(run.view) for run in self.runs]
        return draw(
            layers,
            width,
            height,
            x_limits=self.sight,
            x_log=axes.log,
            x_kind=tick_kind(axes.x),
            y_log=axes.y_log and chart.logarithmic,
            y_range=(min(low for low, _ in ranges), max(high for _, high in ranges)),
            least_span=chart.least_span,
            x_label=axes.x,
            cursor=axes.cursor,
            styles=styles,
        )

    def _curves(self, run: Overlaid, where: Places) -> list[Curve]:
        """The run's curve, and what it is the average of before it."""
        curves = self.chart.curves(run.view, where, self.axes.smoothing)
        raw = [c for c in curves if c.role == "raw" and self.side_shown == "train" and len(c.xs)]
        curve = next(c for c in curves if c.role == self.side_shown)
        dotted = run.number % 2 == 1
        return [*raw, Curve(run.role, curve.xs, curve.ys, dotted=dotted, sign=run.sign)]

    def _set_titles(
        self, drawn: Sequence[tuple[Overlaid, Curve]], styles: dict[str, Style]
    ) -> None:
        """What is drawn and each run's newest value in the border, as far as there is room."""
        room = self.outer_size.width - 6
        texts = [self._legend(drawn, styles, length) for length in (2, 1, 0)]
        title = next((text for text in texts if text.cell_len <= room), texts[-1])
        title.truncate(room, overflow="ellipsis")
        content = Content.from_rich_text(title)
        if content != self._border_title:
            self._border_title = content
        axes = self.axes
        if axes.cursor is not None:
            self.border_subtitle = f"at {axes.x} {cursor_label(axes)}"
            return
        smoothed = self.side_shown == "train" and self.chart.smoothed and axes.smoothing
        words = [f"smoothing {axes.smoothing:g}"] if smoothed else []
        words += ["log scale"] * (axes.y_log and self.chart.logarithmic)
        words += ["log x"] * axes.log + ["zoomed"] * (axes.window is not None)
        self.border_subtitle = " · ".join(words)

    def _legend(
        self, drawn: Sequence[tuple[Overlaid, Curve]], styles: dict[str, Style], length: int
    ) -> Text:
        """`length` 2 is with names, 1 with letters and shorter values, 0 with letters alone."""
        # "accuracy" or "R²", unless both are laid over each other.
        titles = {self.chart.title(run.view) for run in self.runs}
        title = titles.pop() if len(titles) == 1 else self.chart.name
        names = told_apart(tuple(run.name for run in self.runs), LONGEST)
        text = Text(f"{self.side} {title}" if self.chart.test else title, "bold")
        for run, curve in drawn:
            at = self.axes.cursor
            last = curve.ys[-1] if at is None else value_at(curve, at)
            short, full = (
                ("–", "–")
                if last is None
                else (
                    format(last, self.chart.short_format),
                    format(last, self.chart.format),
                )
            )
            name = (run.sign, f"{run.sign} {short}", f"{run.sign} {names[run.name]}")
            entry = f"{name[length]} {full}" if length == 2 else name[length]
            text.append(" " * max(1, length))
            text.append(entry, Style(bold=False) + styles[run.role])
        return text
