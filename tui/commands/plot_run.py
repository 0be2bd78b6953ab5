"""nnlab plot run: the charts of recorded runs, in the terminal or as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from core.errors import ConfigError, RunError
from tui.axes import Axes, XAxis, in_sight, places, tick_kind, whole
from tui.charts import CHARTS, Chart, first_x, marks
from tui.commands.show import complete_run
from tui.curves import Curve, Mark, Point
from tui.options import RunsDir

if TYPE_CHECKING:
    from rich.console import RenderableType

    from core.view import RunView
    from tui.picture import Figure

LINES = 16  # of one chart in the terminal
MOST_COLUMNS = 120
# In the terminal; a picture has colours of its own, on white.
ROLES = ("run-0", "run-1", "run-2", "run-3", "run-4", "run-5")
PAIR = ("train", "test")
UNITS = {"time": "time of training", "clock": "time of day"}  # of the x axis, where not its name

Side = Literal["test", "train"]
Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help='Names of runs; "last" is the newest.',
        autocompletion=complete_run,
        show_default=False,
    ),
]


def run(
    runs: Runs,
    figure: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Some of {', '.join(CHARTS)}, with commas between.",
            autocompletion=lambda: list(CHARTS),
        ),
    ] = "loss,score",
    x: Annotated[
        XAxis, typer.Option("--x", help="Epochs, steps, time of training or time of day.")
    ] = "epoch",
    smooth: Annotated[
        float, typer.Option(min=0, max=0.999, help="Weight of the past in the training curve.")
    ] = Axes.smoothing,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic loss and learning rate.")] = False,
    log_x: Annotated[bool, typer.Option("--log-x", help="Logarithmic x axis.")] = False,
    side: Annotated[
        Side, typer.Option(help="Of several runs: figures of the test or the training part.")
    ] = "test",
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture instead.")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the charts of runs: loss, score, learning rate, throughput, data wait, devices.

    One run has its training and its test curve, with the raw figures behind and the best epoch
    marked; several are laid over each other.

    Examples:
      nnlab plot run last
      nnlab plot run brave-otter --figure loss,lr --log --smooth 0.9
      nnlab plot run brave-otter calm-heron --x time
      nnlab plot run brave-otter calm-heron --png curves.png
    """
    charts = chosen_charts(figure)
    if png and png.suffix.lower() != ".png":
        raise ConfigError(
            f"--png cannot write {png}: pictures are PNG.", "Give it a name that ends in .png."
        )
    from core.runs import default_runs_dir, find_run
    from core.tail import Rows
    from core.view import RunView, reduce_all

    folder = runs_dir or default_runs_dir()
    paths = list(dict.fromkeys(find_run(folder, name) for name in runs))
    logs = {path.name: Rows(path) for path in paths}
    views = {name: reduce_all(RunView(), rows.read()) for name, rows in logs.items()}
    for name, rows in logs.items():
        if rows.sampled:
            typer.echo(f"{name}: {rows.sampled}.", err=True)
    axes = Axes(x=x, x_log=log_x, y_log=log, smoothing=smooth)
    plots = [RunsChart(chart, views, axes, side) for chart in charts]
    if png:
        from tui.picture import picture

        try:
            picture([plot.figure() for plot in plots]).save(png, "PNG")
        except OSError as error:
            raise RunError(
                f"{png} cannot be written: {error.strerror or error}.", "Choose another file."
            ) from None
        typer.echo(f"wrote {png}")
        return
    from tui.console import console, picture_size

    out = console()
    columns, _ = picture_size(out)
    for plot in plots:
        for part in plot.text(min(columns, MOST_COLUMNS)):
            out.print(part, soft_wrap=True)


def chosen_charts(names: str) -> list[Chart]:
    """ "loss,lr" as charts. Raises ConfigError."""
    found = []
    for name in names.split(","):
        if (name := name.strip()) not in CHARTS:
            close = get_close_matches(name, CHARTS, n=1)
            guess = f"Did you mean {close[0]!r}? " if close else ""
            raise ConfigError(
                f"There is no chart called {name!r}.",
                f"{guess}Choose some of: {', '.join(CHARTS)}.",
            )
        found.append(CHARTS[name])
    return found


