"""The power fails: at every moment of a training with requests, a kill and a resumption."""

import random
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from power_loss import Disk, read_log
from shimmed import compile_shim, digest, load_tiny, run_shimmed

from core.checkpoint import checkpoints, load_newest, tidy
from core.errors import RunError
from core.events import EpochEnd, StepReport
from core.experiment import resume_experiment
from core.record import read_events, set_aside
from core.runs import read_info

TIMES = ("time", "seconds", "samples_per_second", "data_wait")
KEPT = (0.0, 1.0, 0.5, 0.9)  # chance of each unsynced change to be on the disk all the same


def figures(run: Path) -> list[dict[str, object]]:
    """The rows of metrics.jsonl without what the clock decides."""
    return [
        {k: v for k, v in asdict(event).items() if k not in TIMES}
        for event in read_events(run)
        if isinstance(event, StepReport | EpochEnd)
    ]


@pytest.mark.parametrize(
    ("every", "resumed"), [(23, 3), pytest.param(1, 40, marks=pytest.mark.slow)]
)
def test_every_acknowledged_checkpoint_survives_and_every_row_before_it(
    tmp_path, monkeypatch, every, resumed
):
    """The newest good checkpoint is at least the newest that was told of, its weights are those of
    the run that lost no power, and so are all rows up to it. Some are resumed to the end."""
    monkeypatch.setattr("core.prepare.load", load_tiny)
    shim, runs = compile_shim(tmp_path), (tmp_path / "runs").resolve()
    run_shimmed(shim, runs, "acknowledged", log=tmp_path / "log")
    weights: dict[int, set[str]] = {}  # by step; two where a request came between two savings
    for line in (runs / "acknowledged").read_text().splitlines():
        weights.setdefault(int(line.split()[0]), set()).add(line.split()[1])
    truth = figures(runs / "r")
    assert len(truth) == 48  # steps and epochs
    operations = list(read_log(tmp_path / "log"))

    choose = random.Random(0)
    disk = Disk(str(runs))
    states, told_of = 0, 0
    to_resume = set(choose.sample(range(len(operations) * len(KEPT) // every), resumed))
    for number, (operation, data) in enumerate(operations):
        disk.do(operation, data)
        if match := re.fullmatch(rb"(\d+) [0-9a-f]{64}\n", data):
            told_of = int(match[1])
        if number % every:
            continue
        for keep in KEPT:
            left = tmp_path / "left"
            disk.after_power_loss(left, choose, keep)
            states += 1
            check(left / "r", told_of, weights, truth)
            if states in to_resume and told_of >= 12:  # with the new learning rate
                for _ in resume_experiment(left / "r"):
                    pass
                assert figures(left / "r") == truth
                [*_, final] = checkpoints(left / "r" / "checkpoints")
                assert digest(final / "model.safetensors") in weights[40]
            shutil.rmtree(left)
    assert states >= 2000 or every > 1


def check(
    run: Path, told_of: int, weights: dict[int, set[str]], truth: list[dict[str, object]]
) -> None:
    read_info(run)  # whatever it says, it says something
    folder = run / "checkpoints"
    tidy(folder)
    try:
        found, _ = load_newest(folder)
    except RunError:
        assert not told_of
        return
    assert found.position.step >= told_of
    assert digest(found.path / "model.safetensors") in weights[found.position.step]
    copy = run.with_name("copy")
    shutil.copytree(run, copy)
    set_aside(copy, found.position.step, found.circumstances.rows)
    rows = figures(copy)
    shutil.rmtree(copy)
    assert rows == truth[: len(rows)]
    # An epoch's own row follows that of its last step, where the checkpoint was taken after it.
    ends = found.position.epoch - 1
    assert len(rows) == found.position.step + ends
