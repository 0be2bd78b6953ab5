"""The screen of runs: find them, look at them, compare, go on with them, put them away."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from core.errors import NNLabError, QueryError, RunError
from core.notes import Notes, change_tags, parse_tags, pin_baseline, write_notes
from core.query import Query, parse
from core.run_fields import FIELDS, Field, sort_runs
from core.run_index import RunIndex
from core.run_views import RunViews
from core.runs import ACTIVE, RunInfo
from core.sweep import tag_of, trials_of
from core.trash import delete_run, last_deleted, restore_run
from core.view import RunView
from tui.format import safe_text
from tui.screens.confirm import TextScreen
from tui.widgets.run_preview import RunPreview
from tui.widgets.run_table import COLUMNS, Row, RunTable

if TYPE_CHECKING:
    from tui.app import NNLabApp

LOOK_EVERY = 2.0  # seconds between two looks at the folder
SHOW_EVERY = 0.5  # seconds at least between two lists, while a long one is read
SETTLE = 0.12  # seconds that the cursor rests before a run is read
GROUPS = ("", "model", "data", "state", "tag")
EXAMPLE = "model:res* lr<0.1 acc>0.9 state:running -data:mnist has:tag note~wide started<2d"


class RunsScreen(Screen[None]):
    """A list of runs with a filter above it, and beside it the run that the cursor is on."""

    BINDINGS: ClassVar = [
        Binding("enter", "open", "Open", tooltip="The dashboard of this run"),
        Binding("space", "select", "Select", tooltip="Select this run, or no longer"),
        Binding("equals_sign", "compare", "Compare", key_display="=",
                tooltip="Compare the selected runs, or the sweep of this one"),
        # With priority, so that what is typed right behind it goes to the filter, not to the list.
        Binding("slash", "filter", "Filter", key_display="/", priority=True,
                tooltip="Choose runs by a query"),
        Binding("greater_than_sign", "sort(1)", "Sort", key_display=">",
                tooltip="Sort by the next column"),
        Binding("less_than_sign", "sort(-1)", key_display="<", show=False,
                tooltip="Sort by the column before"),
        Binding("I", "invert", show=False, tooltip="Sort the other way round"),
        Binding("g", "group", "Group", tooltip="Group by model, data, state, tags, or not"),
        Binding("n", "new_run", "New", tooltip="Start another run with the settings of this one"),
        Binding("R", "resume", "Resume", tooltip="Go on with this run from its checkpoint"),
        Binding("t", "tag", "Tag", show=False, tooltip="Tag the runs: good +fast -slow"),
        Binding("o", "note", "Note", show=False, tooltip="Write a note about this run"),
        Binding("b", "baseline", show=False, tooltip="Compare all others with this run, or not"),
        Binding("a", "archive", show=False, tooltip="Leave the runs out of the list, or no longer"),
        Binding("d,delete", "delete", "Delete", tooltip="Move the runs to the trash"),
        Binding("u", "undelete", "Undo", tooltip="Bring back what was deleted last"),
        Binding("escape", "back", "Back", show=False, tooltip="Leave the filter, or the runs"),
    ]  # fmt: skip
    AUTO_FOCUS = "RunTable"
    # Not DEFAULT_CSS: what the app says of all screens would be stronger.
    CSS = """
    RunsScreen {
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
        yield Footer(compact=True)

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

    # What is done with runs

    @property
    def targets(self) -> list[RunInfo]:
        """The selected runs that are still there, else the one under the cursor."""
        known = {run.path: run for run in self.index.runs}
        selected = [known[path] for path in self.table.selected if path in known]
        return selected or ([self.table.run] if self.table.run else [])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None shows that a key does nothing now."""
        if action == "filter":
            return not isinstance(self.focused, Input)  # the slash is typed
        on_one = ("open", "select", "compare", "tag", "note", "baseline", "archive", "delete")
        if action in on_one and self.is_mounted and not self.table.run:
            return None
        if action == "resume":
            run = self.table.run if self.is_mounted else None
            return True if run and run.state not in (*ACTIVE, "finished") else None
        return True

    @on(RunTable.Opened)
    def action_open(self) -> None:
        if run := self.table.run:
            if run.state in ACTIVE:
                self.notify(
                    "What is recorded so far; r leads back to the list.",
                    title=f"{safe_text(run.name)} is {safe_text(run.state)}",
                    markup=False,
                )
            self.lab.watch_run(run.path)

    def action_compare(self) -> None:
        from tui.screens.compare import CompareScreen

        tag = tag_of(self.table.run) if self.table.run and not self.table.selected else None
        together = trials_of(self.index.runs, tag) if tag else self.targets
        chosen = [run.path for run in together]
        if self.table.run and self.table.run.path not in chosen:
            chosen.append(self.table.run.path)
        if len(chosen) < 2:
            self.refuse("Select two runs or more with the space bar.")
        else:
            self.app.push_screen(CompareScreen(chosen, self.views, self.index))

    def action_resume(self) -> None:
        if run := self.table.run:
            if self.lab.training:
                self.refuse("A run is training in this nnlab; one at a time.")
            else:
                self.lab.resume_run(run.path, run.config)

    def action_new_run(self) -> None:
        if self.lab.training:
            self.refuse("A run is training in this nnlab; one at a time.")
            return
        run = self.table.run
        self.lab.open_launch_screen(run.config if run else None)

    @work
    async def action_tag(self) -> None:
        targets = self.targets
        tags = sorted({tag for run in targets for tag in run.notes.tags})
        words = await self.app.push_screen_wait(
            TextScreen(
                f"Tags of {named(targets)}",
                f"Words to add, -words to take away. Now: {' '.join(tags) or 'none'}.",
                "",
                _tags,
            )
        )
        if words is not None:
            add, remove = parse_tags(words)
            self.rewrite(targets, lambda notes: change_tags(notes, add, remove))

    @work
    async def action_note(self) -> None:
        if not (run := self.table.run):
            return
        note = await self.app.push_screen_wait(
            TextScreen(
                f"Note about {safe_text(run.name)}", "Empty takes it away.", run.notes.note, str
            )
        )
        if note is not None:
            self.rewrite([run], lambda notes: replace(notes, note=note))

    def action_baseline(self) -> None:
        if not (run := self.table.run):
            return
        if run.notes.baseline:
            self.rewrite([run], lambda notes: replace(notes, baseline=False))
        else:
            others = [r.path for r in self.index.runs if r.notes.baseline]
            self.attempt(lambda: pin_baseline(run.path, others))
            self.tell(f"{run.name} is the baseline", "Comparisons show the difference to it.")

    def action_archive(self) -> None:
        targets = self.targets
        archive = not all(run.notes.archived for run in targets)
        self.rewrite(targets, lambda notes: replace(notes, archived=archive))
        if archive:
            self.tell(f"{named(targets)} archived", "is:archived in the filter shows what is.")
        self.table.selected.clear()

    def action_delete(self) -> None:
        when = time.time_ns()
        targets = self.targets
        if self.attempt(lambda: [delete_run(run.path, when) for run in targets]):
            self.tell(f"{named(targets)} deleted", "u brings it back, until the trash is emptied.")
            self.table.selected.clear()

    def action_undelete(self) -> None:
        last = last_deleted(self.lab.runs_dir)
        if not last:
            self.refuse("There is nothing in the trash.")
        elif self.attempt(lambda: [restore_run(run) for run in last]):
            self.tell(f"{last[0].name if len(last) == 1 else f'{len(last)} runs'} brought back", "")

    def rewrite(self, runs: Iterable[RunInfo], change: Callable[[Notes], Notes]) -> None:
        """Write the notes of `runs` as `change` makes them."""

        def write() -> None:
            for run in runs:
                write_notes(run.path, change(run.notes))

        self.attempt(write)

    def attempt(self, work: Callable[[], object]) -> bool:
        """Do `work` on the folder and look what became of it; False, and why, if it cannot be."""
        try:
            work()
        except NNLabError as error:
            self.refuse(f"{error.problem} {error.fix}")
            return False
        finally:
            self.look()
        return True

    def refuse(self, why: str) -> None:
        self.notify(safe_text(why), title="Not done", severity="error", markup=False)

    def tell(self, title: str, text: str) -> None:
        self.notify(text, title=safe_text(title), markup=False)

    # Room

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < 110, "-narrow")
        self.set_class(width >= 180, "-roomy")
        self.set_class(width < 110 and height < 20, "-low")
        preview = self.query_one(RunPreview)
        preview.set_class(width < 110, "-wide")
        footer = self.query_one(Footer)
        footer.show_command_palette = width >= 120
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


def named(runs: list[RunInfo]) -> str:
    """ "brave-otter", or "3 runs"."""
    return safe_text(runs[0].name) if len(runs) == 1 else f"{len(runs)} runs"


def _tags(text: str) -> str:
    """`text` if it names tags. Raises ValueError."""
    try:
        change_tags(Notes(), parse_tags(text)[0])
    except RunError as error:
        raise ValueError(f"{error.problem} {error.fix}") from None
    return text
