"""`nnlab train` and `nnlab resume`: with a pretended experiment, which can be interrupted at any
event, and once for real in a pseudo-terminal."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

import pexpect
import pytest
from typer.testing import CliRunner

from core.errors import DataError, TrainingDiverged
from core.events import CheckpointSaved, ControlApplied, EpochEnd, Progress, RunEnd, RunStart
from tui.cli import app

START = RunStart(
    *("brave-otter", "runs/brave-otter", "mlp", "fashion-mini", "cpu", "CPU", 1, 203_530),
    *(("coat", "bag"), 10_000, 2_000, 2, 157, 64),
)
EPOCH = EpochEnd(1, 157, 0.5, 0.8, 0.55, 0.79, 0.1, 2.0, 49_512.0)
FINISHED = RunEnd("finished", 1, 157, 1, 0.79, 2.0)


@pytest.fixture
def experiment(monkeypatch) -> ModuleType:
    """The place of core.experiment: tests put their own run_experiment into it."""
    module = ModuleType("core.experiment")
    monkeypatch.setitem(sys.modules, "core.experiment", module)
    return module


def nnlab(*words: str):
    return CliRunner().invoke(app, words)


def test_the_settings_and_folders_reach_the_run(experiment, tmp_path):
    received = {}

    def run_experiment(config, **places):
        received.update(places, config=config)
        yield FINISHED

    experiment.run_experiment = run_experiment
    result = nnlab(
        *("train", "mlp", "--epochs", "3", "--name", "mine"),
        *("--runs-dir", str(tmp_path / "r"), "--data-dir", str(tmp_path / "d")),
    )

    assert result.exit_code == 0, result.output
    assert (received["config"].model, received["config"].epochs) == ("mlp", 3)
    assert received["runs_dir"] == tmp_path / "r"
    assert received["data_dir"] == tmp_path / "d"
    assert received["name"] == "mine"


def test_a_finished_run_ends_with_its_figures(experiment):
    experiment.run_experiment = lambda config, **_: iter([START, EPOCH, FINISHED])
    result = nnlab("train", "mlp")
    assert result.exit_code == 0
    assert "0.7900 test accuracy in epoch 1" in result.stdout
    assert "nnlab show brave-otter" in result.stdout
    assert result.stderr == ""


def test_json_has_nothing_but_events(experiment):
    experiment.run_experiment = lambda config, **_: iter([START, EPOCH, FINISHED])
    result = nnlab("train", "mlp", "--json")
    events = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert events == ["RunStart", "EpochEnd", "RunEnd"]


def interrupted(*signals: int):
    """A run that receives `signals`, one between any two events, and obeys a stop."""

    def run_experiment(config, *, control, **_) -> Iterator:
        yield START
        for signum in signals:
            signal.raise_signal(signum)
            yield EPOCH
        if control.wants("stop"):
            yield ControlApplied(2, 160, "stop")
            yield CheckpointSaved(1, 160, "runs/brave-otter/checkpoints/x", "stop", 0.1, 9)
            yield RunEnd("stopped", 1, 160, 1, 0.79, 2.0)
        else:
            yield FINISHED

    return run_experiment


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_a_checkpoint_and_says_how_to_resume(experiment, signum, code):
    experiment.run_experiment = interrupted(signum)
    result = nnlab("train", "mlp")
    assert result.exit_code == code
    assert "checkpoint saved at step 160" in result.stdout
    assert "nnlab resume brave-otter" in result.stdout


def test_a_stop_in_json_says_how_to_resume_on_the_standard_error(experiment):
    experiment.run_experiment = interrupted(signal.SIGINT)
    result = nnlab("train", "mlp", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout.splitlines()[-1])["state"] == "stopped"
    assert "nnlab resume brave-otter" in result.stderr


def test_a_second_ctrl_c_leaves_at_once(experiment):
    experiment.run_experiment = interrupted(signal.SIGINT, signal.SIGINT)
    result = nnlab("train", "mlp")
    assert result.exit_code == 130
    assert "checkpoint" not in result.stdout
    assert "Traceback" not in result.output


def test_ctrl_c_while_preparing_leaves_at_once(experiment):
    def run_experiment(config, **_):
        yield Progress("downloading", 0, 100, "bytes")
        signal.raise_signal(signal.SIGINT)
        yield START

    experiment.run_experiment = run_experiment
    result = nnlab("train", "mlp")
    assert result.exit_code == 130
    assert "brave-otter" not in result.output


def test_ctrl_c_is_not_lost_where_a_library_catches_everything(experiment):
    def run_experiment(config, **_):
        with suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        yield START
        yield FINISHED

    experiment.run_experiment = run_experiment
    result = nnlab("train", "mlp")
    assert result.exit_code == 130
    assert "brave-otter" not in result.output


def test_one_more_ctrl_c_ends_what_will_not_leave():
    code = (
        "import signal\n"
        "from tui.interrupts import Interrupts\n"
        "with Interrupts(stop=print):\n"
        "    try: signal.raise_signal(signal.SIGINT)\n"
        "    finally: signal.raise_signal(signal.SIGINT); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_run_that_finishes_before_it_can_stop_is_a_success(experiment):
    def run_experiment(config, **_):
        yield START
        signal.raise_signal(signal.SIGINT)
        yield FINISHED

    experiment.run_experiment = run_experiment
    assert nnlab("train", "mlp").exit_code == 0


def test_signals_mean_what_they_meant_before_once_the_run_is_over(experiment):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    experiment.run_experiment = interrupted(signal.SIGINT)
    nnlab("train", "mlp")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_run_that_is_left_early_is_closed(experiment):
    closed = []

    def run_experiment(config, **_):
        try:
            yield START
            signal.raise_signal(signal.SIGINT)
            yield EPOCH
            signal.raise_signal(signal.SIGINT)
        finally:
            closed.append(True)

    experiment.run_experiment = run_experiment
    nnlab("train", "mlp")
    assert closed


def test_a_failure_is_told_once_with_what_to_do(experiment):
    def run_experiment(config, **_):
        yield START
        yield RunEnd("failed", 0, 9, None, None, 1.0, "The loss is nan.", "Try --lr 0.01.")
        raise TrainingDiverged("The loss is nan.", "Try --lr 0.01.")

    experiment.run_experiment = run_experiment
    result = nnlab("train", "mlp")
    assert result.exit_code == 1
    assert result.output.count("The loss is nan.") == 1
    assert result.stderr == "The loss is nan.\nTry --lr 0.01.\n"


def test_bad_data_is_two_lines(experiment):
    def run_experiment(config, **_):
        raise DataError("x.gz is damaged.", "Delete it.")
        yield

    experiment.run_experiment = run_experiment
    result = nnlab("train", "mlp")
    assert (result.exit_code, result.stdout, result.stderr) == (
        *(1, "", "x.gz is damaged.\nDelete it.\n"),
    )


def test_a_bug_is_not_hidden(experiment):
    def run_experiment(config, **_):
        yield START
        raise ZeroDivisionError

    experiment.run_experiment = run_experiment
    assert isinstance(nnlab("train", "mlp").exception, ZeroDivisionError)


def test_every_bad_setting_is_told_before_anything_is_imported(experiment):
    result = nnlab("train", "lenett", "--epochs", "0", "--optimizer", "sdg")
    assert result.exit_code == 2
    assert result.stderr.startswith("This run cannot start.\nChange:\n")
    for text in ("'lenet'", "epochs = '0'", "'sgd'"):
        assert text in result.stderr


def test_without_a_network_the_error_says_where_to_find_one(experiment):
    result = nnlab("train")
    assert result.exit_code == 2
    assert "nnlab models" in result.stderr


@pytest.mark.slow
def test_the_real_thing_in_a_terminal_is_stopped_and_resumed(tmp_path):
    environment = {**os.environ, "TERM": "xterm-256color", "NNLAB_RUNS": str(tmp_path)}
    environment.pop("NO_COLOR", None)

    def start(*words: str) -> pexpect.spawn:
        words = ("-c", "from tui.cli import main; main()", *words)
        return pexpect.spawn(
            sys.executable, list(words), env=environment, dimensions=(24, 80), timeout=60
        )

    run = start("train", "mlp", "--epochs", "100000", "--name", "mine", "--threads", "1")
    run.expect(r"epoch +loss +train acc +test loss +test acc")
    run.expect(r"\n.* 1 +\d\.\d{4} +0\.\d{4} +\d\.\d{4} +0\.\d{4}\*")
    run.sendintr()
    run.expect("checkpoint saved at step")
    run.expect("nnlab resume mine")
    run.expect(pexpect.EOF)
    run.close()
    assert run.exitstatus == 130
    assert json.loads((tmp_path / "mine" / "run.json").read_text())["state"] == "stopped"

    again = start("resume", "last")
    again.expect("resumed mine")
    again.expect(r"\n.*? (\d+) +\d\.\d{4} +0\.\d{4}")
    assert int(again.match[1]) > 0
    again.sendintr()
    again.sendintr()
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 130
    seen = again.before.decode()
    assert "Traceback" not in seen
    # The bars hide the cursor: the last word must be to show it again.
    shown = re.findall(r"\x1b\[\?25[lh]", seen)
    assert not shown or shown[-1] == "\x1b[?25h"
