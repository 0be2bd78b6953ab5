"""What stands in the place of every screen while the terminal has no room for one."""

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

LEAST = Size(60, 16)  # columns and lines


def too_small(size: Size) -> bool:
    """Whether a terminal of `size` has no room for the screens."""
    return size.width < LEAST.width or size.height < LEAST.height


class TooSmallScreen(Screen[None]):
    """Says how much room is missing, and goes by itself once it is there.

    It takes the keys as well: nobody should change what they cannot see.
    """

    CSS = "TooSmallScreen #too-small { width: 100%; height: 100%; content-align: center middle; }"

    def __init__(self, remark: str = "") -> None:
        """`remark` is what else there is to say."""
        super().__init__()
        self.remark = remark

    def compose(self) -> ComposeResult:
        yield Static(id="too-small")

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.query_one("#too-small", Static).update(
            Text(
                f"nnlab needs {LEAST.width}×{LEAST.height} characters; "
                f"this terminal has {width}×{height}.\n{self.remark}",
                justify="center",
            )
        )
        self.leave_if_room()

    def on_screen_resume(self) -> None:
        self.leave_if_room()

    def leave_if_room(self) -> None:
        if self.is_current and not too_small(self.app.size):
            self.dismiss()
