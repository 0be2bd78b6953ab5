"""nnlab note: what one thinks of a run."""

import json as json_module
from dataclasses import asdict, replace
from typing import Annotated

import typer

from tui.commands.show import Run
from tui.options import Json, RunsDir


def note(
    run: Run,
    text: Annotated[
        str | None, typer.Argument(help='What to remember; "" takes the note away.')
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add a tag; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take a tag away.")] = None,
    baseline: Annotated[
        bool | None,
        typer.Option(
            "--baseline/--no-baseline", help="What `nnlab compare` compares all others with."
        ),
    ] = None,
    archive: Annotated[
        bool | None,
        typer.Option("--archive/--no-archive", help="Leave it out of lists, but keep it."),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
) -> None:
    """Write a note about a run, tag it, make it the baseline, archive it; or show what is noted.

    It is kept in notes.json of the run's folder. `nnlab runs` finds runs by it: tag:good,
    note~wider, is:archived.

    Examples:
      nnlab note brave-otter "wider than the last one, and no better"
      nnlab note last --tag good --untag to-do --baseline
      nnlab note old-heron --archive
    """
    from core.notes import LONGEST, change_tags, pin_baseline, read_notes, write_notes
    from core.runs import default_runs_dir, find_run, list_runs
    from tui.format import DASH, safe_text

    folder = runs_dir or default_runs_dir()
    path = find_run(folder, run)
    before = read_notes(path)
    notes = change_tags(before, tag or (), untag or ())
    if text is not None:
        notes = replace(notes, note=text[:LONGEST])
    if baseline is not None:
        notes = replace(notes, baseline=baseline)
    if archive is not None:
        notes = replace(notes, archived=archive)
    if notes != before:
        write_notes(path, notes)
    if notes.baseline and not before.baseline:
        pin_baseline(path, [info.path for info in list_runs(folder)])
    if json:
        print(json_module.dumps({"name": path.name} | asdict(notes)))
        return
    print(safe_text(f"{path.name}: {notes.note or DASH}"))
    words = ["baseline"] * notes.baseline + ["archived"] * notes.archived
    print(safe_text(f"tags: {' '.join(notes.tags) or DASH}{''.join(f', {w}' for w in words)}"))
