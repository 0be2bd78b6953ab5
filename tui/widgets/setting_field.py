"""One setting of a run: its name, a place to type or choose it, and what is wrong with it."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import SuggestFromList
from textual.widgets import Input, Select, Static

from tui.format import safe_text

MOVE: list[BindingType] = [
    Binding("up", "app.focus_previous", show=False),
    Binding("down", "app.focus_next", show=False),
]


class FieldInput(Input):
    BINDINGS: ClassVar[list[BindingType]] = MOVE


class FieldSelect(Select[str], inherit_bindings=False):
    """A Select that leaves the arrow keys to the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *MOVE,
        Binding("enter,space", "show_overlay", "Choose"),
    ]


class SettingField(Vertical):
    """`text` is what the user gave, empty while the suggestion stands."""

    DEFAULT_CSS = """
    SettingField {
        height: auto;
        Horizontal { height: 1; }
        .label { width: 21; }
        Input, Select { width: 1fr; height: 1; }
        SelectCurrent { padding: 0 !important; background: transparent; }
        SelectCurrent.-has-value Static#label { color: $foreground-muted; }
        Input { background: $surface; padding: 0; }
        Input > .input--placeholder, Input > .input--suggestion { color: $foreground-muted; }
        .problem { color: $error; height: auto; display: none; padding-left: 2; }
        &.-problem .problem { display: block; }
        &.-problem .label { color: $error; }
        &.-changed .label { text-style: bold; }
        &.-changed SelectCurrent.-has-value Static#label { color: $foreground; }
        &:focus-within .label { color: $primary; }
    }
    """

    suggested: reactive[str] = reactive("")
    problem: reactive[str] = reactive("")

    class Changed(Message):
        """The user, or a preset, gave this setting another value."""

        def __init__(self, field: "SettingField") -> None:
            super().__init__()
            self.field = field

    class Focused(Message):
        """The user came to this setting."""

        def __init__(self, field: "SettingField") -> None:
            super().__init__()
            self.field = field

    def __init__(
        self, name: str, suggested: str, *, choices: Sequence[str] = (), known: Sequence[str] = ()
    ) -> None:
        """`choices` are the only values there are, `known` those that are completed."""
        super().__init__(name=name, id=f"setting-{name.replace('_', '-')}")
        self.setting = name
        self.text = ""
        self.choices = choices
        self.set_reactive(SettingField.suggested, suggested)
        self.control: Input | Select[str]
        if choices:
            self.control = FieldSelect(
                [(c, c) for c in choices], allow_blank=False, value=suggested, compact=True
            )
        else:
            self.control = FieldInput(
                placeholder=suggested,
                compact=True,
                suggester=SuggestFromList(known) if known else None,
            )

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self._label(), classes="label", markup=False)
            yield self.control
        yield Static(classes="problem", markup=False)

    def give(self, text: str) -> None:
        """Set what the user gave; an empty text leaves it to the suggestion."""
        with self.prevent(Input.Changed, Select.Changed):
            if isinstance(self.control, Input):
                self.control.value = text
            elif not text or text in self.choices:
                self.control.value = text or self.suggested
        self._gave(text)

    @property
    def changed(self) -> bool:
        """Whether the value is another than the suggestion."""
        return self.text not in ("", self.suggested)

    def watch_suggested(self, suggested: str) -> None:
        if isinstance(self.control, Input):
            self.control.placeholder = suggested
        elif not self.text and suggested in self.choices:
            with self.prevent(Select.Changed):
                self.control.value = suggested
        self._mark()

    def watch_problem(self, problem: str) -> None:
        self.set_class(bool(problem), "-problem")
        if self.is_mounted:
            self.query_one(".problem", Static).update(safe_text(problem))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._gave(event.value.strip())

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        # Choosing what is suggested is going back to the suggestion.
        self._gave("" if event.value == self.suggested else str(event.value))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._mark()
        self.post_message(self.Focused(self))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self._mark()

    def _gave(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self._mark()
            self.post_message(self.Changed(self))

    def _label(self) -> str:
        here = "▸" if self.control.has_focus else " "  # for terminals without colour
        return f"{here} {self.setting.replace('_', ' '):<15}{'•' if self.changed else ' '}"

    def _mark(self) -> None:
        self.set_class(self.changed, "-changed")
        if self.is_mounted:
            self.query_one(".label", Static).update(self._label())


def as_text(value: Any) -> str:
    """A setting as one would type it: (a, b) -> "a,b", {"hidden": 512} -> "hidden=512"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ",".join(f"{k}={json.dumps(v)}" for k, v in value.items())
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
