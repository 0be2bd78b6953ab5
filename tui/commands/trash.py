"""nnlab trash: delete runs, bring them back, delete them for good."""

import json as json_module
import time
from typing import Annotated

import typer

from tui.commands.show import complete_run
from tui.options import Json, RunsDir

trash = typer.Typer(
    name="trash", no_args_is_help=True, help="Delete runs; bring them back, or empty the trash."
)

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Their names.", autocompletion=complete_run, show_default=False
    ),
]


@trash.command("list")
def list_(runs_dir: RunsDir = None, json: Json = False) -> None:
    """List the runs that were deleted, the last one first.

    They lie in .trash of the folder of runs, whole, each with the time it was deleted.

    Examples:
      nnlab trash list
      nnlab trash list --json | jq -r '.[].name'
    """
    from core.runs import default_runs_dir
    from core.trash import list_trash
    from tui.format import duration, safe_text

    found = list_trash(runs_dir or default_runs_dir())
    if json:
        rows = [{"name": r.name, "path": str(r.path), "deleted": r.when} for r in found]
        print(json_module.dumps(rows))
        return
    for run in found:
        print(safe_text(f"{run.name:<24} deleted {duration(time.time() - run.when)} ago"))
    if not found:
        print("The trash is empty.")


@trash.command()
def put(runs: Runs, runs_dir: RunsDir = None) -> None:
    """Delete runs: they leave the list, and lie in the trash until it is emptied.

    A run in progress has to be stopped first.

    Examples:
      nnlab trash put brave-otter old-heron
    """
    from core.runs import default_runs_dir, find_run
    from core.trash import delete_run
    from tui.format import safe_text

    folder = runs_dir or default_runs_dir()
    for path in [find_run(folder, name) for name in runs]:  # all of them, or a name is wrong
        delete_run(path)
        print(safe_text(f"{path.name} is in the trash; nnlab trash restore {path.name}"))


@trash.command()
def restore(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The name it had.")],
    runs_dir: RunsDir = None,
) -> None:
    """Bring a deleted run back, the last one of that name.

    It is as it was, with its notes and checkpoints.

    Examples:
      nnlab trash restore brave-otter
    """
    from core.errors import RunError
    from core.runs import default_runs_dir
    from core.trash import list_trash, restore_run
    from tui.format import safe_text

    found = list_trash(runs_dir or default_runs_dir())
    deleted = next((r for r in found if r.name == run), None)
    if deleted is None:
        raise RunError(f"There is no run {run!r} in the trash.", "See nnlab trash list.")
    print(safe_text(f"{restore_run(deleted)} is back."))


@trash.command()
def empty(
    days: Annotated[
        float, typer.Option(min=0, help="Only what was deleted so many days ago, or longer.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Delete what is in the trash for good.

    Nothing brings it back.

    Examples:
      nnlab trash empty
      nnlab trash empty --days 30 --yes
    """
    from core.runs import default_runs_dir
    from core.trash import empty_trash, list_trash
    from tui.format import size

    found = [
        run
        for run in list_trash(runs_dir or default_runs_dir())
        if time.time() - run.when >= days * 86400
    ]
    if found and not yes:
        typer.confirm(f"Delete {len(found)} run{'s' * (len(found) > 1)} for good?", abort=True)
    print(f"{len(found)} deleted, {size(empty_trash(found))} freed.")
