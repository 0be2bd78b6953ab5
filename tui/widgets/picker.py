"""A list of names to pick one from, with a line to search it or to type another name into."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.format import safe_text


@dataclass(frozen=True)
class Choice:
    """One line of the list."""

    name: str  # what is picked, as one would type it
    note: str = ""  # a short fact, at the right
    about: str = ""  # a sentence, shown below the list while this line is picked


class SearchInput(Input):
    """The line above the list: arrow down goes on to the list."""

    BINDINGS: ClassVar = [Binding("down", "screen.focus_next", show=False)]


class Lines(OptionList):
    """A list that shows the highlighted line in every size: at first it has none."""

    def on_resize(self) -> None:
        self.scroll_to_highlight()


class Picker(Vertical):
    """A searchable list whose highlighted line is the one picked.

    What is typed narrows the list; text for which `is_own` holds, such as a path, can itself be
    picked. `value` is always what is picked: a line's name, or what was typed if nothing fits.
    """

    DEFAULT_CSS = """
    Picker {
        border: round $panel-border;
        border-title-color: $foreground;
        padding: 0 1;
        &:focus-within { border: round $primary; }
        SearchInput { background: transparent; }
        OptionList { height: 1fr; min-height: 1; background: transparent; scrollbar-size: 1 1; }
        .about { height: auto; color: $foreground-muted; }
        .about.-problem { color: $error; }
    }
    """

    choices: reactive[tuple[Choice, ...]] = reactive((), init=False)
    problem: reactive[str] = reactive("")  # what is wrong with `value`, shown instead of `about`

    class Picked(Message):
        """Another line is picked."""

        def __init__(self, picker: "Picker", value: str) -> None:
            super().__init__()
            self.picker = picker
            self.value = value

        @property
        def control(self) -> "Picker":
            return self.picker

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        value: str,
        *,
        hint: str,
        is_own: Callable[[str], bool],
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.border_title = title
        self.set_reactive(Picker.choices, tuple(choices))
        self.value = value
        self.hint = hint
        self.is_own = is_own
        self.own = "" if any(c.name == value for c in choices) else value

    def compose(self) -> ComposeResult:
        yield SearchInput(placeholder=self.hint, compact=True)
        yield Lines(compact=True, markup=False)
        yield Static(classes="about", markup=False)

    def on_mount(self) -> None:
        self._list(self.value)

    def pick(self, name: str) -> None:
        """Pick `name` as if the user had; a name that is not in the list is added to it."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.own = "" if any(c.name == name for c in self.choices) else name
        self._list(name)
        self._set_value(name)

    def focus_search(self) -> None:
        self.query_one(Input).focus()

    def watch_choices(self) -> None:
        if self.is_mounted:
            self._list(self.value)

    def watch_problem(self) -> None:
        if self.is_mounted:
            self._explain()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        text = event.value.strip()
        self.own = text if self.is_own(text) else self.own if not text else ""
        shown = [c.name for c in self._shown()]
        value = self._best(shown, text.lower()) or text
        self._list(value)
        self._set_value(value)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        # Messages of a list that has been filled anew since may still be under way.
        shown = self._shown()
        index = event.option_list.highlighted
        if index is not None and index < len(shown) and shown[index].name != self.value:
            self._set_value(shown[index].name)
            self._mark()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()  # a click: the line is highlighted, which is all

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.query_one(Input).has_focus:
            event.stop()
            self.pick(self.value)
            self.query_one(OptionList).focus()

    def _shown(self) -> list[Choice]:
        own = [Choice(self.own)] if self.own else []
        text = self.query_one(Input).value.strip().lower()
        if self.own and text == self.own.lower():
            return own
        found = [c for c in self.choices if text in c.name.lower()]
        # Whoever types "lenet" does not mean googlenet.
        return own + sorted(found, key=lambda c: not c.name.lower().startswith(text))

    def _best(self, shown: Sequence[str], text: str) -> str:
        """Which of `shown` is meant by `text`: the one of that name, or the one that is picked, or
        else the first."""
        if not shown or text in shown:
            return text if shown else ""
        keeps = self.value in shown and (
            self.value.lower().startswith(text) or not shown[0].lower().startswith(text)
        )
        return self.value if keeps else shown[0]

    def _list(self, value: str) -> None:
        """Fill the list anew and highlight `value` in it."""
        options, shown = self.query_one(OptionList), self._shown()
        names = [c.name for c in shown]
        with self.prevent(OptionList.OptionHighlighted):
            options.clear_options()
            options.add_options([Option(_row(c, c.name == value)) for c in shown])
            options.highlighted = names.index(value) if value in names else None
        self._explain()

    def _mark(self) -> None:
        options = self.query_one(OptionList)
        for index, choice in enumerate(self._shown()):
            options.replace_option_prompt_at_index(index, _row(choice, choice.name == self.value))

    def _set_value(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self._explain()
            self.post_message(self.Picked(self, value))

    def _explain(self) -> None:
        # The list may have no room for the whole of a long path.
        about = next((c.about for c in self.choices if c.name == self.value), self.own)
        line = self.query_one(".about", Static)
        line.update(safe_text(self.problem or about))
        line.set_class(bool(self.problem), "-problem")


def _row(choice: Choice, picked: bool) -> Table:
    row = Table.grid(expand=True, padding=(0, 1, 0, 0))
    row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    row.add_column(no_wrap=True, justify="right")
    # The mark is for terminals without colour, and for when another pane has the focus.
    row.add_row(
        Text(("▸ " if picked else "  ") + safe_text(choice.name)),
        Text(safe_text(choice.note), style="dim"),
    )
    return row
