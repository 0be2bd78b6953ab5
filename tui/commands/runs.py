"""nnlab runs: the runs in a folder."""

import json as json_module
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.options import Json, RunsDir

if TYPE_CHECKING:
    from core.runs import RunInfo


def runs(runs_dir: RunsDir = None, json: Json = False) -> None:
    """List the runs, newest first.

    A run that did not end, though its process is gone, is called crashed, with the reason below
    the table; it can be resumed. One on another machine that gives no sign of life is silent.

    Examples:
      nnlab runs
      nnlab runs --json | jq -r '.[] | select(.state == "crashed").name'
    """
    from core.runs import default_runs_dir, list_runs

    folder = runs_dir or default_runs_dir()
    found = list_runs(folder)
    if json:
        print(json_module.dumps([as_json(info) for info in found], allow_nan=False))
    elif found:
        print_table(found, now=time.time())
    else:
        from tui.format import safe_text

        print(safe_text(f"There are no runs in {folder} yet. Start one: nnlab train mlp"))


def as_json(info: "RunInfo") -> dict[str, Any]:
    """The run as a JSON object; its config as in config.json."""
    config = info.config.model_dump(mode="json") if info.config else None
    return asdict(info) | {"path": str(info.path), "config": config}


STATE_STYLES = {
    "training": "green",
    "evaluating": "green",
    "paused": "yellow",
    "silent": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "crashed": "red",
    "unreadable": "red",
}


def print_table(found: list["RunInfo"], now: float) -> None:
    """A line for each run. `now` is in Unix seconds."""
    from rich.table import Column, Table
    from rich.text import Text

    from tui.console import console
    from tui.format import DASH, duration, safe_text

    # A name is what other commands take: it is never cut, and folded only if it is very long.
    long = max(len(info.name) for info in found) > 24
    table = Table(
        Column("name", no_wrap=not long, overflow="fold"),
        Column("state", no_wrap=True),
        Column("model", overflow="ellipsis"),
        Column("data", overflow="ellipsis"),
        Column("epoch", justify="right", no_wrap=True),
        Column("best", justify="right", no_wrap=True),
        Column("took", justify="right", no_wrap=True),
        Column("age", justify="right", no_wrap=True),
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for info in found:
        best = info.best_test_score
        table.add_row(
            *[
                Text(safe_text(cell), style)
                for cell, style in (
                    (info.name, ""),
                    (info.state, STATE_STYLES.get(info.state, "")),
                    (info.model, ""),
                    (Path(info.data).name, ""),
                    (f"{info.epoch}/{info.epochs}", ""),
                    (DASH if best is None else f"{best:.4f}", ""),
                    (duration(info.seconds), ""),
                    (duration(max(now - info.started, 0)) if info.started else DASH, ""),
                )
            ]
        )
    out = console()
    out.print(table)
    for info in found:
        if info.state in ("crashed", "silent"):  # what nobody has been told yet
            out.print(Text(safe_text(f"{info.name}: {info.problem}"), "dim"), soft_wrap=True)
