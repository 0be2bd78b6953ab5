"""The keys of a screen in its last line, as many as have room."""

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

ALWAYS = ("help", "quit")  # actions


class KeyLine(Footer):
    """Leaves keys out rather than cutting them, the last first, but never the help that has all.

    The key of the palette stands there from 100 columns on, space between keys from 112 on.
    """

    def __init__(self) -> None:
        super().__init__(compact=True)

    def compose(self) -> ComposeResult:
        keys = [key for key in super().compose() if isinstance(key, FooterKey)]
        palette = [key for key in keys if key.has_class("-command-palette")]
        always = [key for key in keys if key.action in ALWAYS]
        room = self.app.size.width - sum(self._width(key) for key in (*always, *palette))
        for key in keys:
            if key not in always and key not in palette:
                room -= self._width(key)
                if room >= 0:
                    yield key
        yield from (*always, *palette)

    def _width(self, key: FooterKey) -> int:
        return len(key.key_display) + len(key.description) + (2 if self.compact else 4)

    def on_resize(self, event: events.Resize) -> None:
        width = self.app.size.width
        self.compact = width < 112
        self.show_command_palette = width >= 100
        self.refresh(recompose=True)
