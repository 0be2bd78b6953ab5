"""The frame that every part of the dashboard has in common."""

import traceback

from rich.text import Text
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from core.view import RunView
from tui.format import safe_text


class Pane(Widget, can_focus=True):
    """A bordered part of the dashboard that is a function of one value, `view`.

    A pane implements `show`. If that raises, the pane says so and everything else goes on: a bug in
    a drawing must not take the screen, and the training behind it, down.
    """

    DEFAULT_CSS = """
    Pane {
        border: round $panel-border;
        border-title-color: $foreground;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
        &:focus, &:focus-within { border: round $primary; }
    }
    """

    ALLOW_MAXIMIZE = True  # also panes in which something else takes the focus

    view: reactive[RunView] = reactive(RunView(), init=False, always_update=True, repaint=False)

    class Broken(Message):
        """A pane could not be drawn, because of a bug in it."""

        def __init__(self, pane: str, trace: str) -> None:
            super().__init__()
            self.pane = pane
            self.trace = trace

    _broken = False

    def show(self, view: RunView) -> None:
        """Draw `view`; called again whenever it or the size of the pane changes."""
        raise NotImplementedError

    def set_title(self, title: Text) -> None:
        """As `border_title = title`, which would repaint the whole pane for a new value in it."""
        content = Content.from_rich_text(title)
        if content != self._border_title:
            self._border_title = content
            self.refresh(Region(-1, -1, self.size.width, 1))

    def watch_view(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Show the newest view, or that showing it failed."""
        if not self.is_mounted or self._broken:
            return
        try:
            self.show(self.view)
        except Exception as bug:
            self._broken = True
            self.border_subtitle = Text(
                f"this pane broke: {safe_text(type(bug).__name__)}; the run goes on",
                self.app.theme_variables["error"],
            )
            self.post_message(self.Broken(type(self).__name__, traceback.format_exc()))


class PicturePane(Pane):
    """A pane that is one picture."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = Text()
        self._rows: tuple[Size, list[Text]] = (Size(), [])  # of the picture, and for which size

    def render(self) -> Text:
        return self._picture

    def paint(self, picture: Text) -> None:
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
