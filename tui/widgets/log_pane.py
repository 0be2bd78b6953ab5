"""What the run says, newest line at the bottom."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.view import RunView
from tui.format import safe_text
from tui.widgets.pane import Pane


class LogPane(Pane, can_focus=False):
    """The lines of the run's log; scrolls, and follows its end unless somebody scrolled up."""

    BORDER_TITLE = "log"
    # What is anchored to its end would begin below blank lines where it is short.
    DEFAULT_CSS = "LogPane Static { min-height: 100%; }"

    _shown: tuple[str, ...] | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).anchor()

    def show(self, view: RunView) -> None:
        if view.log is self._shown:
            return
        self._shown = view.log
        lines = [safe_text(line) for line in view.log]
        self.query_one(Static).update(Text("\n".join(lines) or "nothing yet"))
