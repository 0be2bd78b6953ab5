"""The screen of runs: find them, look at them, compare, go on with them, put them away."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.binding import Binding
from textual.widgets import Input

from core.device_queue import move_to_front
from core.errors import NNLabError, RunError
from core.mailbox import RemoteControl
from core.notes import Notes, change_tags, parse_tags, pin_baseline, write_notes
from core.runs import ACTIVE, RunInfo
from core.sweep import tag_of, trials_of
from core.trash import delete_run, last_deleted, restore_run
from core.trials import cancel
from tui.format import safe_text
from tui.screens.confirm import ConfirmScreen, TextScreen
from tui.screens.run_list import RunListScreen
from tui.widgets.run_table import RunTable


class RunsScreen(RunListScreen):
    """The list, and what keys do with its runs."""

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
        Binding("I", "invert", "Invert", show=False, tooltip="Sort the other way round"),
        Binding("g", "group", "Group", tooltip="Group by model, data, state, tags, or not"),
        Binding("n", "new_run", "New", tooltip="Start another run with the settings of this one"),
        Binding("R", "resume", "Resume", tooltip="Go on with this run from its checkpoint"),
        Binding("s", "stop", "Stop", tooltip="Stop the runs, or take them out of the queue"),
        Binding("F", "front", "Front", show=False,
                tooltip="Let this run go before all others that wait in the queue"),
        Binding("t", "tag", "Tag", show=False, tooltip="Tag the runs: good +fast -slow"),
        Binding("o", "note", "Note", show=False, tooltip="Write a note about this run"),
        Binding("b", "baseline", "Baseline", show=False,
                tooltip="Compare all others with this run, or not"),
        Binding("a", "archive", "Archive", show=False,
                tooltip="Leave the runs out of the list, or no longer"),
        Binding("d,delete", "delete", "Delete", tooltip="Move the runs to the trash"),
        Binding("u", "undelete", "Undo", tooltip="Bring back what was deleted last"),
        Binding("escape", "back", "Back", show=False, tooltip="Leave the filter, or the runs"),
    ]  # fmt: skip

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
        if action in ("stop", "front") and self.is_mounted:
            return True if self._may(action) else None
        return True

    def _may(self, action: str) -> bool:
        run = self.table.run
        if action == "front":  # a trial waits for the one before it, not in the queue for a device
            return run is not None and run.standing is not None
        return bool(self.table.selected) or (run is not None and run.state in ACTIVE)

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

    @work
    async def action_stop(self) -> None:
        going_on = [run for run in self.targets if run.state in ACTIVE]
        if not going_on:
            self.refuse("None of these runs is going on.")
            return
        stop = await self.app.push_screen_wait(
            ConfirmScreen(
                f"Stop {named(going_on)}?",
                "What trains keeps a checkpoint to resume from. Of what waits, nothing is kept.",
                yes="Stop",
                no="Go on",
            )
        )
        if not stop:
            return
        if self.attempt(lambda: stop_all(going_on)):
            self.tell(f"{named(going_on)} asked to stop", "The list shows when it is done.")
            self.table.selected.clear()

    def action_front(self) -> None:
        if not (run := self.table.run):
            return
        moved: list[bool] = []
        if self.attempt(lambda: moved.append(move_to_front(run.path))):
            if moved == [True]:
                self.tell(f"{run.name} goes first", "of all that wait, once a device is free.")
            else:
                self.refuse(f"{run.name} does not wait any more.")

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


def stop_all(runs: Iterable[RunInfo]) -> None:
    """Take away trials that wait for their turn; ask the other runs to stop. Raises RunError."""
    # First those that wait, so that none begins because another has stopped.
    for run in sorted(runs, key=lambda run: run.state != "queued"):
        if not cancel(run.path):
            RemoteControl(run.path).send("stop")


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
