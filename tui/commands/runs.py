"""nnlab runs: the runs in a folder."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.options import Json, RunsDir

if TYPE_CHECKING:
    from core.runs import RunInfo


def complete_field() -> list[tuple[str, str]]:
    """The fields that runs can be sorted by, for the shell."""
    from core.run_fields import FIELDS

    return [(field.name, field.about) for field in FIELDS.values()]


Query = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[QUERY]...",
        help="Only the runs that fit all of it; quote it, since shells know < and > themselves.",
        show_default=False,
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        help="The highest of this first, or text from A to Z. Default: the newest first.",
        autocompletion=complete_field,
    ),
]
Reverse = Annotated[bool, typer.Option("--reverse", help="The other way round.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")]


def runs(
    query: Query = None,
    sort: Sort = None,
    reverse: Reverse = False,
    limit: Limit = None,
    runs_dir: RunsDir = None,
    json: Json = False,
) -> None:
    """List the runs, newest first, or those that a query asks for.

    A run that did not end, though its process is gone, is called crashed, with the reason below
    the table; it can be resumed. One on another machine that gives no sign of life is silent. Below
    the table stands what queued runs wait for, too.

    A query has terms such as model:resnet* (or data, state, tag, name, any setting), lr<0.1,
    acc>0.9, took>10m, started<2d, has:note, note~wide, or a part of the name. A minus before a
    term turns it round. state:running is any state that needs a process. Archived runs are left
    out, unless the query has is:archived.

    Examples:
      nnlab runs
      nnlab runs 'model:resnet* lr<0.1 -data:mnist' --sort best --limit 10
      nnlab runs -- -state:finished
      nnlab runs state:queued
      nnlab runs state:crashed --json | jq -r '.[].name'
    """
    from core.query import parse
    from core.run_fields import find_field, sort_runs
    from core.runs import default_runs_dir, list_runs

    asked = parse(" ".join(query or []))
    by = find_field(sort) if sort else None
    folder = runs_dir or default_runs_dir()
    listed = list_runs(folder)
    found = asked.select(listed)
    if by:
        # How long ago something started is the lower, the newer it is.
        found = sort_runs(found, by, reverse=(by.kind != "text") is not reverse)
    elif reverse:
        found.reverse()
    found = found[:limit]
    if json:
        from tui.json_output import print_json

        print_json([as_json(info) for info in found])
    elif found:
        print_table(found, now=time.time())
    elif listed:
        print(f"None of the {len(listed)} runs fits; without a query, archived ones do not either.")
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
    "queued": "yellow",
    "failed": "red",
    "crashed": "red",
    "unreadable": "red",
}


def marks(info: "RunInfo") -> str:
    """The run's tags, and whether it is the baseline or archived."""
    words = ["baseline"] * info.notes.baseline + ["archived"] * info.notes.archived
    return " ".join([*words, *info.notes.tags])


def print_table(found: list["RunInfo"], now: float) -> None:
    """A line for each run. `now` is in Unix seconds."""
    from rich.table import Column, Table
    from rich.text import Text

    from tui.console import console
    from tui.format import DASH, duration, safe_text
    from tui.standing import state_text, waits_for

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
        *([Column("tags", overflow="fold")] if any(marks(info) for info in found) else []),
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for info in found:
        best = DASH if info.best_test_score is None else f"{info.best_test_score:.4f}"
        best = best if info.metric == "accuracy" else f"{info.metric} {best}"
        table.add_row(
            *[
                Text(safe_text(cell), style)
                for cell, style in (
                    (info.name, ""),
                    (state_text(info), STATE_STYLES.get(info.state, "")),
                    (info.model, ""),
                    (Path(info.data).name, ""),
                    (f"{info.epoch}/{info.epochs}", ""),
                    (best, ""),
                    (duration(info.seconds), ""),
                    (duration(max(now - info.started, 0)) if info.started else DASH, ""),
                    *([(marks(info), "")] if len(table.columns) > 8 else []),
                )
            ]
        )
    out = console()
    out.print(table)
    for info in found:
        if info.state in ("crashed", "silent"):  # what nobody has been told yet
            out.print(Text(safe_text(f"{info.name}: {info.problem}"), "dim"), soft_wrap=True)
        elif waiting := waits_for(info):
            out.print(Text(safe_text(f"{info.name}: {waiting}"), "dim"), soft_wrap=True)
