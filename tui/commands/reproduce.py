"""nnlab reproduce: the notes' experiments, measured again."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.control import Control
from core.errors import NNLabError, RunError, UnknownName
from core.events import RunEnd, RunStart
from core.reproduction import Experiment, Shapes
from core.reproduction.experiments import EXPERIMENTS
from tui.options import RUN, DataDir, Json, RunsDir, completion

if TYPE_CHECKING:
    from core.reproduction.perform import Place
    from core.reproduction.results import Outcome, Results
    from tui.interrupts import Interrupts


def complete_experiment(incomplete: str) -> list[tuple[str, str]]:
    """The experiments, for the shell."""
    return [(e.name, e.title) for e in EXPERIMENTS]


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Experiments. Default: all that this machine can do.",
        autocompletion=complete_experiment,
        show_default=False,
    ),
]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="How many seeds: 0, 1, 2, ...")]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="A smaller check: only the first 200 steps, in small batches."),
]
List = Annotated[bool, typer.Option("--list", help="List the experiments; run nothing.")]
Render = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the results as Markdown; run nothing."),
]
ResultsDir = Annotated[
    Path | None,
    typer.Option(
        "--results",
        help="Folder of the results. Default: reproduction/results in the folder of runs.",
        rich_help_panel=RUN,
    ),
]
Cifar10 = Annotated[
    Path | None,
    typer.Option(
        help="Folder with train and test, each with class folders of images, to take in place of "
        "CIFAR-10.",
        rich_help_panel=RUN,
    ),
]
DeviceName = Annotated[
    str,
    typer.Option(
        help="auto, cpu, mps, cuda or cuda:N.",
        autocompletion=completion("device"),
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="CPU threads. Default: a probe.", rich_help_panel=RUN),
]


def reproduce(
    names: Names = None,
    seeds: Seeds = 3,
    quick: Quick = False,
    list_: List = False,
    render: Render = None,
    results: ResultsDir = None,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    cifar10: Cifar10 = None,
    device: DeviceName = "auto",
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Run the notes' experiments again, and compare with the figures that they published.

    What is measured already is not measured again, and what was interrupted goes on: Ctrl-C
    saves a checkpoint, and the same command continues. Without a GPU, experiments that need one
    are left out, unless they are named.

    Examples:
      nnlab reproduce --list
      nnlab reproduce softmax-concise lenet-mnist
      nnlab reproduce --quick --seeds 1
      nnlab reproduce --render reproduction.md
    """
    from core.runs import default_runs_dir

    chosen = find_experiments(names or [])
    home = (runs_dir or default_runs_dir()) / "reproduction"
    folder = results or home / "results"
    if list_:
        print_list(chosen, folder, json)
    elif render is not None:
        write_page(render, folder)
    else:
        if not names and not quick:
            chosen = without_gpu_work(chosen, device)
        # Takes seconds, for torch: after a bad setting was told.
        from core.reproduction.perform import Place

        place = Place(home, data_dir, cifar10, device, threads)
        run_all(chosen, range(seeds), place, folder, quick, json)


def find_experiments(names: Sequence[str]) -> list[Experiment]:
    """The experiments called `names`, in their order in the table; all of them without names.

    Raises UnknownName.
    """
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UnknownName(
                f"There is no experiment called {name!r}.",
                (f"Did you mean {close[0]!r}? " if close else "")
                + "`nnlab reproduce --list` lists them.",
            )
    return [e for e in EXPERIMENTS if not names or e.name in names]


def without_gpu_work(chosen: Sequence[Experiment], device: str) -> list[Experiment]:
    """`chosen` without what would take days here; says on the standard error what is left out."""
    from core.device import choose_device

    needing = [e.name for e in chosen if e.needs_gpu]
    if not needing or choose_device(device).torch_name.startswith("cuda"):
        return list(chosen)
    print(
        f"left out, because they need a GPU: {', '.join(needing)} (--quick checks their first "
        "steps)",
        file=sys.stderr,
    )
    return [e for e in chosen if not e.needs_gpu]


def run_all(
    chosen: Sequence[Experiment],
    seeds: Sequence[int],
    place: "Place",
    folder: Path,
    quick: bool,
    json: bool,
) -> None:
    """Run what is missing in `folder`, writing each result as soon as it is there.

    An experiment that fails does not keep the others from running. Raises RunError at the end if
    any did, typer.Exit if a signal ended it.
    """
    from core.reproduction.results import read_results, write_results
    from tui.format import safe_text
    from tui.interrupts import Interrupts
    from tui.json_output import print_json
    from tui.lasting_output import lasting_output

    failed: list[str] = []
    control = Control()
    with Interrupts(lambda: control.send("stop")) as interrupts, lasting_output():
        for number, experiment in enumerate(chosen, 1):
            # What draws nothing at random comes out the same with every seed.
            for seed in seeds[:1] if isinstance(experiment.setting, Shapes) else seeds:
                found = read_results(folder, experiment, quick)
                if seed in found.seeds:
                    continue
                at = f"{number}/{len(chosen)}"
                say(f"{at} {experiment.name}, seed {seed}: {experiment.title}", json)
                try:
                    outcome = measure(experiment, seed, place, quick, control, interrupts, json)
                except NNLabError as error:
                    failed.append(f"{experiment.name} (seed {seed})")
                    print(safe_text(f"{error.problem} {error.fix}"), file=sys.stderr)
                    continue
                if interrupts.exit_code is not None and outcome is None:
                    raise typer.Exit(interrupts.exit_code)
                if outcome is None:
                    raise RunError(
                        f"{experiment.name} was stopped before its end.",
                        "The same command continues it.",
                    )
                write_results(folder, experiment, found.with_outcome(outcome))
                if json:
                    print_json({"experiment": experiment.name, "quick": quick, **asdict(outcome)})
            for line in summary_lines(experiment, read_results(folder, experiment, quick)):
                say(line, json)
    if failed:
        raise RunError(
            f"{len(failed)} of the measurements failed: {', '.join(failed)}.",
            "Why is told above; the same command tries them again.",
        )


