"""What is known of one run beside a list of them: its figures, curves and settings."""

import time

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from core.runs import RunInfo
from core.view import RunView
from tui.format import DASH, age, duration, safe_text
from tui.standing import waits_for
from tui.widgets.config_pane import ConfigPane
from tui.widgets.curve_pane import CurvePane
from tui.widgets.loss_pane import LossPane
from tui.widgets.score_pane import ScorePane


class RunPreview(Widget):
    """Says what the run is, then draws it with the panes of the dashboard."""

    DEFAULT_CSS = """
    RunPreview {
        layout: vertical;
        #preview-facts { height: auto; max-height: 9; padding: 0 1; }
        #preview-curves { height: 1fr; layout: vertical; }
        CurvePane { height: 1fr; min-height: 6; }
        ConfigPane { height: 14; }
        &.-wide #preview-curves { layout: horizontal; }
        &.-wide CurvePane { width: 1fr; height: 1fr; }
        &.-wide #preview-facts, &.-wide ConfigPane { display: none; }
        &.-queued #preview-facts { display: block; }
        &.-queued #preview-curves { display: none; }
        &.-reading CurvePane, &.-reading ConfigPane { visibility: hidden; }
        &.-none #preview-curves, &.-none ConfigPane { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static(id="preview-facts", markup=False)
        with Horizontal(id="preview-curves"):
            yield LossPane()
            yield ScorePane()
        yield ConfigPane()

    def on_mount(self) -> None:
        for pane in self.query(CurvePane):
            pane.can_focus = False  # there is nothing to do with them here
        self.add_class("-none")

    def show(self, run: RunInfo | None, view: RunView | None) -> None:
        """Show `run`; `view` is what was recorded of it, None until that is read."""
        self.set_class(run is None, "-none")
        self.set_class(view is None, "-reading")
        self.set_class(run is not None and run.state == "queued", "-queued")  # no curves yet
        self.query_one("#preview-facts", Static).update(facts(run) if run else "")
        if run is None or view is None:
            return
        pane = self.query_one(ConfigPane)
        pane.config = run.config
        for shown in (*self.query(CurvePane), pane):
            shown.view = view


def facts(run: RunInfo) -> Text:
    """Name, what came of it, what is noted."""
    text = Text(safe_text(run.name), "bold", overflow="ellipsis")
    text.append(f"  {safe_text(run.state)}", "not bold")
    started = age(time.time() - run.started)
    lines = [
        f"{safe_text(run.model) or DASH} on {safe_text(run.data) or DASH}",
        f"epoch {run.epoch} of {run.epochs} · {duration(run.seconds)}"
        + (f" · {started}{' ago' * (started != 'now')}" if run.started > 0 else ""),
    ]
    if run.best_test_score is not None:
        lines.append(f"best {run.best_test_score:.4f} in epoch {run.best_epoch}")
    if waiting := waits_for(run):
        lines.append(waiting)
    if run.problem:
        lines.append(safe_text(run.problem))
    marks = ["baseline"] * run.notes.baseline + ["archived"] * run.notes.archived
    if marks or run.notes.tags:
        lines.append(safe_text(" ".join([*(f"[{mark}]" for mark in marks), *run.notes.tags])))
    if run.notes.note:
        lines.append(safe_text(f"“{run.notes.note}”"))
    return text.append("".join(f"\n{line}" for line in lines), "not bold")
