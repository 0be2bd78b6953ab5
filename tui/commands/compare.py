"""nnlab compare: runs side by side."""

import json as json_module
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from tui.commands.show import complete_run
from tui.options import Json, RunsDir

if TYPE_CHECKING:
    from rich.console import RenderableType

    from core.comparison import ComparedRun

SAME = 1e-6  # between curves of runs that do the same in another order of additions
SHORTEST = 8  # columns of a run's name, where there is no room for all of it

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN RUN...",
        help='Two names or more; "last" is the newest run.',
        autocompletion=complete_run,
        show_default=False,
    ),
]


def compare(runs: Runs, runs_dir: RunsDir = None, json: Json = False) -> None:
    """Compare runs: settings that differ, figures by epoch, how far their curves are apart.

    A network from scratch and its twin of torch.nn, with the same settings and seed, have the
    same curves: their largest difference is told.

    Examples:
      nnlab compare brave-otter calm-heron
      nnlab compare softmax-a scratch-a --json | jq .largest_difference
    """
    if len(runs) < 2:
        raise ConfigError("One run alone cannot be compared.", "Name two or more; see nnlab runs.")
    from core.comparison import read_run
    from core.runs import default_runs_dir, find_run

    folder = runs_dir or default_runs_dir()
    found = [read_run(find_run(folder, name)) for name in runs]
    if json:
        from tui.json_output import print_json

        print_json(as_json(found))
        return
    from tui.console import console

    out = console()
    for part in parts(found, out.width):
        out.print(part)


def as_json(runs: "Sequence[ComparedRun]") -> dict[str, Any]:
    """All figures; the differences are the largest over the epochs that all runs have."""
    from core.comparison import differing_settings, distances, largest_distance
    from core.events import to_row

    found = distances(runs)
    return {
        "runs": [
            {
                "name": run.info.name,
                "state": run.info.state,
                "seconds": run.info.seconds,
                "device": run.info.device,
                "best_epoch": run.best.epoch if run.best else None,
                "best_test_score": run.best.test_score if run.best else None,
                "history": [to_row(end) for end in run.epochs],
            }
            for run in runs
        ],
        "settings": differing_settings([run.info.config for run in runs]),
        "differences": {d.figure: {"largest": d.largest, "epoch": d.epoch} for d in found},
        "largest_difference": largest_distance(found),
    }


def parts(runs: "Sequence[ComparedRun]", width: int) -> "Iterator[RenderableType]":
    """The settings that differ, losses and scores by epoch, what came of it."""
    from rich.text import Text

    from core.comparison import differing_settings, distances
    from tui.epoch_table import loss

    names = [run.info.name for run in runs]
    settings = differing_settings([run.info.config for run in runs])
    if settings:
        rows = [(name, [_value(v) for v in values]) for name, values in settings.items()]
        yield _table("setting", names, rows, "left")
    else:
        yield Text("all settings are the same")
    yield Text()
    last = max((run.epochs[-1].epoch for run in runs if run.epochs), default=0)
    metrics = {run.info.metric for run in runs}
    metric = metrics.pop() if len(metrics) == 1 else "score"
    for title, figure in ((f"test {metric}", "test_score"), ("training loss", "train_loss")):
        rows = []
        for epoch in range(1, last + 1):
            ends = [next((e for e in run.epochs if e.epoch == epoch), None) for run in runs]
            as_text = loss if figure == "train_loss" else "{:.4f}".format
            rows.append(
                (str(epoch), [_value(e and as_text(getattr(e, figure))) for e in ends]),
            )
        yield _table(f"{title}\nepoch", names, rows, "right")
        yield Text()
    yield _table("", names, list(_ends(runs)), "right")
    yield Text()
    yield from map(Text, distance_lines(distances(runs)))


def distance_lines(found: Sequence[Any]) -> Iterator[str]:
    """How far the curves are apart, in words."""
    from core.comparison import largest_distance

    largest = largest_distance(found)
    if largest is None:
        yield "there is no epoch that all of them have finished"
        return
    if largest <= SAME:
        yield f"the curves are the same within {SAME:g} (largest difference {largest:.2g})"
        return
    yield "largest difference of the curves"
    for d in found:
        yield f"  {d.figure.replace('_', ' '):<15} {d.largest:.3g} in epoch {d.epoch}"


def _ends(runs: "Sequence[ComparedRun]") -> Iterator[tuple[str, list[str]]]:
    from tui.format import duration

    yield (
        "best",
        [_value(r.best and f"{r.best.test_score:.4f} (epoch {r.best.epoch})") for r in runs],
    )
    yield (
        "final",
        [_value(f"{r.epochs[-1].test_score:.4f}" if r.epochs else None) for r in runs],
    )
    if len({r.info.metric for r in runs}) > 1:
        yield "score", [r.info.metric for r in runs]
    yield "epochs", [f"{len(r.epochs)} of {r.info.epochs}" for r in runs]
    yield "state", [r.info.state for r in runs]
    yield "took", [duration(r.info.seconds) for r in runs]


def _table(
    corner: str, names: Sequence[str], rows: Sequence[tuple[str, list[str]]], justify: Any
) -> "RenderableType":
    from rich.table import Column, Table
    from rich.text import Text

    from tui.format import safe_text

    table = Table(
        Column(corner, no_wrap=True),
        *(
            Column(Text(safe_text(n), overflow="fold"), justify=justify, min_width=SHORTEST)
            for n in names
        ),
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
        header_style="bold",
    )
    for label, cells in rows:
        table.add_row(label, *(Text(safe_text(cell), overflow="fold") for cell in cells))
    return table


def _value(value: Any) -> str:
    from tui.format import DASH

    if value is None or value == [] or value == {}:
        return DASH
    return value if isinstance(value, str) else json_module.dumps(value)
