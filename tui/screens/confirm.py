"""A question before something ends, and questions for a number or for words."""

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from core.errors import NNLabError
from tui.format import safe_text


class ConfirmScreen(ModalScreen[bool]):
    """Asks whether to do what `yes` says: True for it, False for going on as before.

    The safe answer has the focus, so that Enter after a wrong key changes nothing.
    """

    BINDINGS: ClassVar = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, question: str, details: str, yes: str, no: str) -> None:
        super().__init__()
        self.question, self.details, self.yes, self.no = question, details, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(Text(safe_text(self.question), "bold"))
            yield Static(Text(safe_text(self.details)), id="details")
            with Horizontal(id="answers"):
                yield Button(Text(f"{self.no} (n)"), id="no", compact=True)
                yield Button(Text(f"{self.yes} (y)"), id="yes", compact=True)

    @on(Button.Pressed)
    def answer_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class QuitScreen(ModalScreen[str]):
    """Asks what becomes of a run when its dashboard is left: "stay", "keep" or "stop".

    "keep" lets it train on in the background.
    """

    BINDINGS: ClassVar = [
        Binding("k", "answer('keep')", "Keep training"),
        Binding("y", "answer('stop')", "Stop and leave"),
        Binding("n,escape", "answer('stay')", "Stay"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#stay"

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(Text("This run is still training.", "bold"))
            yield Static(
                Text(
                    "It can train on in the background, where you can watch and steer it again, or "
                    "stop and keep a checkpoint, from which it can be resumed."
                ),
                id="details",
            )
            with Horizontal(id="answers"):
                yield Button(Text("Stay (n)"), id="stay", compact=True)
                yield Button(Text("Keep training (k)"), id="keep", compact=True)
                yield Button(Text("Stop and leave (y)"), id="stop", compact=True)

    @on(Button.Pressed)
    def answer_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)


T = TypeVar("T")


class QuestionScreen(ModalScreen[T | None], Generic[T]):
    """Asks for something to be typed: that, or None for going on as before."""

    BINDINGS: ClassVar = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, question: str, details: str, value: str, check: Callable[[str], T]) -> None:
        """`value` stands in the field at first; `check` turns its text into what is returned.

        It raises ValueError or NNLabError, with words for people, where it cannot.
        """
        super().__init__()
        self.question, self.details, self.value, self.check = question, details, value, check

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(Text(safe_text(self.question), "bold"))
            yield Input(self.value, id="answer", compact=True)
            yield Static(Text(safe_text(self.details)), id="details")
            yield Static(Text("enter Apply   esc Cancel"), id="keys")

    @on(Input.Submitted)
    def apply(self, event: Input.Submitted) -> None:
        try:
            answer = self.check(event.value)
        except (ValueError, NNLabError) as error:
            details = self.query_one("#details", Static)
            details.update(Text(safe_text(error)))
            details.add_class("-wrong")
        else:
            self.dismiss(answer)

    def action_cancel(self) -> None:
        self.dismiss(None)


class NumberScreen(QuestionScreen[float]):
    """Asks for a number."""


class TextScreen(QuestionScreen[str]):
    """Asks for words."""
