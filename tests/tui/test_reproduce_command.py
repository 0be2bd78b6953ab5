import json
import os
import signal
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from core.events import StepReport
from core.reproduction.experiments import EXPERIMENTS
from tui.cli import app
from tui.commands import reproduce as command


@pytest.fixture
def nnlab(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(
            app, ["reproduce", *words, "--runs-dir", str(tmp_path / "runs"), "--threads", "1"]
        )

    return run


@pytest.fixture
def tiny_experiments(tiny_run, tmp_path, monkeypatch):
    """Two experiments of the table, with a tiny network on 48 tiny images; the second on a GPU."""
    small = {
        **{"model": f"{tmp_path / 'net.py'}:net", "data": "mnist", "input_size": 8, "epochs": 3},
        **{"batch_size": 10, "optimizer": "sgd", "lr": 0.1, "report_interval": 0},
    }
    entries = {e.name: e for e in EXPERIMENTS}
    lenet, alexnet = entries["lenet-mnist"], entries["alexnet-fashion"]
    found = (
        replace(lenet, setting=replace(lenet.setting, values=small)),
        replace(alexnet, setting=replace(alexnet.setting, values=small)),
    )
    monkeypatch.setattr(command, "EXPERIMENTS", found)
    return found


def test_the_list_names_every_experiment_and_runs_none(nnlab, tmp_path):
    result = nnlab("--list")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [e.name for e in EXPERIMENTS]
    assert all(" not run " in line for line in lines)
    assert not (tmp_path / "runs").exists()
    found = json.loads(nnlab("--list", "--json", "lenet-mnist").stdout)
    assert [e["name"] for e in found] == ["lenet-mnist"]
    assert found[0]["figures"][0] == {
        "metric": "train_loss",
        "epoch": None,
        "published": 0.04517,
        "mean": None,
        "spread": None,
        "seeds": 0,
        "verdict": "not run",
    }


def test_an_unknown_experiment_gets_a_suggestion(nnlab):
    result = nnlab("lenet-mnits")
    assert result.exit_code == 2
    assert "Did you mean 'lenet-mnist'?" in result.stderr


def test_an_experiment_is_measured_once_for_each_seed(tiny_experiments, nnlab, tmp_path):
    result = nnlab("lenet-mnist", "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert "lenet-mnist, seed 1: LeNet on MNIST" in result.stdout
    assert "test accuracy: published 0.9849, ours" in result.stdout
    assert "(2 seeds)" in result.stdout
    file = tmp_path / "runs" / "reproduction" / "results" / "lenet-mnist.json"
    written = file.read_text()
    assert [o["seed"] for o in json.loads(written)["outcomes"]] == [0, 1]
    assert str(tmp_path) not in written.replace(str(tmp_path / "net.py"), "")

    again = nnlab("lenet-mnist", "--seeds", "3", "--json")
    measured = [json.loads(line) for line in again.stdout.splitlines()]
    assert [(m["experiment"], m["seed"]) for m in measured] == [("lenet-mnist", 2)]
    assert measured[0]["figures"] == json.loads(file.read_text())["outcomes"][2]["figures"]
    assert "seed 2" in again.stderr


def test_without_a_gpu_what_needs_one_is_left_out_aloud(tiny_experiments, nnlab, tmp_path):
    result = nnlab("--seeds", "1", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "left out, because they need a GPU: alexnet-fashion" in result.stderr
    results = tmp_path / "runs" / "reproduction" / "results"
    assert [file.name for file in results.iterdir()] == ["lenet-mnist.json"]


def test_the_smaller_check_takes_them_all_and_the_page_shows_it(tiny_experiments, nnlab, tmp_path):
    entries = [
        replace(e, setting=replace(e.setting, values={**e.setting.values, "epochs": 100}))
        for e in tiny_experiments
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "EXPERIMENTS", entries)
        result = nnlab("--quick", "--seeds", "1", "--device", "cpu")
        assert result.exit_code == 0, result.output
        assert result.stdout.count("in the first steps") == 2
        page = nnlab("--render", str(tmp_path / "page.md"))
        assert page.exit_code == 0, page.output
    text = (tmp_path / "page.md").read_text()
    assert "| alexnet-fashion |" in text.partition("## Smaller checks")[2]
    assert "not run: needs a GPU" in text


def test_one_that_fails_does_not_keep_the_others_from_running(
    tiny_experiments, nnlab, tmp_path, monkeypatch
):
    broken, good = tiny_experiments
    values = {**broken.setting.values, "lr": 1e30}
    broken = replace(broken, setting=replace(broken.setting, values=values))
    monkeypatch.setattr(command, "EXPERIMENTS", (broken, good))
    result = nnlab("lenet-mnist", "alexnet-fashion", "--seeds", "1")
    assert result.exit_code == 1
    assert "The loss is" in result.stderr
    assert "1 of the measurements failed: lenet-mnist (seed 0)." in result.stderr
    results = tmp_path / "runs" / "reproduction" / "results"
    assert [file.name for file in results.iterdir()] == ["alexnet-fashion.json"]


def test_ctrl_c_keeps_what_was_done_and_the_same_command_goes_on(
    tiny_experiments, nnlab, tmp_path, monkeypatch
):
    from core.reproduction import perform

    def interrupted(*args, **kwargs):
        for event in run_experiment(*args, **kwargs):
            yield event
            if isinstance(event, StepReport) and event.step == 7:
                os.kill(os.getpid(), signal.SIGINT)

    run_experiment = perform.run_experiment
    monkeypatch.setattr(perform, "run_experiment", interrupted)
    result = nnlab("lenet-mnist", "--seeds", "1")
    assert result.exit_code == 130
    assert not (tmp_path / "runs" / "reproduction" / "results").exists()
    again = nnlab("lenet-mnist", "--seeds", "1")
    assert again.exit_code == 0, again.output
    assert "resumed lenet-mnist-seed0-" in again.stdout
    assert "(1 seed)" in again.stdout


def test_a_page_that_cannot_be_written_is_told(nnlab, tmp_path):
    result = nnlab("--render", str(tmp_path / "no_such_folder" / "page.md"))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
