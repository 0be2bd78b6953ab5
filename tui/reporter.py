"""A run on the standard output: bars and a table on a terminal, plain lines elsewhere, or JSON.

Each reporter is a context manager that is shown every event of a run, in order.
"""

import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from pathlib import Path
from typing import Self

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from core.control import Control
from core.diagnosis import diagnose
from core.events import EpochEnd, Event, Progress, RunEnd, RunStart, to_row
from core.record import read_events
from core.runs import read_facts, read_info
from core.view import RunView, describe, reduce, reduce_all
from tui.console import console
from tui.epoch_table import SHORT, EpochTable, loss
from tui.format import clock, count, duration, safe_text, score, size
from tui.interrupts import Interrupts, on_signal
from tui.json_output import to_json
from tui.lasting_output import lasting_output
from tui.next_command import next_command
from tui.palette import palette
from tui.suspension import Suspension

ECHO = 5  # columns left free: a "^C" that wraps into the next line would leave a bar behind
REDRAWS = 5  # a second; each costs about a millisecond of the training's time


def follow(start: Callable[[Control], Generator[Event, None, None]], as_json: bool) -> None:
    """Train, showing what happens, until the run ends or a signal ends it.

    Raises what the run raises, and typer.Exit if a signal stopped it.
    """
    control = Control()
    with (
        Interrupts(lambda: control.send("stop")) as interrupts,
        on_signal(signal.SIGUSR1, lambda: control.send("checkpoint")),
        lasting_output(),
    ):
        reporter = choose_reporter(as_json, lambda: interrupts.signum is not None)
        with (
            reporter,
            Suspension(reporter.hidden) as suspension,
            closing(start(control)) as events,
        ):
            for event in events:
                interrupts.check()
                # Before the first step and after the last there is no step to finish.
                if isinstance(event, RunStart | RunEnd):
                    interrupts.gentle = isinstance(event, RunStart)
                with suspension.held_off():
                    reporter.show(event)
    if reporter.view.state == "stopped" and interrupts.exit_code is not None:
        raise typer.Exit(interrupts.exit_code)


def follow_detached(start: Callable[[Callable[[Event], None]], Path], as_json: bool) -> None:
    """Show what happens until a run trains in the background, and how to go on from there.

    `start` is given what to call with each event, and returns the run's folder.
    """
    if as_json:
        run = start(lambda event: None)
    else:
        with choose_reporter(False, lambda: False) as reporter:
            run = start(reporter.show)
    info, process = read_info(run), read_facts(run)["pid"]
    if as_json:
        row = {"run": run.name, "path": str(run), "state": info.state, "pid": process}
        print(to_json(row))
        return
    does = "waits in the queue" if info.state == "queued" else "trains"
    for line in (
        f"{run.name} {does} in the background, as process {process}",
        f"folder   {run}",
        f"watch    {next_command('attach', run)}",
        f"stop     {next_command('stop', run)}",
    ):
        print(safe_text(line))


class Reporter:
    """Folds the events of a run into `view`; each kind shows the news in its own way."""

    def __init__(self) -> None:
        self.view = RunView()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: Event) -> None:
        """Take in the next event."""
        if isinstance(event, RunStart) and event.step:
            # Resumed: which epoch is the best so far is told by those before.
            self.view = reduce_all(self.view, read_events(Path(event.path)))
        self.view = reduce(self.view, event)
        self.tell(event)

    def tell(self, event: Event) -> None:
        """Show what `event` brought; `view` contains it already."""
        raise NotImplementedError

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """While the context lasts, nothing of this is on the terminal but lines that stay."""
        yield


def choose_reporter(as_json: bool, stopping: Callable[[], bool]) -> Reporter:
    """What suits the standard output. `stopping` is asked whether a signal has come."""
    if as_json:
        return JsonLines()
    # Not Console.is_terminal: FORCE_COLOR makes it true for a file.
    out = console()
    if sys.stdout.isatty() and not out.is_dumb_terminal:
        return LiveTable(out, stopping)
    return PlainTable()


class JsonLines(Reporter):
    """One event per line and nothing else; what a network prints goes to the standard error."""

    def __enter__(self) -> Self:
        self._out = sys.stdout
        self._redirection = redirect_stdout(sys.stderr)
        self._redirection.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._redirection.__exit__(None, None, None)

    def tell(self, event: Event) -> None:
        print(to_json(to_row(event)), file=self._out, flush=True)
        if isinstance(event, RunEnd) and event.state == "stopped" and self.view.start:
            print(safe_text(f"continue with: {next_line(self.view)}"), file=sys.stderr)


