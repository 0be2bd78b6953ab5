"""What came of several runs, and what made them different: for the screen and the command."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from core.comparison import (
    ComparedRun,
    by_score,
    differing_settings,
    seed_repeats,
    to_baseline,
)
from core.sweep import Standing
from tui.format import DASH, clip, clock, duration, safe_text, score, told_apart

LONGEST = 24  # columns of a name or a setting
SHORTEST = 6  # columns of a name


def results_table(
    runs: Sequence[ComparedRun],
    baseline: ComparedRun | None,
    signs: dict[str, tuple[str, Style]],
) -> Table:
    """A row for each run, the best first: results, then the settings that are not all the same.

    `signs` has the letter of each run, by its name. Below stand the seed repeats.
    """
    sorted_runs = by_score(runs)
    settings = differing_settings([run.info.config for run in sorted_runs])
    names = tuple(run.info.name for run in sorted_runs)
    titles = ["best", "epoch", *(["Δ"] if baseline else []), "last", "took", "state"]
    table = Table(
        Column("", no_wrap=True),
        Column("run"),  # where there is little room, names and settings are cut, not figures
        *(Column(title, justify="right", no_wrap=True) for title in titles),
        *(Column(_cut(n.replace("_", " "))) for n in settings),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for row, run in enumerate(sorted_runs):
        sign, style = signs.get(run.info.name, ("", Style()))
        pinned = baseline is not None and run.info.path == baseline.info.path
        last = run.epochs[-1].test_score if run.epochs else None
        cells = [
            f"{run.best.test_score:.4f}" if run.best else DASH,
            f"{run.best.epoch if run.best else DASH}/{run.info.epochs}",
            *(["base" if pinned else signed(to_baseline(run, baseline))] if baseline else []),
            DASH if last is None else f"{last:.4f}",
            duration(run.info.seconds),
            run.info.state,
        ]
        table.add_row(
            Text(sign, style + Style(bold=True)),
            _Name(run.info.name, names),
            *(Text(safe_text(cell)) for cell in cells),
            *(_cut(setting_text(values[row])) for values in settings.values()),
        )
    if lines := list(repeats_lines(sorted_runs)):
        grid = Table.grid()
        grid.add_row(table)
        grid.add_row("")
        for line in lines:
            grid.add_row(Text(line))
        return grid
    return table


class _Name:
    """One of the names of several runs, which differ in most cases at their ends."""

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self.name, self.names = name, names

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = min(cell_len(safe_text(self.name)), LONGEST)
        return Measurement(min(width, SHORTEST), width).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, LONGEST)
        yield Text(told_apart(self.names, width)[self.name], no_wrap=True, end="")


def _cut(text: str) -> Text:
    """`text` in one line, with … where there is no room for its end."""
    return Text(clip(text, LONGEST), no_wrap=True, overflow="ellipsis")


def standing_text(at: Standing) -> str:
    """ "2 of 6 over · best 0.8912, mlp-24cf8f-3 · ETA 0:24"."""
    words = [f"{at.over} of {at.trials} over"]
    if at.best and at.best.best_test_score is not None:
        words.append(f"best {score(at.best.best_test_score)}, {at.best.name}")
    if at.over < at.trials:
        words.append(f"ETA {clock(at.eta_seconds)}")
    return " · ".join(words)


def repeats_lines(runs: Sequence[ComparedRun]) -> Iterator[str]:
    """Mean and spread of the runs that differ in their seed alone."""
    for repeats in seed_repeats(runs):
        names = ", ".join(safe_text(run.info.name) for run in repeats.runs)
        best = f"best {repeats.mean:.4f} ± {repeats.spread:.4f}"
        yield f"{len(repeats.runs)} runs that differ in their seed alone: {best} ({names})"


def signed(delta: float | None) -> str:
    """0.0123 as "+0.0123", what is not known as a dash."""
    return DASH if delta is None else f"{delta:+.4f}"


def setting_text(value: Any) -> str:
    """The value of a setting as JSON, without quotes; a dash where there is none."""
    if value is None or value == [] or value == {}:
        return DASH
    return value if isinstance(value, str) else json.dumps(value)
