"""A sweep on the standard output: a line for each run that is over, below them how far the one in
progress has come; and at the end, the table of all, the best first. Or JSON.
"""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from core.comparison import differing_settings, read_run
from core.events import EpochEnd, Event, RunEnd, to_row
from core.runs import RunInfo, read_info
from core.sweep import settings_text, standing, tag_of
from core.trials import Groups, SweepControl, groups
from core.view import RunView, reduce
from tui.console import console
from tui.format import duration, safe_text, score
from tui.interrupts import Interrupts, on_signal
from tui.json_output import to_json
from tui.lasting_output import lasting_output
from tui.next_command import next_command
from tui.reporter import ECHO, REDRAWS, bars
from tui.results_table import results_table, setting_text, standing_text
from tui.suspension import Suspension

Start = Callable[[SweepControl], Generator[tuple[int, Event], None, None]]


def follow_sweep(start: Start, runs: Sequence[Path], as_json: bool) -> None:
    """Train a sweep, showing what happens, until all its runs are over or a signal ends it.

    `runs` are their folders, which are there. Raises what `start` raises, and typer.Exit if a
    signal stopped it.
    """
    control = SweepControl()
    with (
        Interrupts(lambda: control.send("stop")) as interrupts,
        on_signal(signal.SIGUSR1, lambda: control.send("checkpoint")),
        lasting_output(),
    ):
        kind: type[SweepReporter] = SweepReporter
        if as_json:
            kind = JsonLines
        elif sys.stdout.isatty() and not console().is_dumb_terminal:
            kind = LiveSweep
        with (
            kind(runs, lambda: interrupts.signum is not None) as reporter,
            Suspension(reporter.hidden) as suspension,
            closing(start(control)) as events,
        ):
            # Unlike in one run, there is always something to finish: the folders of those to come.
            interrupts.gentle = True
            for index, event in events:
                interrupts.check()
                with suspension.held_off():
                    reporter.show(index, event)
    if control.stopping and interrupts.exit_code is not None:
        raise typer.Exit(interrupts.exit_code)


class SweepReporter:
    """Folds the events of each run into its view. This one is for files and pipes."""

    def __init__(self, runs: Sequence[Path], stopping: Callable[[], bool]) -> None:
        self.runs, self.stopping = runs, stopping
        self.infos = [read_info(run) for run in runs]
        self.settings = settings_of(self.infos)
        self.views: dict[int, RunView] = {}  # of the runs in progress
        self.current = 0

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()

    def show(self, index: int, event: Event) -> None:
        """Take in the next event of a run."""
        self.current = index
        self.views[index] = reduce(self.views.get(index, RunView()), event)
        self.tell(index, event)
        if isinstance(event, EpochEnd | RunEnd):
            self.infos[index] = read_info(self.runs[index])
        if isinstance(event, RunEnd):
            del self.views[index]

    def begin(self) -> None:
        names = ", ".join(name.replace("_", " ") for name in self.settings[0])
        self.line(f"{tag_of(self.infos[0]) or 'sweep'}: {len(self.runs)} runs over {names}", "bold")
        if done := sum(info.state == "finished" for info in self.infos):
            self.line(f"{done} of them finished before", "dim")
        for line in how_trained(groups(self.runs)):
            self.line(line, "dim")

    def tell(self, index: int, event: Event) -> None:
        """Show what `event` brought; the views contain it already."""
        if isinstance(event, RunEnd):
            self.line(self.row(index, event))
            if event.problem:
                self.line(f"  {event.problem} {event.fix}", "dim")

    def row(self, index: int, end: RunEnd) -> str:
        best = "–" if end.best_test_score is None else score(end.best_test_score)
        number = f"{index + 1}/{len(self.runs)}"
        took = duration(end.seconds)
        words = f"{number:>7}  {end.state:<8}  best {best:<6}  {took:>9}"
        return f"{words}  {settings_text(self.settings[index])}"

    def finish(self) -> None:
        """The table of all runs, and what to do next."""
        compared = [read_run(run) for run in self.runs if run.exists()]
        if compared:
            self.line("")
            console().print(results_table(compared, None, {}))
            self.line("")
        for label, text in closing_lines([run.info for run in compared], len(self.runs)):
            self.line(f"{label:<8} {text}", "bold" if label == "next" else "")

    def line(self, text: str, style: str = "") -> None:
        """Print one line, below those before it."""
        print(safe_text(text), flush=True)

    @contextmanager
    def hidden(self) -> Generator[None, None, None]:
        """While the context lasts, nothing of this is on the terminal but lines that stay."""
        yield


