"""nnlab sweep: train every combination of settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.commands.train import Detach, Queue
from tui.options import RUN, DataDir, Given, Json, RunsDir, Share, completion, with_run_options

if TYPE_CHECKING:
    from core.sweep import Sweep

Model = typer.Argument(
    metavar="MODEL",
    help="A name from `nnlab models`, several with commas, or path/to/net.py:MyNet, which runs the "
    "code in that file. Needed unless --config has it.",
    autocompletion=completion("model"),
    show_default=False,
)
Name = Annotated[
    str | None,
    typer.Option(
        help="What to call the sweep: its runs are NAME-1, NAME-2, ... Default: the network and a "
        "number that follows from the settings.",
        rich_help_panel=RUN,
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        min=1,
        metavar="N",
        help="Train only so many of the combinations, chosen by chance.",
        rich_help_panel=RUN,
    ),
]
SampleSeed = Annotated[
    int, typer.Option("--sample-seed", help="Which ones chance chooses.", rich_help_panel=RUN)
]


@with_run_options(Model)
def sweep(
    given: Given,
    name: Name = None,
    sample: Sample = None,
    sample_seed: SampleSeed = 0,
    runs_dir: RunsDir = None,
    data_dir: DataDir = None,
    detach: Detach = False,
    queue: Queue = False,
    share: Share = False,
    json: Json = False,
) -> None:
    """Train a network once for each combination of settings, and compare what came of them.

    Every setting takes a list, 0.01,0.1,1, or a range: 64:256:64 in steps of 64, 0.001:1:x10 ten
    times as much each time. Names make lists too, and the network's options:
    --model-options hidden=64,256.

    Its runs are ordinary ones with a tag, sweep-NAME: nnlab runs tag:sweep-rates --sort best.
    Ctrl-C saves a checkpoint and ends; the same command again goes on where it was, and leaves out
    what is finished. Small networks that differ in lr, weight decay, start or seed alone are
    trained as one, where that is faster. --detach trains all of them in one process.

    Examples:
      nnlab sweep mlp --lr 0.01,0.1,1 --batch-size 64:256:64
      nnlab sweep lenet --optimizer sgd,adam --lr 0.001:1:x10 --epochs 5 --name rates
      nnlab sweep mlp,lenet --lr 0.001:1:x10 --seed 0:4:1 --sample 10
      nnlab sweep mlp --model-options hidden=64,256 --detach
      nnlab sweep mlp --lr 0.1,1 --json | jq -r 'select(.event == "RunEnd").best_test_score'
    """
    from core.runs import default_runs_dir
    from core.sweep import plan_sweep

    planned = plan_sweep(
        given.values, file=given.file, name=name, sample=sample, sample_seed=sample_seed
    )
    train_all(planned, runs_dir or default_runs_dir(), data_dir, detach, queue, share, json)


def train_all(
    planned: "Sweep",
    runs_dir: Path,
    data_dir: Path | None,
    detach: bool,
    queue: bool,
    share: bool,
    as_json: bool,
) -> None:
    """Train the runs of a sweep here or, to `detach`, in the background."""
    from core.runs import read_info
    from core.trials import check_networks, create_trials, run_trials

    check_networks(planned, data_dir)
    runs = create_trials(planned, runs_dir, share=share)
    left = [run for run in runs if read_info(run).state != "finished"]
    if detach and left:
        detach_all(planned.tag, runs, left[0], data_dir, queue, as_json)
        return
    from tui.sweep_reporter import follow_sweep

    follow_sweep(
        lambda control: run_trials(runs, data_dir=data_dir, control=control, queue=queue),
        runs,
        as_json,
    )


def detach_all(
    tag: str,
    runs: Sequence[Path],
    first: Path,
    data_dir: Path | None,
    queue: bool,
    as_json: bool,
) -> None:
    """Train `runs` in the background, beginning with `first`, and tell how to get at them."""
    from core.runs import read_facts
    from tui.detach import detach_sweep
    from tui.format import safe_text
    from tui.json_output import to_json
    from tui.next_command import next_command
    from tui.reporter import choose_reporter

    if as_json:
        detach_sweep(runs, data_dir=data_dir, queue=queue)
        row = {"tag": tag, "runs": [str(run) for run in runs], "pid": read_facts(first)["pid"]}
        print(to_json(row))
        return
    with choose_reporter(False, lambda: False) as reporter:
        detach_sweep(runs, data_dir=data_dir, queue=queue, show=reporter.show)
    for line in (
        f"{tag} trains in the background, as process {read_facts(first)['pid']}",
        f"folder   {first.parent}",
        f"list     {next_command('runs', first.with_name('tag:' + tag))}",
        f"watch    {next_command('attach', first)}",
        f"stop     {next_command('stop', first.with_name(tag))}",
    ):
        print(safe_text(line))