def measure(
    experiment: Experiment,
    seed: int,
    place: "Place",
    quick: bool,
    control: Control,
    interrupts: "Interrupts",
    json: bool,
) -> "Outcome | None":
    """One experiment with one seed, shown as `nnlab train` shows a run; None if stopped."""
    from core.reproduction.perform import perform
    from tui.reporter import PlainTable, choose_reporter

    work = perform(experiment, seed, place, quick=quick, control=control)
    # In JSON mode people read the standard error.
    with redirect_stdout(sys.stderr if json else sys.stdout):
        reporter = (
            PlainTable() if json else choose_reporter(False, lambda: interrupts.signum is not None)
        )
        with reporter, closing(work):
            while True:
                try:
                    event = next(work)
                except StopIteration as end:
                    interrupts.gentle = False
                    return end.value
                interrupts.check()
                if isinstance(event, RunStart | RunEnd):
                    interrupts.gentle = isinstance(event, RunStart)
                reporter.show(event)


def summary_lines(experiment: Experiment, results: "Results") -> Iterator[str]:
    """Each published figure beside ours."""
    from core.reproduction.page import metric_text, ours_text, published_text, shapes_text
    from core.reproduction.results import values_of
    from core.reproduction.verdict import compare, overall

    if results.quick and (first := values_of(results.outcomes, "first_loss")):
        last = values_of(results.outcomes, "last_loss")
        for outcome, before, after in zip(results.outcomes, first, last, strict=True):
            yield f"  seed {outcome.seed}: loss {before:.4f} in the first steps, {after:.4f} later"
    elif isinstance(experiment.setting, Shapes):
        yield f"  {shapes_text(experiment, results)}: {overall(experiment, results)}"
    else:
        for c in compare(experiment, results):
            yield (
                f"  {metric_text(c.figure)}: published {published_text(c.figure)}, "
                f"ours {ours_text(c)} ({c.seeds} seed{'s' * (c.seeds != 1)}): {c.verdict}"
            )


def say(text: str, json: bool) -> None:
    """A line for people."""
    from tui.format import safe_text

    print(safe_text(text), file=sys.stderr if json else sys.stdout, flush=True)


def print_list(chosen: Sequence[Experiment], folder: Path, json: bool) -> None:
    """A line for each experiment: what it is, what it needs, what is measured of it."""
    from core.reproduction.results import read_results
    from core.reproduction.verdict import overall
    from tui.json_output import print_json

    found = [(experiment, read_results(folder, experiment)) for experiment in chosen]
    if json:
        print_json([as_json(experiment, results) for experiment, results in found])
        return
    from rich.text import Text

    from tui.console import console
    from tui.format import DASH, clip, duration

    out = console()
    longest = max(len(experiment.name) for experiment in chosen)
    rows = [("name", "one seed", "seeds", "verdict", "what it is")]
    for experiment, results in found:
        minutes = experiment.minutes
        rows.append(
            (
                experiment.name,
                "a GPU" if minutes is None else f"~{duration(60 * minutes)}",
                str(len(results.outcomes) or DASH),
                overall(experiment, results),
                f"{experiment.title} ({experiment.source})",
            )
        )
    for i, (name, time, seeds, verdict, what) in enumerate(rows):
        line = f"{name:<{longest}}  {time:>11}  {seeds:>5}  {verdict:<17}  {what}"
        out.print(Text(clip(line, out.width), "bold" if i == 0 else ""))


def as_json(experiment: Experiment, results: "Results") -> dict[str, Any]:
    """The experiment with its published figures and ours; unknown is null."""
    from core.reproduction.verdict import compare, overall

    return {
        "name": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "minutes": experiment.minutes,
        "needs_gpu": experiment.needs_gpu,
        "setting": results.setting,
        "remark": experiment.remark,
        "verdict": overall(experiment, results),
        "figures": [
            {
                "metric": c.figure.metric,
                "epoch": c.figure.epoch,
                "published": c.figure.value,
                "mean": c.mean,
                "spread": c.spread,
                "seeds": c.seeds,
                "verdict": c.verdict,
            }
            for c in compare(experiment, results)
        ],
    }


def write_page(file: Path, folder: Path) -> None:
    """Write the results in `folder` to `file`. Raises RunError."""
    from core.reproduction.page import page
    from tui.format import safe_text

    text = page(EXPERIMENTS, folder)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"{file} cannot be written: {error.strerror}.", "Choose another --render."
        ) from None
    print(safe_text(f"written: {file}"))
