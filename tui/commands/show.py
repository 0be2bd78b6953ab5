"""nnlab show: one run, as its folder tells it."""

import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.options import Json, RunsDir

if TYPE_CHECKING:
    from core.runs import RunInfo
    from core.tail import Rows
    from core.view import RunView


def complete_run(context: typer.Context) -> list[tuple[str, str]]:
    """The runs in the folder that is meant, for the shell."""
    from core.runs import RUN_NAME, default_runs_dir, list_runs

    found = list_runs(context.params.get("runs_dir") or default_runs_dir())
    # Shells evaluate what is offered: only names that nnlab itself would give.
    names = [(r.name, f"{r.state}: {r.model}") for r in found if RUN_NAME.fullmatch(r.name)]
    return [*names, *([("last", "the newest run")] if names else [])]


Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help='Its name, or "last" for the newest.', autocompletion=complete_run
    ),
]


def show(run: Run, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Show a run: its figures for each epoch, its settings, and how to go on.

    All of it lies in the run's folder as plain files: config.json, metrics.jsonl, checkpoints.

    Examples:
      nnlab show brave-otter
      nnlab show last --json | jq .best.test_score
    """
    from core.record import read_events
    from core.runs import default_runs_dir, find_run, read_info
    from core.tail import Rows
    from core.view import RunView, reduce_all

    path = find_run(runs_dir or default_runs_dir(), run)
    info = read_info(path)
    if json:
        from tui.json_output import print_json

        # A script is given all epochs, however long that takes.
        print_json(as_json(info, reduce_all(RunView(), read_events(path))))
    else:
        rows = Rows(path)
        print_run(info, reduce_all(RunView(), rows.read()), rows)


def as_json(info: "RunInfo", view: "RunView") -> dict[str, Any]:
    """What `nnlab runs --json` says of the run, and its epochs, checkpoints and diagnosis."""
    from core.diagnosis import diagnose
    from core.events import to_row
    from tui.commands.runs import as_json as info_as_json

    rows = [to_row(end) for end in view.epoch_ends]
    best = next((row for row in rows if row["epoch"] == info.best_epoch), None)
    return info_as_json(info) | {
        "best": best,
        "last": rows[-1] if rows else None,
        "history": rows,
        "checkpoints": [str(path) for path in _checkpoints(info)],
        "findings": [asdict(finding) for finding in diagnose(view)],
    }


def print_run(info: "RunInfo", view: "RunView", rows: "Rows") -> None:
    """Facts, epochs, settings; `rows` are what the view was read from."""
    from rich.text import Text

    from core.config import command_line
    from core.datasets import is_table
    from core.diagnosis import diagnose
    from tui.console import console
    from tui.epoch_table import EpochTable
    from tui.format import DASH, duration, safe_text
    from tui.next_command import next_command

    out, ends = console(), view.epoch_ends

    def line(text: str, style: str = "") -> None:
        out.print(Text(safe_text(text), style), soft_wrap=True)

    def fact(label: str, text: str, style: str = "") -> None:
        line(f"{label:<12} {text}", style)

    line(f"{info.name}: {info.state}", "bold")
    if info.problem:
        fact("problem", info.problem, "red")
    if info.model:
        fact("network", info.model)
        fact("data", info.data)
        threads = f", {info.threads} CPU thread{'s' * (info.threads > 1)}" if info.threads else ""
        fact("device", f"{info.device}{threads}")
        fact("epochs", f"{info.epoch} of {info.epochs}, {info.step} steps")
        fact("took", duration(info.seconds))
        fact("started", f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(info.started))}")
    if info.best_test_score is not None:
        fact("best", f"{info.best_test_score:.4f} test {info.metric} in epoch {info.best_epoch}")
    if ends:
        fact("last", f"{ends[-1].test_score:.4f} test {info.metric} in epoch {ends[-1].epoch}")
    if info.notes.tags:
        fact("tags", " ".join(info.notes.tags))
    if info.notes.note:
        fact("note", info.notes.note)
    if rows.sampled:
        fact("sampled", rows.sampled)
    if damaged := rows.damaged:
        fact("damaged", f"{damaged} row{'s' * (damaged > 1)} of its logs, left out here", "red")
    if not info.problem:  # which has its own advice
        for finding in diagnose(view):
            fact("finding", finding.sentence)
    fact("folder", str(info.path))
    found = _checkpoints(info)
    if found:
        fact("checkpoints", ", ".join(path.name for path in found))
    if found and info.state in ("stopped", "crashed", "failed", "silent"):
        fact("go on", next_command("resume", info.path))
    if info.config:
        fact("again", shlex.join(command_line(info.config)))

    if ends:
        samples = "rows" if is_table(info.data) else "images"
        table = EpochTable(out.width, info.metric, samples)
        line("")
        line(table.header(), "bold")
        for end in ends:
            best = end.epoch == info.best_epoch
            line(table.row(end, best), "green" if best else "")
    if info.config:
        line("")
        line("settings", "bold")
        for name, value in info.config.model_dump(mode="json").items():
            fact(f"  {name:<16}", DASH if value in (None, [], {}) else str(value))


def _checkpoints(info: "RunInfo") -> list[Path]:
    # core.checkpoint lists them too, but imports torch.
    found = (info.path / "checkpoints").glob("step-*")
    return sorted(found, key=lambda path: (len(path.name), path.name))