class RunsChart:
    """One chart of one run, or of several laid over each other."""

    def __init__(self, chart: Chart, views: "dict[str, RunView]", axes: Axes, side: Side) -> None:
        self.chart, self.views, self.axes = chart, views, axes
        self.side = side if chart.test else "train"
        self.where = {name: places(view, axes.x) for name, view in views.items()}
        self.alone = len(views) == 1

    @property
    def title(self) -> str:
        titles = {self.chart.title(view) for view in self.views.values()}
        title = titles.pop() if len(titles) == 1 else self.chart.name
        return title if self.alone or not self.chart.test else f"{self.side} {title}"

    @property
    def x_limits(self) -> Point:
        """What all of the runs take; a run that is over needs no room for more."""
        parts = [
            whole(view, self.where[name], self.axes.x)
            for name, view in self.views.items()
            if view.reports or view.epoch_ends
        ] or [(0.0, 1.0)]
        together = min(low for low, _ in parts), max(high for _, high in parts)
        curves = [curve for _, curve in self.curves()]
        return in_sight(self.axes, together, first_x(curves))[0]

    def curves(self) -> list[tuple[str, Curve]]:
        """Each curve with the name of its run; what is raw comes first."""
        found = []
        for number, (name, view) in enumerate(self.views.items()):
            for curve in self.chart.curves(view, self.where[name], self.axes.smoothing):
                if not len(curve.xs):
                    continue
                if self.alone:
                    found.append((name, curve))
                elif curve.role == self.side:
                    role, sign = ROLES[number % len(ROLES)], chr(ord("A") + number % 26)
                    found.append(
                        (name, replace(curve, role=role, sign=sign, dotted=bool(number % 2)))
                    )
                elif curve.role == "raw" and self.side == "train":
                    found.append((name, curve))
        return sorted(found, key=lambda item: item[1].role != "raw")

    def marks(self) -> list[Mark]:
        """What somebody did to the run; of several it would say of which."""
        if not self.alone:
            return []
        ((name, view),) = self.views.items()
        return marks(view, self.where[name])

    def _y_range(self) -> Point:
        ranges = [self.chart.y_range(view) for view in self.views.values()]
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def _y_log(self) -> bool:
        return self.axes.y_log and self.chart.logarithmic

    def text(self, columns: int) -> "Iterator[RenderableType]":
        """Heading, legend and curves as lines of a terminal."""
        from rich.style import Style
        from rich.text import Text

        from tui.format import safe_text
        from tui.palette import palette
        from tui.plot import draw
        from tui.theme import THEMES

        theme = THEMES[palette().name]
        colours = theme.variables
        styles = {role: Style(color=colours[role]) for role in ROLES}
        styles |= {r: Style(color=colours[f"curve-{r}"]) for r in ("raw", "train", "test", "grid")}
        styles |= {"best": styles["test"], "axis": Style(color=colours["foreground-muted"])}
        styles["mark"] = Style(color=theme.warning)
        curves = self.curves()
        heading = Text(safe_text(self.title), "bold")
        for label, curve in self._named(curves):
            sign = " ┈●┈" if curve.dotted and self.alone else " ━━" if self.alone else ""
            last = format(curve.ys[-1], self.chart.format)
            letter = "" if self.alone else f"{curve.sign} "
            text = f"   {letter}{safe_text(label)} {last}{sign}"
            heading.append(text, Style(bold=False) + styles[curve.role])
        yield heading
        drawn = draw(
            [curve for _, curve in curves],
            columns,
            LINES,
            x_limits=self.x_limits,
            x_log=self.axes.log,
            x_kind=tick_kind(self.axes.x),
            y_log=self._y_log(),
            y_range=self._y_range(),
            least_span=self.chart.least_span,
            x_label=self.axes.x,
            marks=self.marks(),
            marks_above=self.chart.marks_above,
            styles=styles,
        )
        yield drawn if drawn.plain else Text("There is no figure to draw, or no room for it.")
        yield Text()

    def figure(self) -> "Figure":
        """The same for a picture."""
        from tui.format import safe_text
        from tui.picture import COLOURS, RAW, Figure, Line

        curves = self.curves()
        roles = [*PAIR] if self.alone else [*ROLES]
        names = {id(curve): label for label, curve in self._named(curves)}
        lines = []
        for _, curve in curves:
            role = "test" if curve.role == "best" else curve.role
            colour = RAW if role == "raw" else COLOURS[roles.index(role)]
            lines.append(Line(curve, colour, safe_text(names.get(id(curve), ""))))
        runs = f" of {next(iter(self.views))}" if self.alone else ""
        return Figure(
            safe_text(self.title + runs),
            lines,
            self.x_limits,
            UNITS.get(self.axes.x, self.axes.x),
            tick_kind(self.axes.x),
            self.axes.log,
            self._y_log(),
            self._y_range(),
            self.chart.least_span,
            self.marks(),
        )

    def _named(self, curves: Sequence[tuple[str, Curve]]) -> list[tuple[str, Curve]]:
        """The curves that the legend names, and how."""
        return [
            (curve.role if self.alone else name, curve)
            for name, curve in curves
            if curve.role not in ("raw", "best")
        ]
