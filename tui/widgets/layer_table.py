"""The layers of a network beside the launch form."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from tui.layer_lines import layer_lines, total_lines

if TYPE_CHECKING:
    from core.summary import Summary


class LayerTable(Vertical):
    """A line for each layer, which scroll, between their titles and the totals, which stay.

    What is left out in a narrow pane is said in `tui.layer_lines`.
    """

    DEFAULT_CSS = """
    LayerTable { height: 1fr; }
    LayerTable > .titles { height: auto; text-style: bold; }
    LayerTable > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    LayerTable > VerticalScroll > Static { height: auto; width: auto; }
    LayerTable > .totals { height: auto; color: $text-muted; }
    """

    summary: reactive["Summary | None"] = reactive(None)
    depth: reactive[int | None] = reactive(None)  # modules this deep stay whole
    message: reactive[str] = reactive("")  # while there is no summary: what comes, or why none does

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._titles = Static(classes="titles", markup=False)
        self._layers = Static(markup=False)
        self._totals = Static(classes="totals", markup=False)

    def compose(self) -> ComposeResult:
        yield self._titles
        with VerticalScroll():
            yield self._layers
        yield self._totals

    def watch_summary(self) -> None:
        self._show()
        for scroll in self.query(VerticalScroll):  # none before the first layout
            scroll.scroll_home(animate=False)

    def watch_depth(self) -> None:
        self._show()

    def watch_message(self) -> None:
        self._show()

    def on_resize(self, event: Resize) -> None:
        self._show()

    def _show(self) -> None:
        if self.summary is None:
            self._titles.update("")
            self._layers.update(self.message)
            self._totals.update("")
            return
        # The scrollbar's column is kept free, so that nothing moves when it comes.
        width = max(self.content_size.width - 1, 1)
        titles, *lines = layer_lines(self.summary, width, self.depth)
        self._titles.update(titles)
        self._layers.update("\n".join(lines))
        self._totals.update("\n".join(total_lines(self.summary, width)))
