"""`nnlab stop`, `pause`, `resume`, `checkpoint`, `set` and `extend`: on runs that are pretended,
and one after the other on a real one in a process of its own."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tui.commands.control as control_commands
from core.config import make_config
from core.control import Control, Request
from core.events import ControlApplied, Event, RunEnd, RunStart
from core.mailbox import FOLDER, Mailbox
from core.record import read_events, record
from core.rows import OTHERS
from core.runs import create_run, list_runs, read_facts, read_info, write_facts
from tui.cli import app
from tui.commands.control import complete_live_run, parse_setting


@pytest.fixture
def runs_dir(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(control_commands, "PATIENCE_SECONDS", 60.0)  # of a busy machine
    return tmp_path / "runs"


@pytest.fixture
def impatient(runs_dir, monkeypatch) -> None:
    monkeypatch.setattr(control_commands, "PATIENCE_SECONDS", 1.0)


def nnlab(*words: str):
    return CliRunner().invoke(app, words)


def live_run(runs_dir: Path, name: str = "brave-otter", **facts: object) -> Path:
    """A run that this process seems to train."""
    run = create_run(runs_dir, make_config({"model": "mlp"}), name)
    write_facts(run, read_facts(run) | {"state": "training"} | facts)
    return run


@contextmanager
def trained(run: Path, answer: Callable[[Request], Event]) -> Iterator[list[Request]]:
    """While the context lasts, a thread takes what `run` is asked and answers it."""
    asked: list[Request] = []
    over = threading.Event()
    start = RunStart(
        *(run.name, str(run), "mlp", "fashion-mini", "cpu", "CPU", 1, 9, ("a", "b"), 90, 10),
        *(3, 9, 10),
    )

    def events():
        control, mailbox = Control(), Mailbox(run)
        yield start
        while not over.wait(0.01):
            mailbox.deliver(control)
            while request := control.take():
                assert isinstance(request, Request)
                asked.append(request)
                yield answer(request)

    thread = threading.Thread(target=lambda: list(record(run, events(), "0" * 64)))
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def obey(request: Request) -> Event:
    kinds = {"scale_lr": ("lr", 0.05), "extend": ("epochs", 8.0)}
    kind, value = kinds.get(request.kind, (request.kind, request.value))
    return ControlApplied(2, 512, kind, value, request.id)


@pytest.mark.parametrize(
    ("words", "requests", "lines"),
    [
        (["pause"], [("pause", None)], ["paused at step 512"]),
        (["checkpoint"], [("checkpoint", None)], ["checkpoint saved at step 512"]),
        (["stop", "--after-epoch"], [("stop_after_epoch", None)], ["stops after epoch 2"]),
        (["set", "lr=0.01"], [("lr", 0.01)], ["learning rate 0.01 from step 512"]),
        (
            ["set", "lr=x0.5", "epochs=20", "brave-otter"],
            [("scale_lr", 0.5), ("epochs", 20)],
            ["learning rate 0.05 from step 512", "20 epochs in all, as of step 512"],
        ),
        (["set", "last", "epochs=-2"], [("extend", -2)], ["8 epochs in all, as of step 512"]),
        (["extend", "+5"], [("extend", 5)], ["8 epochs in all, as of step 512"]),
        (["extend", "-2", "brave-otter"], [("extend", -2)], ["8 epochs in all, as of step 512"]),
        (["extend", "brave-otter", "3"], [("extend", 3)], ["8 epochs in all, as of step 512"]),
    ],
    ids=str,
)
def test_a_command_is_one_request_each_and_one_line_each(runs_dir, words, requests, lines):
    with trained(live_run(runs_dir), obey) as asked:
        result = nnlab(*words)
    assert [(request.kind, request.value) for request in asked] == requests
    assert result.output.splitlines() == [f"brave-otter: {line}" for line in lines]
    assert result.exit_code == 0


def test_json_is_what_was_applied(runs_dir):
    with trained(live_run(runs_dir), obey):
        told = json.loads(nnlab("set", "lr=0.01", "epochs=+3", "--json").stdout)
    assert told["run"] == "brave-otter"
    assert [(row["request"], row["value"], row["step"]) for row in told["applied"]] == [
        ("lr", 0.01, 512),
        ("epochs", 8, 512),
    ]


def test_resume_lets_a_paused_run_go_on(runs_dir):
    run = live_run(runs_dir)
    with trained(run, obey):
        assert nnlab("pause").exit_code == 0
        while read_info(run).state != "paused":  # run.json comes after the row
            threading.Event().wait(0.01)
        result = nnlab("resume", "brave-otter")
    assert result.output == "brave-otter: goes on at step 512\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["set"], "CHANGE"),
        (["set", "brave-otter"], "Nothing is named"),
        (["set", "lrr=1"], "Did you mean 'lr'?"),
        (["set", "momentum=1"], "Choose lr or epochs"),
        (["set", "lr="], "not a number"),
        (["set", "lr=fast"], "'fast' is not a number"),
        (["set", "lr=0"], "lr takes a number from"),
        (["set", "lr=inf"], "lr takes a number from"),
        (["set", "lr=x0"], "scale_lr takes a number from"),
        (["set", "epochs=1.5"], "whole number"),
        (["set", "epochs=+1e9"], "from -1e+06"),
        (["set", "lr=0.1", "epochs=x"], "'x' is not a number"),  # and lr is not sent either
        (["set", "a", "b", "lr=1"], "One run at a time"),
        (["extend"], "CHANGE"),
        (["extend", "brave-otter"], "there are 0"),
        (["extend", "+1", "+2"], "there are 2"),
        (["extend", "--jsn", "+2"], "no option --jsn"),
        (["set", "--jsn", "lr=1"], "No such option"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_before_anything_is_sent(runs_dir, words, problem):
    run = live_run(runs_dir)
    result = nnlab(*words)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert not (run / FOLDER).exists()


def test_without_a_name_there_must_be_one_run_alone(runs_dir):
    result = nnlab("stop")
    assert result.exit_code == 1
    assert "No run is going on" in result.stderr
    live_run(runs_dir, "one")
    live_run(runs_dir, "two")
    result = nnlab("stop")
    assert result.exit_code == 1
    assert "Name one of: two, one." in result.stderr or "Name one of: one, two." in result.stderr


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_a_run_that_is_over_cannot_be_asked(runs_dir, state):
    live_run(runs_dir, state=state)
    result = nnlab("pause", "last")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"brave-otter is not going on: {state}.\n")


def test_a_run_whose_process_is_dead_cannot_be_asked(runs_dir):
    run = live_run(runs_dir, pid=2**22 + 1)
    result = nnlab("pause", "brave-otter")
    assert result.exit_code == 1
    assert "crashed" in result.stderr
    assert not (run / FOLDER).exists()


def test_a_run_that_does_not_look_is_not_asked_any_more(runs_dir, impatient):
    run = live_run(runs_dir)
    result = nnlab("pause")
    assert result.exit_code == 1
    assert "withdrawn after 1 s" in result.stderr
    assert list((run / FOLDER).iterdir()) == []


def test_a_run_that_takes_its_time_is_told_apart(runs_dir, impatient):
    run = live_run(runs_dir)
    with trained(run, lambda request: ControlApplied(1, 1, "pause", None, "of another")) as asked:
        result = nnlab("pause")
    assert result.exit_code == 1
    assert "not yet carried it out after 1 s" in result.stderr
    assert len(asked) == 1


def test_a_run_that_ends_first_is_named_so(runs_dir):
    end = RunEnd("finished", 3, 27, 1, 0.8, 1.0)
    with trained(live_run(runs_dir), lambda request: end):
        result = nnlab("pause")
    assert result.exit_code == 1
    assert "brave-otter ended before it got to this" in result.stderr


def test_a_run_on_another_machine_is_waited_for_with_a_word(runs_dir, monkeypatch):
    monkeypatch.setattr(control_commands, "REMOTE_PATIENCE_SECONDS", 1.0)
    live_run(runs_dir, host="node7")
    result = nnlab("pause", "brave-otter")
    assert result.exit_code == 1
    assert "brave-otter trains on node7: waiting" in result.stderr


def test_somebody_elses_run_is_refused(runs_dir, monkeypatch):
    run = live_run(runs_dir)
    monkeypatch.setattr("core.mailbox.os.geteuid", lambda: run.stat().st_uid + 1)
    result = nnlab("stop")
    assert result.exit_code == 1
    assert "belongs to user" in result.stderr


def test_the_shell_is_offered_the_runs_that_go_on(runs_dir):
    class Context:
        params = {"runs_dir": runs_dir}  # noqa: RUF012

    live_run(runs_dir, "going-on")
    live_run(runs_dir, "over", state="finished")
    assert complete_live_run(Context()) == [("going-on", "training: mlp")]


@pytest.mark.parametrize("text", ["lr=*0.5", "lr=x.5", "lr = x5e-1"])
def test_a_factor_can_be_written_in_several_ways(text):
    assert parse_setting(text) == Request("scale_lr", 0.5)


def test_a_real_detached_run_obeys_every_command_and_shows_it(runs_dir):
    """The way of a run from its start to its end, in processes of their own."""
    start = ("train", "softmax", "--epochs", "100000", "--threads", "1", "--device", "cpu")
    started = nnlab(*start, "--detach", "--name", "mine")
    assert started.exit_code == 0, started.output
    assert "mine trains in the background" in started.stdout
    run = runs_dir / "mine"
    try:
        for words in (
            ["pause"],
            ["set", "lr=0.02"],
            ["set", "mine", "lr=x0.5"],
            ["extend", "-2"],
            ["resume", "mine"],
            ["checkpoint"],
            ["set", "epochs=100001"],
            ["stop"],
        ):
            result = nnlab(*words)
            assert result.exit_code == 0, result.output
    finally:
        os.kill(json.loads((run / "run.json").read_text())["pid"], 15)
    assert read_info(run).state == "stopped"
    markers = [
        (event.request, event.value)
        for event in read_events(run)
        if isinstance(event, ControlApplied)
    ]
    assert markers == [
        ("pause", None), ("lr", 0.02), ("lr", 0.01), ("epochs", 99_998), ("resume", None),
        ("checkpoint", None), ("epochs", 100_001), ("stop", None),
    ]  # fmt: skip
    assert json.loads((run / "config.json").read_text())["epochs"] == 100_000

    again = nnlab("resume", "mine", "--detach", "--json")
    assert json.loads(again.stdout)["state"] == "training"
    assert nnlab("set", "epochs=1", "lr=x0.1").exit_code == 0
    wait_for_the_end(run)
    (info,) = list_runs(runs_dir)
    assert info.state == "finished"
    last = [e for e in read_events(run) if isinstance(e, ControlApplied)][-1]
    assert last.value == 0.001  # a tenth of what it was set to before it was stopped


def wait_for_the_end(run: Path) -> None:
    while b'"RunEnd"' not in (run / OTHERS).read_bytes().splitlines()[-1]:
        threading.Event().wait(0.05)
