"""The list of runs, kept true while one watches: filtered, sorted, grouped, with a preview."""

import time
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from core.errors import QueryError
from core.query import Query, parse
from core.run_fields import FIELDS, Field, sort_runs
from core.run_index import RunIndex
from core.run_views import RunViews
from core.runs import RunInfo
from core.view import RunView
from tui.format import safe_text
from tui.widgets.key_line import KeyLine
from tui.widgets.run_preview import RunPreview
from tui.widgets.run_table import COLUMNS, Row, RunTable

if TYPE_CHECKING:
    from tui.app import NNLabApp

LOOK_EVERY = 2.0  # seconds between two looks at the folder
SHOW_EVERY = 0.5  # seconds at least between two lists, while a long one is read
SETTLE = 0.12  # seconds that the cursor rests before a run is read
GROUPS = ("", "model", "data", "state", "tag")
EXAMPLE = "model:res* lr<0.1 acc>0.9 state:running -data:mnist has:tag note~wide started<2d"


class RunListScreen(Screen[None]):
    """A list of runs with a filter above it, and beside it the run that the cursor is on.

    What can be done with them is RunsScreen's.
    """

    AUTO_FOCUS = "RunTable"
    SCOPED_CSS = False  # the scope would be the subclass, which the CSS does not name
    # Not DEFAULT_CSS: what the app says of all screens would be stronger.
    CSS = """
    RunListScreen {
        layout: vertical;
        #runs-head { height: 1; padding: 0 1; background: $panel; }
        #runs-sign { width: 2; color: $accent; }
        #runs-filter {
            width: 1fr; height: 1; border: none; padding: 0; background: $panel;
            &:focus { background: $surface; }
        }
        #runs-count { width: auto; padding-left: 2; color: $foreground-muted; }
        #runs-problem { height: 1; padding: 0 1; color: $error; display: none; }
        #runs-body { height: 1fr; layout: horizontal; }
        RunTable { width: 1fr; height: 1fr; }
        RunPreview { width: 42; height: 1fr; border-left: vkey $panel-border; }
        &.-narrow #runs-body { layout: vertical; }
        &.-narrow RunPreview { width: 1fr; height: 9; border: none; }
        &.-roomy RunPreview { width: 72; }
        &.-low RunPreview { display: none; }
    }
    """

    class Indexed(Message):
        """Some runs are new, changed or gone."""

    class ViewRead(Message):
        """The run under the cursor was read."""

    def __init__(self) -> None:
        super().__init__()
        self.views = RunViews()
        self.runs_query: Query = parse("")
        self.sort_field, self.falling, self.group = "started", False, ""
        self.shown: list[RunInfo] = []  # those that fit, in their order
        self.previewed: RunView | None = None  # what the preview draws
        self._looking = False
        self._look_again = False  # something was changed while a look went on
        self._last_change = 0.0  # when the table was filled, Unix time

    def compose(self) -> ComposeResult:
        with Horizontal(id="runs-head"):
            yield Static("/", id="runs-sign")
            yield Input(placeholder=EXAMPLE, compact=True, id="runs-filter")
            yield Static(id="runs-count", markup=False)
        yield Static(id="runs-problem", markup=False)
        with Container(id="runs-body"):
            yield RunTable()
            yield RunPreview()
        yield KeyLine()

    def on_mount(self) -> None:
        self.index = RunIndex(self.lab.runs_dir)
        self.table.message = "looking for runs…"
        self.look()
        self.set_interval(LOOK_EVERY, self.look_now_and_then)

    def on_screen_resume(self) -> None:
        if self.is_mounted and hasattr(self, "index"):
            self.look()

    @property
    def lab(self) -> "NNLabApp":
        return cast("NNLabApp", self.app)

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)

    # Looking

    def look(self) -> None:
        """See in a thread what changed in the folder; one look at a time."""
        if self._looking:
            self._look_again = True
        elif self.is_current:
            self._looking, self._look_again = True, False
            self.read_index()

    def look_now_and_then(self) -> None:
        if not self._looking:  # a slow file system gets no more than one look after the other
            self.look()

    @work(thread=True, group="index")
    def read_index(self) -> None:
        worker = get_current_worker()
        try:
            told = 0.0  # the first part at once
            for changed in self.index.refresh():
                if worker.is_cancelled:
                    return
                if changed and time.monotonic() - told > SHOW_EVERY:
                    told = time.monotonic()
                    self.post_message(self.Indexed())
        finally:
            self._looking = False
            self.post_message(self.Indexed())

    @on(Indexed)
    def show_runs(self) -> None:
        """Fill the table with the runs that fit, if anything is new or some time has passed."""
        if self._look_again and not self._looking:
            self.look()
        fitting = self.runs_query.select(self.index.runs)
        group = FIELDS[self.group] if self.group else None
        field = FIELDS[self.sort_field]
        # How long ago it started falls while the time of it rises.
        reverse = self.falling is not (field.kind == "age")
        shown = sort_runs(fitting, field, reverse=reverse, group=group)
        self.show_count(len(shown))
        if shown != self.shown or not shown or time.time() - self._last_change > 30:
            self._last_change = time.time()
            self.shown = shown
            self.table.message = self.nothing_to_show()
            self.fill(shown, group)
        self.load_preview()

    def fill(self, shown: list[RunInfo], group: Field | None) -> None:
        self.table.sorted_by, self.table.falling = self.sort_field, self.falling
        self.table.show(with_titles(shown, group) if group else shown)

    def nothing_to_show(self) -> str:
        if self._looking and not self.index.runs:
            return "looking for runs…"
        if self.index.runs:
            return "No run fits; esc takes the filter away."
        return f"There are no runs in {self.lab.runs_dir} yet; n starts one."

    def show_count(self, shown: int) -> None:
        words = [f"{shown:,} of {len(self.index.runs):,} runs"]
        if self.table.selected:
            words.insert(0, f"{len(self.table.selected)} selected")
        if self.group:
            words.append(f"by {self.group}")
        self.query_one("#runs-count", Static).update(" · ".join(words))

    @on(RunTable.Moved)
    def load_preview(self) -> None:
        """Show the run under the cursor: what is known at once, its curves once they are read."""
        self.show_view()
        if run := self.table.run:
            self.read_view(run.path)
        self.refresh_bindings()

    @work(thread=True, exclusive=True, group="view")
    def read_view(self, path: Path) -> None:
        worker = get_current_worker()
        if self.views.get(path) is None:
            time.sleep(SETTLE)  # in the thread; a cursor that moves on cancels it
        if worker.is_cancelled:
            return
        # What another worker read meanwhile, and was cancelled, may not be shown yet either.
        view = self.views.read(path, lambda: worker.is_cancelled)
        if view is not None and view is not self.previewed:
            self.post_message(self.ViewRead())

    @on(ViewRead)
    def show_view(self) -> None:
        run = self.table.run
        self.previewed = self.views.get(run.path) if run else None
        self.query_one(RunPreview).show(run, self.previewed)

    # Choosing

    @on(Input.Changed, "#runs-filter")
    def preview_filter(self, event: Input.Changed) -> None:
        """Show at once what fits; while a query cannot be understood, what fitted before."""
        problem = self.query_one("#runs-problem", Static)
        try:
            self.runs_query = parse(event.value)
        except QueryError as error:
            problem.update(safe_text(f"{error.problem} {error.fix}"))
            problem.display = True
            return
        problem.display = False
        self.show_runs()

    @on(Input.Submitted, "#runs-filter")
    def leave_filter(self) -> None:
        self.set_focus(self.table)

    def action_filter(self) -> None:
        self.set_focus(self.query_one("#runs-filter"))  # at once, unlike focus()

    def action_back(self) -> None:
        field = self.query_one("#runs-filter", Input)
        if field.value:
            field.value = ""
            self.set_focus(self.table)
        elif field.has_focus:
            self.set_focus(self.table)
        elif self.table.selected:
            self.table.selected.clear()
            self.table.refresh()
            self.show_count(len(self.shown))
        else:
            self.dismiss()

    def action_sort(self, by: int) -> None:
        fields = [column.field for column in COLUMNS]
        self.sort_by(fields[(fields.index(self.sort_field) + by) % len(fields)])

    @on(RunTable.SortAsked)
    def sort_as_asked(self, event: RunTable.SortAsked) -> None:
        if event.field == self.sort_field:
            self.action_invert()
        else:
            self.sort_by(event.field)

    def sort_by(self, field: str) -> None:
        """By `field`: text from A to Z, the highest number or the newest run first."""
        self.sort_field, self.falling = field, FIELDS[field].kind in ("number", "duration")
        self._last_change = 0
        self.show_runs()

    def action_invert(self) -> None:
        self.falling = not self.falling
        self._last_change = 0
        self.show_runs()

    def action_group(self) -> None:
        self.group = GROUPS[(GROUPS.index(self.group) + 1) % len(GROUPS)]
        self._last_change = 0
        self.show_runs()

    def action_select(self) -> None:
        self.table.toggle()
        self.table.action_move(1)
        self.show_count(len(self.shown))

    # Room

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 110, "-narrow")
        self.set_class(width >= 180, "-roomy")
        self.set_class(width < 110 and height < 20, "-low")
        preview = self.query_one(RunPreview)
        preview.set_class(width < 110, "-wide")
        placeholder = Text(EXAMPLE)
        placeholder.truncate(max(10, width - 34), overflow="ellipsis")
        self.query_one("#runs-filter", Input).placeholder = placeholder.plain


def with_titles(runs: Iterable[RunInfo], group: Field) -> list[Row]:
    """`runs`, sorted by `group`, with a title before each group."""

    def title(run: RunInfo) -> str:
        value = group.value(run)
        text = ", ".join(value) if isinstance(value, tuple) else str(value or "")
        return safe_text(text) or f"no {group.name}"

    rows: list[Row] = []
    for text, members in groupby(runs, key=title):
        of_group = list(members)
        rows += [f"{text} ({len(of_group):,})", *of_group]
    return rows
