"""A table of runs, of which only the lines in sight are ever drawn.

A row is not a widget and not even a text: 10,000 runs take as long as ten.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.runs import ACTIVE, RunInfo
from tui.format import DASH, age, clip, duration, safe_text
from tui.standing import state_text

Row = RunInfo | str  # a run, or the title of a group

SELECTED, BASELINE, CURSOR = "●", "◆", "▸"
WRONG = ("failed", "crashed", "unreadable")
MARGIN = 3  # columns before the first: cursor, mark, space


@dataclass(frozen=True)
class Column:
    """`width` in columns of the terminal; 0 shares what is left over."""

    title: str
    field: str  # that it is sorted by
    width: int
    text: Callable[[RunInfo, float], str]  # of a run, at a Unix time
    right: bool = False


def _tags(run: RunInfo, now: float) -> str:
    archived = ["(archived)"] if run.notes.archived else []
    return " ".join([*archived, *run.notes.tags, run.notes.note])


COLUMNS = (
    Column("name", "name", 0, lambda run, now: run.name),
    Column("state", "state", 10, lambda run, now: state_text(run)),
    Column("model", "model", 10, lambda run, now: _end(run.model, run)),
    Column("data", "data", 12, lambda run, now: _end(run.data, run)),
    Column("epoch", "epoch", 7, lambda run, now: f"{run.epoch}/{run.epochs}", right=True),
    Column("best", "score", 6, lambda run, now: _score(run), right=True),
    Column("took", "took", 9, lambda run, now: duration(run.seconds), right=True),
    Column("age", "started", 4, lambda run, now: _age(run, now), right=True),
    Column("tags", "tag", 0, _tags),
)
LESS_NEEDED = ("tags", "took", "data", "age", "model", "epoch")  # the first to go without room
LEAST = 16  # columns of one that shares the rest


class RunTable(ScrollView, can_focus=True):
    """Runs, one of which the cursor is on; some may be selected."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("runs--header", "runs--group", "runs--muted", "runs--active", "runs--wrong"),
        *("runs--mark", "runs--cursor"),
    }
    DEFAULT_CSS = """
    RunTable {
        background: transparent;
        scrollbar-size-horizontal: 0;
        & .runs--header { color: $foreground-muted; }
        & .runs--group { color: $secondary; text-style: bold; }
        & .runs--muted { color: $foreground-muted; }
        & .runs--active { color: $success; }
        & .runs--wrong { color: $error; }
        & .runs--mark { color: $accent; }
        & .runs--cursor { background: $panel; }
        &:focus .runs--cursor { background: $primary 25%; }
    }
    """

    @dataclass
    class Moved(Message):
        """The cursor is on another run, or on none."""

        run: RunInfo | None

    @dataclass
    class Opened(Message):
        """A run was clicked twice."""

        run: RunInfo

    @dataclass
    class SortAsked(Message):
        """The title of a column was clicked."""

        field: str

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()
        self.selected: dict[Path, None] = {}  # in the order of selection
        self.sorted_by = ""  # a field
        self.falling = False
        self.message = ""  # instead of rows, as long as there are none
        self._cursor = 0
        self._now = time.time()

    @property
    def run(self) -> RunInfo | None:
        """The run that the cursor is on."""
        row = self.rows[self._cursor] if self._cursor < len(self.rows) else None
        return row if isinstance(row, RunInfo) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show `rows`; the cursor stays on its run if that is still there."""
        before = self.run
        self.rows, self._now = rows, time.time()
        paths = [None if isinstance(row, str) else row.path for row in rows]
        found = paths.index(before.path) if before and before.path in paths else None
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        self._set_cursor(self._cursor if found is None else found, 1, moved=True)
        self.refresh()

    def toggle(self) -> None:
        """Select the run under the cursor, or no longer."""
        if not (run := self.run):
            return
        if run.path in self.selected:
            del self.selected[run.path]
        else:
            self.selected[run.path] = None
        self.refresh()

    def action_move(self, by: int) -> None:
        self._set_cursor(self._cursor + by, 1 if by > 0 else -1)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 2))

    def _set_cursor(self, to: int, step: int, *, moved: bool = False) -> None:
        """Move the cursor, past titles of groups; tell if it is on another run."""
        before, self._cursor = self._cursor, self._nearest_run(to, step)
        if moved or self._cursor != before:
            self._scroll_to_cursor()
            self.refresh()
            self.post_message(self.Moved(self.run))

    def _nearest_run(self, to: int, step: int) -> int:
        """The row `to`, or if that is a title, the next run on that side, or on the other one."""
        if not self.rows:
            return 0
        last = len(self.rows) - 1
        to = max(0, min(to, last))
        for way in (range(to, last + 1), range(to, -1, -1))[::step]:
            for index in way:
                if not isinstance(self.rows[index], str):
                    return index
        return 0

    def _scroll_to_cursor(self) -> None:
        # The first line in sight is the header's, so the cursor's is one further down.
        self.scroll_to_region(Region(0, self._cursor, 1, 2), animate=False, force=True)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self._scroll_to_cursor()

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.y == 0:
            left = MARGIN
            for column, width in self._layout():
                if left <= at.x <= left + width:
                    self.post_message(self.SortAsked(column.field))
                left += width + 1
            return
        row = at.y - 1 + self.scroll_offset.y
        if row < len(self.rows) and not isinstance(self.rows[row], str):
            self._set_cursor(row, 1)
            if event.chain == 2 and self.run:
                self.post_message(self.Opened(self.run))

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            segments = self._header()
        else:
            index = y - 1 + self.scroll_offset.y
            if index >= len(self.rows):
                text = self.message if y == 2 and not self.rows else ""
                segments = [Segment(clip(f"   {text}", width), self._style("muted"))]
            else:
                segments = self._line(index)
        strip = Strip(segments).adjust_cell_length(width, self.rich_style)
        if y and self.rows and y - 1 + self.scroll_offset.y == self._cursor:
            # Not partial, so that its colour is mixed with the ground.
            ground = self.get_component_rich_style("runs--cursor").bgcolor
            strip = strip.apply_style(Style(bgcolor=ground))
        return strip.apply_style(self.rich_style)

    def _header(self) -> list[Segment]:
        arrow = "↓" if self.falling else "↑"
        text = " " * MARGIN
        for column, width in self._layout():
            title = column.title + (arrow if column.field == self.sorted_by else "")
            text += f"{title:>{width}} " if column.right else f"{title:<{width}} "
        return [Segment(text, self._style("header"))]

    def _line(self, index: int) -> list[Segment]:
        row = self.rows[index]
        if isinstance(row, str):
            return [Segment(clip(f" {row}", self.size.width), self._style("group"))]
        cursor = CURSOR if index == self._cursor else " "
        selected = row.path in self.selected
        mark = SELECTED if selected else BASELINE if row.notes.baseline else " "
        segments = [Segment(cursor), Segment(f"{mark} ", self._style("mark"))]
        for column, width in self._layout():
            text = cell(column.text(row, self._now), width, right=column.right)
            segments += [Segment(text, self._cell_style(column, row)), Segment(" ")]
        return segments

    def _cell_style(self, column: Column, run: RunInfo) -> Any:
        if column.title == "state":
            if run.state in ACTIVE:
                return self._style("active")
            if run.state in WRONG:
                return self._style("wrong")
        muted = run.notes.archived or column.title in ("age", "tags", "took")
        return self._style("muted") if muted else None

    def _style(self, part: str) -> Any:
        return self.get_component_rich_style(f"runs--{part}", partial=True)

    def _layout(self) -> list[tuple[Column, int]]:
        """The columns that there is room for, and how wide they are."""
        columns = list(COLUMNS)
        room = self.size.width - MARGIN
        for title in LESS_NEEDED:
            if sum((c.width or LEAST) + 1 for c in columns) <= room:
                break
            columns = [c for c in columns if c.title != title]
        sharing = sum(c.width == 0 for c in columns)
        rest = room - sum(c.width + 1 for c in columns)
        # Names rarely need more; tags and notes may.
        name = max(8, min(rest // sharing, 28) if sharing > 1 else rest)
        return [(c, c.width or (name if c.title == "name" else rest - name)) for c in columns]


def cell(text: object, width: int, *, right: bool = False) -> str:
    """`text`, safe, in exactly `width` columns of a terminal, wide characters counted as two."""
    found = clip(text, width)
    space = " " * max(0, width - cell_len(found))
    return space + found if right else found + space


def _end(path: str, run: RunInfo) -> str:
    """The last part of a path; of a run that has not begun, a dash."""
    return safe_text(path).rpartition("/")[2] or DASH


def _score(run: RunInfo) -> str:
    return DASH if run.best_test_score is None else f"{run.best_test_score:.4f}"


def _age(run: RunInfo, now: float) -> str:
    return age(now - run.started) if run.started else DASH
