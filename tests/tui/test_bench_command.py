import json

import pytest
from typer.testing import CliRunner

from tui.cli import app

FAST = ("--seconds", "1", "--threads", "1")


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_it_says_how_near_training_is_to_the_bare_step():
    done = run("softmax", *FAST)
    assert done.exit_code == 0, done.output
    assert "softmax" in done.stdout
    assert "of the bare step" in done.stdout
    for part in ("batch", "forward", "backward", "optimizer", "testing"):
        assert part in done.stdout


def test_the_same_for_scripts():
    done = run("softmax", *FAST, "--batch-size", "128", "--json")
    found = json.loads(done.stdout)
    assert (found["model"], found["batch_size"], found["threads"]) == ("softmax", 128, 1)
    assert found["samples_per_second"] > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "model is missing"),
        (("lenot",), "Did you mean"),
        (("softmax", "--batch-size", "0"), "batch_size"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(arguments, told):
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.output


def test_no_run_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("softmax", *FAST).exit_code == 0
    assert not list(tmp_path.iterdir())
