"""One quantity of several runs, laid over each other."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.view import RunView
from tui.curves import Curve, smooth
from tui.format import clip
from tui.widgets.curve_pane import SMOOTHING, extent

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


class OverlayPane(Widget, can_focus=True):
    """Loss or score of each run over its epochs; each curve has its letter on it."""

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
        & .overlay--axis { color: $foreground-muted; }
        & .overlay--grid { color: $curve-grid; }
    }
    """
    ROLES: ClassVar = (*(f"run-{n}" for n in range(COLORS)), "axis", "grid")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("overlay--run-0", "overlay--run-1", "overlay--run-2", "overlay--run-3"),
        *("overlay--run-4", "overlay--run-5", "overlay--axis", "overlay--grid"),
    }
    ALLOW_MAXIMIZE = True

    runs: reactive[Sequence[Overlaid]] = reactive((), always_update=True)
    side: reactive[Side] = reactive[Side]("test")
    y_log = reactive(False)
    smoothing = reactive(SMOOTHING[1])

    def __init__(self, quantity: Literal["loss", "score"], id: str) -> None:
        super().__init__(id=id)
        self.quantity = quantity
        self._picture = Text()

    def styles_of_roles(self) -> dict[str, Style]:
        """By role, such as "run-2"."""
        return {r: self.get_component_rich_style(f"overlay--{r}", partial=True) for r in self.ROLES}

    def watch_runs(self) -> None:
        self.redraw()

    def watch_side(self) -> None:
        self.redraw()

    def watch_y_log(self) -> None:
        self.redraw()

    def watch_smoothing(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def render(self) -> Text:
        return self._picture

    def redraw(self) -> None:
        """Draw the curves anew, and what the border says of them."""
        if self.is_mounted:
            self._picture = self._draw()
            self.refresh()

    def _draw(self) -> Text:
        from tui.plot import draw  # plotext takes 50 ms to import

        styles = self.styles_of_roles()
        curves = [(run, self._curve(run)) for run in self.runs]
        drawn = [(run, curve) for run, curve in curves if curve.ys]
        self._set_titles(drawn, styles)
        width, height = self.content_size
        if not drawn:
            waiting = any(run.view.start is None for run in self.runs)
            text = "reading the runs…" if waiting else f"none of the runs has a {self.side} figure"
            return Text("\n" * (height // 2 - 1) + text, styles["axis"], justify="center")
        score = self.quantity == "score"
        done = max(curve.xs[-1] for _, curve in drawn)
        planned = max(run.view.epochs for run, _ in drawn)
        return draw(
            [curve for _, curve in drawn],
            width,
            height,
            x_limits=(0.0, extent(done, planned)),
            y_log=self.y_log,
            y_range=(float("-inf"), 1.0) if score else (float("-inf"), float("inf")),
            least_span=0.05 if score else 0.0,
            x_label="epoch",
            styles=styles,
        )

    def _curve(self, run: Overlaid) -> Curve:
        view = run.view
        per_epoch = view.start.steps_per_epoch if view.start else 1
        if self.side == "test":
            xs = [end.step / per_epoch for end in view.epoch_ends]
            ys = [getattr(end, f"test_{self.quantity}") for end in view.epoch_ends]
        else:
            xs = [report.step / per_epoch for report in view.reports]
            ys = smooth([getattr(r, self.quantity) for r in view.reports], self.smoothing)
        return Curve(run.role, xs, ys, dotted=run.number % 2 == 1, sign=run.sign)

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
        words = [f"smoothing {self.smoothing:g}"] if self.side == "train" and self.smoothing else []
        self.border_subtitle = " · ".join(words + ["log scale"] * self.y_log)

    def _legend(
        self, drawn: Sequence[tuple[Overlaid, Curve]], styles: dict[str, Style], length: int
    ) -> Text:
        """`length` 2 is with names, 1 with letters and shorter values, 0 with letters alone."""
        # "accuracy" or "R²", unless both are laid over each other.
        metrics = {run.view.metric for run in self.runs} if self.quantity == "score" else set()
        title = metrics.pop() if len(metrics) == 1 else self.quantity
        text = Text(f"{self.side} {title}", "bold")
        for run, curve in drawn:
            last = curve.ys[-1]
            name = (run.sign, f"{run.sign} {last:.3f}", f"{run.sign} {clip(run.name, LONGEST)}")
            entry = f"{name[length]} {last:.4f}" if length == 2 else name[length]
            text.append(" " * max(1, length))
            text.append(entry, Style(bold=False) + styles[run.role])
        return text
