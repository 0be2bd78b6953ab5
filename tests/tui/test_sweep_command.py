"""`nnlab sweep`: with pretended runs, for what is shown, and for real in the background."""

import json
import signal

import psutil
import pytest
from typer.testing import CliRunner

from core.events import EpochEnd, Progress, RunEnd, RunStart
from core.record import record
from core.runs import list_runs, read_facts, read_info
from tui.cli import app
from tui.sweep_reporter import SweepReporter


def nnlab(*words: str):
    return CliRunner().invoke(app, words)


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Where the runs of `nnlab sweep` are, which train nothing: a score follows from the settings,
    and a learning rate of 1 fails."""
    monkeypatch.setattr("core.trials.check_networks", lambda *_: None)

    def train(run, data_dir, control, queue):
        config = read_info(run).config
        start = RunStart(
            *(run.name, str(run), "mlp", "tiny", "cpu", "CPU", 1, 10, ("a", "b"), 48, 24, 1, 4, 12)
        )
        end = EpochEnd(1, 4, 0.5, 0.8, 0.55, config.lr / 2, config.lr, 2.0, 50.0)

        def events():
            yield start
            yield end
            failed = config.lr == 1
            yield RunEnd(
                *("failed" if failed else "finished", 1, 4, 1, config.lr / 2, 2.0),
                **({"problem": "It burns.", "fix": "Use water."} if failed else {}),
            )

        yield Progress("preparing", 0, None)
        yield from record(run, events(), "0" * 64)

    monkeypatch.setattr("core.trials._train", train)
    monkeypatch.setattr("core.ensemble.why_not_together", lambda configs: "they do not train")
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


SWEEP = ("sweep", "mlp", "--lr", "0.1,0.5,1", "--name", "rates", "--epochs", "1")


def test_a_line_for_each_run_and_at_the_end_a_table_with_the_best_first(trained):
    result = nnlab(*SWEEP)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "sweep-rates: 3 runs over lr"
    assert lines[1] == "one after the other: they do not train"
    assert lines[2].split() == ["1/3", "finished", "best", "0.0500", "2.0", "s", "lr", "0.1"]
    assert "It burns. Use water." in lines[5]
    table = [line.split() for line in lines if line.strip().startswith("rates-")]
    assert [row[0] for row in table] == ["rates-3", "rates-2", "rates-1"]
    assert "runs     2 finished, 1 failed" in lines
    assert lines[-1] == "next     the same command again trains what is left"


def test_the_same_command_again_says_what_is_finished_and_trains_the_rest(trained):
    nnlab(*SWEEP)
    result = nnlab(*SWEEP)
    assert "2 of them finished before" in result.output
    assert "3/3  failed" in result.output
    assert "1/3  finished" not in result.output


def test_json_is_the_plan_and_an_event_a_line(trained):
    rows = [json.loads(line) for line in nnlab(*SWEEP, "--json").output.splitlines()]
    assert rows[0]["tag"] == "sweep-rates"
    assert [run["settings"] for run in rows[0]["runs"]] == [
        {"lr": r} for r in ("0.1", "0.5", "1.0")
    ]
    ends = [(row["run"], row["trial"]) for row in rows if row["event"] == "RunEnd"]
    assert ends == [("rates-1", 1), ("rates-2", 2), ("rates-3", 3)]


def test_a_bad_combination_is_one_error_and_no_run_is_there(trained):
    result = nnlab("sweep", "mlp", "--lr", "0,0.1")
    assert result.exit_code == 2
    assert "1 of the 2 runs of this sweep could not start" in result.stderr
    assert list_runs(trained) == []


def test_repeats_are_runs_with_one_seed_after_the_other(trained):
    result = nnlab("train", "mlp", "--repeat", "3", "--seed", "7", "--lr", "0.5", "--name", "again")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("sweep-again: 3 runs over seed\n")
    runs = {info.name: info.config.seed for info in list_runs(trained)}
    assert runs == {"again-1": 7, "again-2": 8, "again-3": 9}
    assert "3 runs that differ in their seed alone: best 0.2500 ± 0.0000" in result.output


def test_several_values_of_a_setting_are_no_repeats(trained):
    result = nnlab("train", "mlp", "--repeat", "3", "--lr", "0.1,0.5")
    assert result.exit_code == 2
    assert "lr = '0.1,0.5'" in result.stderr


def test_what_is_in_the_names_of_the_runs_is_shown_safely(trained, capsys):
    reporter = SweepReporter([trained / "a\x1b[31m"], lambda: False)
    reporter.line(f"{reporter.runs[0].name}")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_sweep_trains_in_the_background_until_its_tag_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path / "runs"))
    words = (
        "--epochs",
        "100000",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--name",
        "long",
        "--detach",
    )
    started = nnlab("sweep", "softmax", "--lr", "0.01,0.1", *words)
    assert started.exit_code == 0, started.output
    process = psutil.Process(read_facts(tmp_path / "runs" / "long-1")["pid"])
    try:
        assert "nnlab stop sweep-long" in started.output
        states = {info.name: info.state for info in list_runs(tmp_path / "runs")}
        assert states == {"long-1": "training", "long-2": "queued"}
        again = nnlab("sweep", "softmax", "--lr", "0.01,0.1", *words)
        assert "long-1 is training already" in again.stderr

        stopped = nnlab("stop", "sweep-long")
        assert stopped.exit_code == 0, stopped.output
        psutil.wait_procs([process], 60)
        states = {info.name: info.state for info in list_runs(tmp_path / "runs")}
        assert states == {"long-1": "stopped"}
    finally:
        if process.is_running():
            process.send_signal(signal.SIGKILL)
