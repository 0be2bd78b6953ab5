import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from core.events import RunEnd, RunStart
from core.record import read_events
from core.runs import read_info
from tui.launcher import culprit


def failure(folder: Path, rank: int, exitcode: int, told: dict | None = None) -> ProcessFailure:
    file = folder / f"{rank}.json"
    if told:
        file.write_text(json.dumps({"message": "", "timestamp": 100} | told))
    return ProcessFailure(rank, 1000 + rank, exitcode, str(file))


def test_who_was_killed_is_to_blame_and_not_who_lost_it_a_moment_later(tmp_path):
    lost = failure(tmp_path, 0, 1, {"lost": True})
    assert culprit({0: lost, 1: failure(tmp_path, 1, -9)}) == 1


def test_of_several_the_one_that_failed_first_is_to_blame(tmp_path):
    first = failure(tmp_path, 2, 1, {"lost": False, "timestamp": 50})
    second = failure(tmp_path, 1, 1, {"lost": False})
    assert culprit({1: second, 2: first}) == 2


@pytest.fixture
def several(tmp_path):
    """A run of two processes in the foreground, and a function that waits for what it prints."""
    words = ["train", "mlp", "--devices", "2", "--device", "cpu", "--name", "two"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tui.cli", *words, "--epochs", "1000", "--threads", "1"],
        env={**os.environ, "NNLAB_RUNS": str(tmp_path / "runs")},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def until(text: str) -> None:
        for line in process.stdout:
            if text in line:
                return
        pytest.fail(f"{text!r} never came: {process.stderr.read()}")

    yield process, until
    process.kill()
    process.communicate()
    for rank in ranks(tmp_path / "runs" / "two"):  # a test has failed: they would train on
        rank.kill()


def ranks(run: Path) -> list[psutil.Process]:
    """The processes of the ranks of the run in the folder `run`."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if {"tui.rank", str(run)} <= set(process.info["cmdline"] or [])
    ]


def all_end(processes: list[psutil.Process]) -> bool:
    """Whether they do: what they have to tell comes before that."""
    return not psutil.wait_procs(processes, 60)[1]


@pytest.mark.slow
def test_ctrl_c_saves_a_checkpoint_and_all_processes_end(several, tmp_path):
    process, until = several
    until("started two")
    run = tmp_path / "runs" / "two"
    trained = ranks(run)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)

    assert process.returncode == 130
    assert read_info(run).state == "stopped"
    assert list((run / "checkpoints").iterdir())
    assert len(trained) == 2
    assert all_end(trained)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_without_their_launcher_the_ranks_save_a_checkpoint_and_end(several, tmp_path):
    process, until = several
    run = tmp_path / "runs" / "two"
    until("    1 ")  # the first epoch
    trained = ranks(run)
    launcher = trained[0].parent()
    launcher.kill()
    assert all_end(trained)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    info = read_info(run)
    assert info.state == "crashed"
    assert info.problem.startswith(f"Its launcher (process {launcher.pid} on ")
    assert info.problem in errors
    assert "nnlab resume two" in errors
    (end,) = [event for event in read_events(run) if isinstance(event, RunEnd)]
    assert end.state == "stopped"
    assert (run / "checkpoints" / f"step-{end.step:08}" / "manifest.json").exists()


@pytest.mark.slow
def test_a_rank_that_is_stopped_is_named_and_waited_for(several, tmp_path):
    process, until = several
    run = tmp_path / "runs" / "two"
    until("    1 ")  # the first epoch
    victim = next(rank for rank in ranks(run) if rank.pid != read_info(run).owner.pid)
    victim.suspend()
    until(f"Waiting for rank 1 (process {victim.pid} on ")
    assert read_info(run).state == "waiting"
    victim.resume()
    until("the run goes on")
    until("   ")  # an epoch
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_run_and_is_named(several, tmp_path):
    process, until = several
    run = tmp_path / "runs" / "two"
    until("    1 ")  # the first epoch
    trained = ranks(run)
    victim = next(rank for rank in trained if rank.pid != read_info(run).owner.pid)
    victim.kill()
    _, errors = process.communicate(timeout=120)

    info = read_info(run)
    assert process.returncode == 1
    assert info.state == "crashed"
    assert info.problem.startswith(f"Rank 1 (process {victim.pid} on ")
    assert info.problem.endswith("was ended by SIGKILL.")
    assert info.problem in errors
    assert all_end(trained)
    (start,) = [event for event in read_events(run) if isinstance(event, RunStart)]
    assert start.processes == 2