class LiveSweep(SweepReporter):
    """For terminals: the bars of the run in progress, and of the sweep, move in place."""

    def __init__(self, runs: Sequence[Path], stopping: Callable[[], bool]) -> None:
        super().__init__(runs, stopping)
        self._console = console()
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=REDRAWS,
            transient=True,
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self._live.start(refresh=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._live.stop()
        super().__exit__(kind, *rest)

    @contextmanager
    def hidden(self) -> Generator[None, None, None]:
        moving = self._live.is_started
        self._live.stop()
        yield
        if moving:
            self._live.start(refresh=True)

    def line(self, text: str, style: str = "") -> None:
        self._console.print(Text(safe_text(text), style), soft_wrap=True)

    def _draw(self) -> RenderableType:
        settings = settings_text(self.settings[self.current])
        current = self.current
        number = f"run {current + 1} of {len(self.runs)}: {settings}"
        at = standing(self.infos)
        if len(self.views) > 1:  # trained as one: they have the time in common
            current = min(self.views)
            shown = settings_text(self.settings[current])
            number = f"{len(self.views)} runs as one; above is the first of them: {shown}"
            at = replace(at, eta_seconds=self.views[current].eta_seconds)
        return Group(
            bars(
                self.views.get(current, RunView()),
                self.stopping(),
                self._console.width - ECHO,
            ),
            *(
                Text(safe_text(line), "dim", no_wrap=True, overflow="ellipsis")
                for line in (number, standing_text(at))
            ),
        )


class JsonLines(SweepReporter):
    """What the sweep is, then one event a line, with the number of its run from 1 and its name."""

    def __enter__(self) -> Self:
        self._out = sys.stdout
        self._redirection = redirect_stdout(sys.stderr)  # what a network prints
        self._redirection.__enter__()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        self._redirection.__exit__(None, None, None)

    def begin(self) -> None:
        runs = [
            {"run": run.name, "path": str(run), "settings": settings}
            for run, settings in zip(self.runs, self.settings, strict=True)
        ]
        self._print({"event": "Sweep", "tag": tag_of(self.infos[0]), "runs": runs})

    def tell(self, index: int, event: Event) -> None:
        self._print({"run": self.runs[index].name, "trial": index + 1} | to_row(event))

    def finish(self) -> None:
        pass

    def _print(self, row: dict[str, Any]) -> None:
        print(to_json(row), file=self._out, flush=True)


def how_trained(found: Groups) -> Iterator[str]:
    """Which runs are trained as one, and why others are not that could be thought to."""
    if together := [len(members) for members in found.members if len(members) > 1]:
        each = "" if len(together) == 1 else f", in {len(together)} groups"
        yield f"{sum(together)} runs trained as one{each}"
    if found.why_in_turn:
        yield f"one after the other: {found.why_in_turn}"


def settings_of(infos: Sequence[RunInfo]) -> list[dict[str, str]]:
    """What is special about each of these runs: its values of the settings that differ."""
    differing = differing_settings([info.config for info in infos])
    return [
        {name: setting_text(values[index]) for name, values in differing.items()}
        for index in range(len(infos))
    ]


def closing_lines(infos: Sequence[RunInfo], runs: int) -> list[tuple[str, str]]:
    """What a sweep of so many runs came to, and what to do next: labels and texts.

    `infos` are those that have begun.
    """
    lines = []
    best = standing(infos).best
    if best and best.best_test_score is not None:
        came = f"{score(best.best_test_score)} test {best.metric} in epoch {best.best_epoch}"
        lines.append(("best", f"{came}, {best.name}"))
    states = Counter(info.state for info in infos)
    states["not begun"] = runs - len(infos)
    lines.append(("runs", ", ".join(f"{n} {state}" for state, n in states.items() if n)))
    if states["finished"] < runs:
        lines.append(("next", "the same command again trains what is left"))
    elif best:
        lines.append(("next", next_command("show", best.path)))
    return lines
