"""An app with one pane, in the colours of nnlab."""

from textual.app import App, ComposeResult

from core.view import RunView
from tui.theme import NNLAB_THEME
from tui.widgets.pane import Pane


class PaneApp(App[None]):
    """Shows `pane` in the state `view`."""

    def __init__(self, pane: Pane, view: RunView) -> None:
        super().__init__()
        self.register_theme(NNLAB_THEME)
        self.theme = NNLAB_THEME.name
        self.pane, self.view = pane, view
        self.broken: list[Pane.Broken] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.view = self.view

    def on_pane_broken(self, event: Pane.Broken) -> None:
        self.broken.append(event)

    @property
    def picture(self) -> str:
        """All that is on the screen."""
        return "\n".join(
            "".join(s.text for s in strip) for strip in self.screen._compositor.render_strips()
        )
