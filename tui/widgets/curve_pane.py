"""Curves over epochs: what the loss pane and the score pane have in common."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive

from core.view import RunView
from tui.curves import Curve, Mark, Point, smooth
from tui.widgets.pane import Pane

SMOOTHING = (0.0, 0.6, 0.9)  # weights of the past that the key goes through
ROLES = ("raw", "train", "test", "axis", "grid", "mark")


class CurvePane(Pane):
    """One quantity, for the training and the test images, over the epochs of a run."""

    DEFAULT_CSS = """
    CurvePane {
        & .curve--raw { color: $curve-raw; }
        & .curve--train { color: $curve-train; }
        & .curve--test { color: $curve-test; }
        & .curve--axis { color: $foreground-muted; }
        & .curve--grid { color: $curve-grid; }
        & .curve--mark { color: $warning; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"curve--{role}" for role in ROLES}
    y_log = reactive(False)
    smoothing = reactive(SMOOTHING[1])

    quantity: str
    y_range: Point = (-math.inf, math.inf)
    least_span = 0.0  # of the y axis
    marks_above = False

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = Text()
        self._remark = ""
        self._rows: tuple[Size, list[Text]] = (Size(), [])  # of the picture, and for which size

    def train_values(self, view: RunView) -> Sequence[float]:
        """The quantity of each report."""
        raise NotImplementedError

    def test_values(self, view: RunView) -> Sequence[float]:
        """The quantity of each epoch's evaluation."""
        raise NotImplementedError

    def remark(self, view: RunView) -> str:
        """What stands in the lower border."""
        raise NotImplementedError

    def watch_y_log(self) -> None:
        self.redraw()

    def watch_smoothing(self) -> None:
        self.redraw()

    def render(self) -> Text:
        return self._picture

    def show(self, view: RunView) -> None:
        from tui.plot import draw  # plotext takes 50 ms to import

        styles = {r: self.get_component_rich_style(f"curve--{r}", partial=True) for r in ROLES}
        curves = self._curves(view)
        self._set_title(self._legend(curves, styles))
        if (remark := self.remark(view)) != self._remark:  # setting it repaints the whole pane
            self._remark = self.border_subtitle = remark
        width, height = self.content_size
        if view.start and any(curve.ys for curve in curves):
            picture = draw(
                [curve for curve in curves if curve.ys],
                width,
                height,
                x_limits=(0.0, extent(view.step / view.start.steps_per_epoch, view.epochs)),
                y_log=self.y_log,
                y_range=self.y_range,
                least_span=self.least_span,
                x_label="epoch",
                marks=marks(view),
                marks_above=self.marks_above,
                styles=styles,
            )
        else:
            text = "the run ended before the first report" if view.end else self._coming(view)
            picture = Text("\n" * (height // 2 - 1) + text, styles["axis"], justify="center")
        self._repaint(picture)

    def _repaint(self, picture: Text) -> None:
        """Show `picture`, sending the terminal only the rows that are new: a tenth of the bytes."""
        size, rows = self._rows
        self._picture = picture
        self._rows = self.content_size, list(picture.split("\n"))
        if size == self.content_size and len(rows) == len(self._rows[1]):
            changed = [
                y for y, (a, b) in enumerate(zip(rows, self._rows[1], strict=True)) if a != b
            ]
            if changed:
                self.refresh(*(Region(0, y, size.width, 1) for y in changed))
        else:
            self.refresh()

    def _set_title(self, title: Text) -> None:
        """As `border_title = title`, which would repaint the whole pane for a new value in it."""
        content = Content.from_rich_text(title)
        if content != self._border_title:
            self._border_title = content
            self.refresh(Region(-1, -1, self.size.width, 1))

    def _coming(self, view: RunView) -> str:
        if view.start:
            return "the curve begins with the first report, in a moment"
        return "the curve begins when the data is ready"

    def _curves(self, view: RunView) -> list[Curve]:
        if not view.start:
            return []
        per_epoch = view.start.steps_per_epoch
        xs = [report.step / per_epoch for report in view.reports]
        raw = self.train_values(view)
        curves = [Curve("raw", xs, raw)] if self.smoothing else []
        return [
            *curves,
            Curve("train", xs, smooth(raw, self.smoothing)),
            Curve(
                "test",
                [end.step / per_epoch for end in view.epoch_ends],
                self.test_values(view),
                dotted=True,
            ),
        ]

    def _legend(self, curves: Sequence[Curve], styles: Mapping[str, Style]) -> Text:
        newest = {curve.role: curve.ys[-1] for curve in curves if curve.ys}
        room = self.outer_size.width - 6  # corners and the space around a title
        texts = [legend(self.quantity, newest, styles, length) for length in (2, 1, 0)]
        return next((text for text in texts if text.cell_len <= room), texts[-1])


def legend(
    quantity: str, newest: Mapping[str, float], styles: Mapping[str, Style], length: int
) -> Text:
    """What is drawn, with the newest values and line styles.

    `length` 2 is the whole of it, 1 is short, 0 goes without the names.
    """
    text = Text(quantity, "bold")
    digits = 4 if length > 1 else 3
    for role, sign in (
        ("train", " ━━" if length > 1 else "━"),
        ("test", " ┈●┈" if length > 1 else "●"),
    ):
        name = f" {role}" if length else ""
        value = f"{newest[role]:.{digits}f}" if role in newest else "–".rjust(digits + 2)
        text.append("  " if length > 1 else "")
        text.append(f"{name} {value}{sign}", Style(bold=False) + styles[role])
    return text


def extent(done: float, planned: int) -> float:
    """How many epochs the x axis spans: a 1-2-5 number from `done` up, at most all of them.

    So the curves use the width from the start, and the axis changes rarely.
    """
    if done <= 0:
        return float(planned) or 1.0
    magnitude = 10.0 ** math.floor(math.log10(done))
    round_up = next(f * magnitude for f in (1, 2, 5, 10) if f * magnitude >= done * (1 - 1e-9))
    return max(done, min(round_up, float(planned)))


def marks(view: RunView) -> list[Mark]:
    """What somebody changed while the run went on, at its place."""
    if not view.start:
        return []
    found = []
    for control in view.controls:
        if control.value is None:
            continue
        text = f"{control.request} {control.value:g}"
        if control.request == "lr":
            before = [r.lr for r in view.reports if r.step <= control.step]
            text = f"lr {before[-1]:.3g} → {control.value:g}" if before else text
        found.append(Mark(control.step / view.start.steps_per_epoch, text))
    return found
