"""A run under torchrun itself, as on many machines: it is started again when a process has died."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.events import EpochEnd, RunEnd, RunStart
from core.record import read_events
from core.runs import read_info

EPOCHS = 6


def torchrun(folder: Path, name: str, *options: str) -> subprocess.Popen[str]:
    """A run called `name`, of two processes."""
    command = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", *options]
    command += ["-m", "tui.cli", "train", "mlp", "--name", name, "--epochs", str(EPOCHS)]
    command += ["--device", "cpu", "--threads", "1", "--checkpoint-seconds", "0"]
    return subprocess.Popen(
        command,
        env={**os.environ, "NNLAB_RUNS": str(folder), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def started(tmp_path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Two runs, one of which torchrun may start again; both are gone after the test."""
    found = {
        "whole": torchrun(tmp_path, "whole"),
        "again": torchrun(tmp_path, "again", "--max-restarts", "1"),
    }
    yield found
    for process in found.values():
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        process.kill()
        process.communicate()
        for child in children:
            child.kill()


@pytest.mark.slow
def test_when_a_rank_is_killed_torchrun_goes_on_from_the_last_checkpoint(started, tmp_path):
    process, run = started["again"], tmp_path / "again"
    for line in process.stdout:
        if line.startswith("    2 "):  # the second epoch
            break
    else:
        pytest.fail("the second epoch never came")
    rank_0 = read_info(run).owner.pid
    (victim,) = [c for c in psutil.Process(process.pid).children() if c.pid != rank_0]
    victim.kill()
    rest, _ = process.communicate(timeout=300)
    assert process.returncode == 0, rest

    events = list(read_events(run))
    first, second = [e for e in events if isinstance(e, RunStart)]
    assert (first.step, second.processes) == (0, 2)
    assert second.step >= 2 * first.steps_per_epoch
    assert events[-1].state == "finished"
    assert isinstance(events[-1], RunEnd)

    output, _ = started["whole"].communicate(timeout=300)
    assert started["whole"].returncode == 0, output
    told, expected = (
        [e for e in read_events(tmp_path / name) if isinstance(e, EpochEnd)]
        for name in ("again", "whole")
    )
    assert [e.epoch for e in told] == list(range(1, EPOCHS + 1))
    for one, other in zip(told, expected, strict=True):
        assert one.test_loss == pytest.approx(other.test_loss, rel=1e-5)
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
