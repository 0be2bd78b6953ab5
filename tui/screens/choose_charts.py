"""The question which charts a screen shows, in how many rows and columns."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, SelectionList, Static

from tui.charts import CHARTS
from tui.format import safe_text
from tui.grid import MOST, Grid


class ChooseChartsScreen(ModalScreen[None]):
    """Every change shows at once on the screen below, so that there is nothing to confirm."""

    BINDINGS: ClassVar = [
        Binding("r", "rows", "Rows", tooltip="Rows of charts: 1, 2, 3, or as many as fit"),
        Binding("c", "columns", "Columns", tooltip="Charts in a row: 1, 2, 3, or as many as fit"),
        Binding("a", "automatic", "Default", tooltip="All that have something to say, as fits"),
        Binding("escape,q,g", "dismiss", "Close"),
    ]
    CSS = """
    ChooseChartsScreen {
        align: center middle;
        background: $background 60%;
        #dialog {
            width: 50; max-width: 95%; height: auto; max-height: 100%;
            padding: 0 2; background: $surface; border: round $primary;
        }
        SelectionList {
            height: auto; max-height: 58vh; padding: 0; border: none; background: transparent;
        }
        #answers { height: 1; margin-top: 1; }
        #answers Button { min-width: 0; padding: 0 1; margin-right: 1; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """

    def __init__(
        self,
        grid: Grid,
        shown: Sequence[str],
        title: Callable[[str], str],
        change: Callable[[Grid], None],
    ) -> None:
        """`shown` are the names of the charts that `grid` comes to; `title` is what people call
        one. `change` is told every change."""
        super().__init__()
        self.grid, self.shown, self.title_of, self.change = grid, shown, title, change

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "charts"
            yield SelectionList[str](
                *(
                    (Text(safe_text(self.title_of(name))), name, name in self.shown)
                    for name in CHARTS
                ),
                compact=True,
            )
            with Horizontal(id="answers"):
                yield Button("", id="rows", compact=True)
                yield Button("", id="columns", compact=True)
            yield Static(Text("space Show   a Default   esc Close"), id="keys")

    def on_mount(self) -> None:
        self.show_grid()

    def show_grid(self) -> None:
        """Write rows and columns on the buttons."""
        for name, count in (("rows", self.grid.rows), ("columns", self.grid.columns)):
            label = f"{name} {count or 'as fit'} ({name[0]})"
            self.query_one(f"#{name}", Button).label = Text(label)

    def _choose(self, grid: Grid) -> None:
        if grid != self.grid:
            self.grid = grid
            self.show_grid()
            self.change(grid)

    @on(SelectionList.SelectedChanged)
    def choose_charts(self, event: SelectionList.SelectedChanged[str]) -> None:
        if set(event.selection_list.selected) != set(self.shown):
            names = tuple(n for n in CHARTS if n in event.selection_list.selected)
            self.shown = names
            self._choose(replace(self.grid, charts=names))

    @on(Button.Pressed)
    def choose_by_button(self, event: Button.Pressed) -> None:
        if event.button.id == "rows":
            self.action_rows()
        else:
            self.action_columns()

    def action_rows(self) -> None:
        self._choose(replace(self.grid, rows=(self.grid.rows + 1) % (MOST + 1)))

    def action_columns(self) -> None:
        self._choose(replace(self.grid, columns=(self.grid.columns + 1) % (MOST + 1)))

    def action_automatic(self) -> None:
        self._choose(Grid())
        self.dismiss()
