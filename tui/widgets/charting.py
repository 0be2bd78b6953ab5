"""What a chart does with the mouse, and the x axis that it shares with the others on its screen."""

import math

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.axes import Axes
from tui.charts import Chart
from tui.curves import GUTTER, Point

WHEEL = 0.8  # how wide the window is after one notch of the wheel


class Charting(Widget):
    """Part of a chart: a click sets the cursor, the wheel zooms, dragging moves the window.

    It only asks for that, by `Asked`: the screen then gives all its charts the new `axes`.
    """

    chart: Chart
    axes: reactive[Axes] = reactive(Axes, init=False, repaint=False)
    sight: Point = (0.0, 1.0)  # the part of the x axis that is drawn
    whole: Point = (0.0, 1.0)  # all of it

    _grabbed: tuple[int, Axes] | None = None  # the column, and what was seen then
    _dragged = False

    class Asked(Message):
        """Somebody wants to see the charts otherwise."""

        def __init__(self, axes: Axes) -> None:
            super().__init__()
            self.axes = axes

    @property
    def columns(self) -> int:
        """How many columns the x axis has."""
        return max(self.content_size.width - GUTTER, 1)

    def x_at(self, column: int) -> float:
        """The place on the x axis that is drawn in a column of the pane's content."""
        part = min(max((column - GUTTER + 0.5) / self.columns, 0.0), 1.0)
        low, high = self.sight
        if self.axes.log:
            return float(low * (high / low) ** part)
        return low + part * (high - low)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and event.get_content_offset(self):
            self._grabbed, self._dragged = (event.x, self.axes), False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._grabbed is None or (event.x == self._grabbed[0] and not self._dragged):
            return
        self._dragged = True
        column, axes = self._grabbed
        self.post_message(self.Asked(axes.panned(self.whole, (column - event.x) / self.columns)))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._grabbed is None:
            return
        grabbed, dragged = self._grabbed, self._dragged
        self._grabbed = None
        self.release_mouse()
        if not dragged and (at := event.get_content_offset(self)) and grabbed:
            self.post_message(self.Asked(self.axes.at(self.x_at(at.x))))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._zoom(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._zoom(event, 1 / WHEEL)

    def _zoom(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        at = event.get_content_offset(self)
        x = self.x_at(at.x) if at else math.fsum(self.sight) / 2
        self.post_message(self.Asked(self.axes.zoomed(self.whole, factor, x)))
