"""All keys that work on the screen below, and what they do."""

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.actions import parse
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

Keys = list[tuple[str, str]]  # key as it is shown, what it does

LATER = "not at the moment"
EVERYWHERE = [  # Textual's own
    ("tab  shift+tab", "Focus the next part, the one before"),
    ("^p", "Every action by its name"),
    ("^q", "Quit"),
]


class HelpScreen(ModalScreen[None]):
    """A list of keys by where they work; any of its own keys closes it."""

    BINDINGS: ClassVar = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
    ]

    def __init__(self, screen: Screen[object]) -> None:
        super().__init__()
        self.groups = keys_of(screen)

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2, 0, 0))
        for title, keys in self.groups:
            table.add_row("", Text(title, "bold"))
            colour = self.app.theme_variables["footer-key-foreground"]
            style, of_key = ("dim", "dim") if title == LATER else ("", colour)
            for key, description in keys:
                table.add_row(Text(key, of_key, justify="right"), Text(description, style))
            table.add_row("")
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_title = "keys"
            dialog.border_subtitle = "esc closes"
            yield Static(table)


def keys_of(screen: Screen[object]) -> list[tuple[str, Keys]]:
    """The keys of `screen`, of each kind of widget on it, and of the app; every key once, and last
    those that do nothing as things are."""
    seen: set[tuple[str, str]] = set()
    widgets = [widget for widget in screen.walk_children(Widget) if widget.focusable]
    groups = [
        ("on this screen", _keys([screen], seen)),
        ("in the part with the focus", [*_keys(widgets, seen), ("↑ ↓ pgup pgdn", "Scroll it")]),
        ("everywhere", [*_keys([screen.app], seen), *EVERYWHERE]),
        (LATER, _keys([screen, *widgets, screen.app], seen, applying=False)),
    ]
    return [group for group in groups if group[1]]


def _keys(nodes: Iterable[DOMNode], seen: set[tuple[str, str]], *, applying: bool = True) -> Keys:
    """The bindings of nnlab's own classes, as long as they say what for; not Textual's. Those that
    do something now, or those that are not among them."""
    keys: dict[str, list[str]] = {}
    for node in nodes:
        for kind in type(node).__mro__:
            if not kind.__module__.startswith("tui."):
                continue
            for binding in Binding.make_bindings(vars(kind).get("BINDINGS", ())):
                text = binding.tooltip or binding.description
                if (
                    text
                    and (binding.key, text) not in seen
                    and (not applying or _applies(node, binding))
                ):
                    seen.add((binding.key, text))
                    keys.setdefault(text, []).append(node.app.get_key_display(binding))
    return [(" ".join(dict.fromkeys(names)), text) for text, names in keys.items()]


def _applies(node: DOMNode, binding: Binding) -> bool:
    """Whether the key does something now."""
    namespace, action, parameters = parse(binding.action)
    target = {"app": node.app, "screen": node.screen}.get(namespace, node)
    return bool(target.check_action(action, parameters))
