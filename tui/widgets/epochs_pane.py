"""A table with a row for each finished epoch."""

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

from core.events import EpochEnd
from core.view import RunView
from tui.format import count, duration, score
from tui.widgets.pane import Pane

STAR = "★"
# name, width: numbers keep their place while they change
COLUMNS = (("#", 4), ("loss", 7), ("train", 6), ("test", 7), ("time", 8), ("img/s", 6))
SPEED = COLUMNS[-1][0]


class EpochsPane(Pane, can_focus=False):
    """Loss, training score, test score and time of each epoch; the best one has a star."""

    DEFAULT_CSS = """
    EpochsPane {
        padding: 0;
        & DataTable { height: 1fr; background: transparent; overflow-x: hidden; }
        & DataTable > .datatable--header {
            background: transparent; color: $foreground-muted; text-style: none;
        }
        & DataTable > .datatable--cursor { background: $primary 25%; color: $foreground; }
        & DataTable:blur > .datatable--cursor { background: transparent; }
    }
    """
    BORDER_TITLE = "epochs"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: tuple[EpochEnd, ...] = ()
        self._starred: int | None = None  # index of the row with the star

    def compose(self) -> ComposeResult:
        table: DataTable[Text] = DataTable(cursor_type="row", cell_padding=1)
        for name, width in COLUMNS:
            table.add_column(Text(name, justify="right"), width=width, key=name)
        yield table

    def on_resize(self) -> None:
        """The newest epoch stays in sight when there is less room, as at the end of a run."""
        table = self.query_one(DataTable)
        if table.cursor_row >= table.row_count - 1:
            self.call_after_refresh(table.scroll_end, animate=False)

    def show(self, view: RunView) -> None:
        ends = view.epoch_ends
        if view.start and view.start.samples != "images":
            self.set_title(Text(f"epochs · train and test: {view.metric}"))
            self.query_one(DataTable).columns[ColumnKey(SPEED)].label = Text(
                f"{view.start.samples}/s", justify="right"
            )
        if not ends:
            self.border_subtitle = "a row after each epoch"
        if ends == self._rows:
            return
        if not self._rows:
            self.border_subtitle = ""
        table = self.query_one(DataTable)
        if ends[: len(self._rows)] != self._rows:  # another run
            table.clear()
            self._rows, self._starred = (), None
        at_end = table.cursor_row >= table.row_count - 1
        for end in ends[len(self._rows) :]:
            table.add_row(*map(_right, _cells(end)), key=str(table.row_count))
        self._rows = ends
        self._move_star(table, view)
        if at_end:
            table.move_cursor(row=table.row_count - 1, animate=False)

    def _move_star(self, table: DataTable[Text], view: RunView) -> None:
        best = self._rows.index(view.best) if view.best else None
        if best == self._starred:
            return
        for index, starred in ((self._starred, False), (best, True)):
            if index is not None:
                cell = Text(score(self._rows[index].test_score), justify="right")
                cell.append(STAR if starred else " ", self.app.theme_variables["warning"])
                table.update_cell(str(index), "test", cell)
        self._starred = best


def _cells(end: EpochEnd) -> tuple[str, ...]:
    return (
        str(end.epoch),
        f"{end.train_loss:.4f}",
        score(end.train_score),
        f"{score(end.test_score)} ",
        duration(end.seconds),
        count(end.samples_per_second),
    )


def _right(text: str) -> Text:
    return Text(text, justify="right")
