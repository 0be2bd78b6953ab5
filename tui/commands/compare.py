"""nnlab compare: runs side by side."""

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

    Runs that differ in their seed alone are told as mean ± standard deviation. What is better or
    worse than the baseline (nnlab note RUN --baseline) is told for each.

    A network from scratch and its twin of torch.nn, with the same settings and seed, have the
    same curves: their largest difference is told.

    Examples:
      nnlab compare brave-otter calm-heron
      nnlab compare softmax-a scratch-a --json | jq .largest_difference
    """
    if len(runs) < 2:
        raise ConfigError("One run alone cannot be compared.", "Name two or more; see nnlab runs.")
    from core.comparison import read_run
    from core.runs import default_runs_dir, find_run, list_runs

    folder = runs_dir or default_runs_dir()
    found = [read_run(find_run(folder, name)) for name in runs]
    pinned = next((info.path for info in list_runs(folder) if info.notes.baseline), None)
    baseline = read_run(pinned) if pinned else None
    if json:
        from tui.json_output import print_json

        print_json(as_json(found, baseline))
        return
    from tui.console import console

    out = console()
    for part in parts(found, baseline):
        out.print(part)


def as_json(runs: "Sequence[ComparedRun]", baseline: "ComparedRun | None" = None) -> dict[str, Any]:
    """All figures; the differences are the largest over the epochs that all runs have."""
    from core.comparison import (
        differing_settings,
        distances,
        largest_distance,
        seed_repeats,
        to_baseline,
    )
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
                "to_baseline": to_baseline(run, baseline),
                "history": [to_row(end) for end in run.epochs],
            }
            for run in runs
        ],
        "baseline": baseline.info.name if baseline else None,
        "seed_repeats": [
            {"runs": [r.info.name for r in repeats.runs]}
            | {"mean": repeats.mean, "spread": repeats.spread}
            for repeats in seed_repeats(runs)
        ],
        "settings": differing_settings([run.info.config for run in runs]),
        "differences": {d.figure: {"largest": d.largest, "epoch": d.epoch} for d in found},
        "largest_difference": largest_distance(found),
    }


def parts(
    runs: "Sequence[ComparedRun]", baseline: "ComparedRun | None"
) -> "Iterator[RenderableType]":
    """The settings that differ, losses and scores by epoch, what came of it."""
    from rich.text import Text

    from core.comparison import differing_settings, distances
    from tui.epoch_table import loss
    from tui.results_table import repeats_lines, setting_text

    names = [run.info.name for run in runs]
    settings = differing_settings([run.info.config for run in runs])
    if settings:
        rows = [(name, [setting_text(v) for v in values]) for name, values in settings.items()]
        yield _table("setting", names, rows, "left")
    else:
        yield Text("all settings are the same")
    yield Text()
    metrics = {run.info.metric for run in runs}
    metric = metrics.pop() if len(metrics) == 1 else "score"
    # Not up to the last one: what somebody's rows say of it may be any number.
    epochs = sorted({end.epoch for run in runs for end in run.epochs})
    for title, figure in ((f"test {metric}", "test_score"), ("training loss", "train_loss")):
        rows = []
        for epoch in epochs:
            ends = [next((e for e in run.epochs if e.epoch == epoch), None) for run in runs]
            as_text = loss if figure == "train_loss" else "{:.4f}".format
            rows.append(
                (str(epoch), [setting_text(e and as_text(getattr(e, figure))) for e in ends]),
            )
        yield _table(f"{title}\nepoch", names, rows, "right")
        yield Text()
    yield _table("", names, list(_ends(runs, baseline)), "right")
    yield Text()
    if repeats := list(repeats_lines(runs)):
        yield from map(Text, repeats)
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


def _ends(
    runs: "Sequence[ComparedRun]", baseline: "ComparedRun | None"
) -> Iterator[tuple[str, list[str]]]:
    from core.comparison import to_baseline
    from tui.format import duration, safe_text
    from tui.results_table import setting_text, signed

    yield (
        "best",
        [setting_text(r.best and f"{r.best.test_score:.4f} (epoch {r.best.epoch})") for r in runs],
    )
    if baseline:
        yield (
            f"to {safe_text(baseline.info.name)}",
            [signed(to_baseline(run, baseline)) for run in runs],
        )
    yield (
        "final",
        [setting_text(f"{r.epochs[-1].test_score:.4f}" if r.epochs else None) for r in runs],
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