class TableReporter(Reporter):
    """A line for each epoch under a header, and in words what else happens."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        self._width = width
        self._table = EpochTable(width)

    def tell(self, event: Event) -> None:
        match event:
            case EpochEnd():
                best = event == self.view.best  # so far
                self.line(self._table.row(event, best), "green" if best else "")
            case RunStart():
                self.line(describe(event) or "")
                self.line(f"in {event.path}")
                self._table = EpochTable(self._width, event.metric, event.samples)
                self.line(self._table.header(), "bold")
            case RunEnd():
                for label, text in closing_lines(self.view):
                    self.line(f"{label:<8} {text}", "bold" if label == "next" else "")
            case _:
                if told := describe(event):
                    self.line(told, "dim")

    def line(self, text: str, style: str = "") -> None:
        """Print one line, below those before it."""
        raise NotImplementedError


class PlainTable(TableReporter):
    """For files, pipes and terminals without cursor movements."""

    def tell(self, event: Event) -> None:
        super().tell(event)
        if isinstance(event, Progress) and self.view.start is None and event.doing != self._doing:
            self._doing = event.doing
            total = "" if event.total is None else f" ({_amount(event.total, event.unit)})"
            self.line(f"{event.doing}{total}")

    _doing = ""

    def line(self, text: str, style: str = "") -> None:
        print(safe_text(text), flush=True)


class LiveTable(TableReporter):
    """Bars that move in place, below the lines that stay."""

    def __init__(self, out: Console, stopping: Callable[[], bool]) -> None:
        super().__init__(out.width)
        self._console = out
        self._live = Live(
            console=out,
            get_renderable=lambda: bars(self.view, stopping(), out.width - ECHO),
            refresh_per_second=REDRAWS,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, event: Event) -> None:
        if isinstance(event, RunEnd):
            self._live.stop()
        super().tell(event)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        moving = self._live.is_started
        self._live.stop()
        yield
        if moving:
            self._live.start(refresh=True)

    def line(self, text: str, style: str = "") -> None:
        # The terminal breaks what is too long, so that a path or a command can be copied whole.
        self._console.print(Text(safe_text(text), style), soft_wrap=True)


def bars(view: RunView, stopping: bool, width: int) -> RenderableType:
    """How far the run has come, in two lines of bars; while it is prepared, in one."""
    grid = Table.grid(
        Column(no_wrap=True),
        Column(ratio=1),
        Column(no_wrap=True, justify="right"),
        Column(no_wrap=True),
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    grid.width = width
    work = view.progress
    if view.start is None:
        if work is None:
            work = Progress("starting", 0, None)
        _add_bar(grid, work.doing, work.done, work.total, _amounts(work))
    else:
        steps = view.start.steps_per_epoch
        label = len(max(f"epoch {view.epochs}/{view.epochs}", f"step {steps}/{steps}", key=len))
        last = view.last
        _add_bar(
            grid,
            f"epoch {view.epoch}/{view.epochs}".ljust(label),
            view.step,
            view.total_steps,
            f"loss {loss(last.loss)}  {SHORT.get(view.metric, view.metric)} {score(last.score)}"
            if last
            else "",
        )
        unit = SHORT.get(view.start.samples, view.start.samples)
        speed = f"{count(last.samples_per_second):>6} {unit}/s  " if last else ""
        _add_bar(
            grid,
            f"{work.doing:.{label}}" if work else f"step {view.step_in_epoch}/{steps}",
            work.done if work else view.step_in_epoch,
            work.total if work else steps,
            f"{speed}ETA {clock(view.eta_seconds)}",
        )
    if stopping:
        return Group(
            grid, Text("stopping after this step; Ctrl-C leaves at once", palette().warning)
        )
    return grid


def _add_bar(grid: Table, label: str, done: int, total: int | None, news: str) -> None:
    percent = f"{100 * done / total:3.0f} %" if total else ""
    colours = palette()
    grid.add_row(
        Text(safe_text(label), overflow="ellipsis"),
        ProgressBar(
            total=total,
            completed=done,
            pulse=total is None,
            complete_style=colours.train,
            finished_style=colours.success,
            pulse_style=colours.train,
        ),
        percent,
        news,
    )


def closing_lines(view: RunView) -> list[tuple[str, str]]:
    """What a run came to, and what to do next: labels and texts."""
    end, start = view.end, view.start
    assert end is not None
    lines = []
    if end.best_test_score is not None:
        last = f"; last {view.epoch_ends[-1].test_score:.4f}" if view.epoch_ends else ""
        lines.append(
            (
                "best",
                f"{end.best_test_score:.4f} test {view.metric} in epoch {end.best_epoch}{last}",
            )
        )
    epochs = f"{end.epoch} of {view.epochs} epochs" if view.epochs else "before the first epoch"
    lines.append((end.state, f"{epochs}, {end.step} steps in {duration(end.seconds)}"))
    if not end.problem:  # which has its own advice
        lines += [("finding", finding.sentence) for finding in diagnose(view)]
    if start is not None:
        lines += [("folder", start.path), ("next", next_line(view))]
    return lines


def next_line(view: RunView) -> str:
    """The command to go on with after the run has ended."""
    assert view.start is not None
    return next_command("resume" if view.state == "stopped" else "show", Path(view.start.path))


def _amounts(work: Progress) -> str:
    if work.total is None:
        return _amount(work.done, work.unit) if work.done else ""
    if work.unit == "bytes":
        return f"{size(work.done)} of {size(work.total)}"
    return f"{work.done:,} of {work.total:,} {work.unit}".rstrip()


def _amount(number: int, unit: str) -> str:
    return size(number) if unit == "bytes" else f"{number:,} {unit}".rstrip()
