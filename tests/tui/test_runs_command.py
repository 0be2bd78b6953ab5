"""`nnlab runs` and `nnlab show`, on folders written as a training writes them."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from run_folder import write_run
from typer.testing import CliRunner

from core.events import EpochEnd, RunEnd, RunStart
from core.record import read_events, record
from core.runs import list_runs, read_facts, write_facts
from tui.cli import app
from tui.commands.runs import print_table
from tui.commands.show import complete_run


@pytest.fixture
def runs_dir(tmp_path) -> Path:
    return tmp_path / "runs"


def nnlab(runs_dir: Path, *words: str):
    return CliRunner().invoke(app, [*words, "--runs-dir", str(runs_dir)])


def test_an_empty_folder_says_how_to_begin(runs_dir):
    result = nnlab(runs_dir, "runs")
    assert result.exit_code == 0
    assert "nnlab train mlp" in result.stdout
    assert nnlab(runs_dir, "runs", "--json").stdout == "[]\n"


def test_runs_are_listed_with_their_figures(runs_dir):
    write_run(runs_dir, "brave-otter")
    header, line = nnlab(runs_dir, "runs").stdout.splitlines()
    assert header.split() == "name state model data epoch best took age".split()
    assert line.split()[:6] == ["brave-otter", "finished", "mlp", "fashion-mini", "2/3", "0.8100"]


def test_the_newest_run_comes_first(runs_dir):
    for name, started in (("old", 100.0), ("new", 300.0), ("middle", 200.0)):
        path = write_run(runs_dir, name)
        write_facts(path, read_facts(path) | {"started": started})
    lines = nnlab(runs_dir, "runs").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["new", "middle", "old"]


def test_runs_as_json_have_state_config_and_path(runs_dir):
    path = write_run(runs_dir, "brave-otter")
    [run] = json.loads(nnlab(runs_dir, "runs", "--json").stdout)
    assert (run["name"], run["state"], run["path"]) == ("brave-otter", "finished", str(path))
    assert run["best_test_score"] == 0.81
    assert run["config"]["lr"] == 0.25


def test_a_name_is_never_cut_even_where_room_is_short(runs_dir, monkeypatch, capsys):
    name = "a-name-that-somebody-thought-about-for-long-and-that-has-64-char"
    write_run(runs_dir, name)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")  # no styles in what is measured
    print_table(list_runs(runs_dir), now=time.time())
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "".join(line.split()[0] for line in lines[1:]) == name


def test_a_damaged_run_does_not_hide_the_others(runs_dir):
    write_run(runs_dir, "good")
    (write_run(runs_dir, "bad") / "run.json").write_text("{")
    (write_run(runs_dir, "worse") / "config.json").write_bytes(b"\xff")
    states = {r["name"]: r["state"] for r in json.loads(nnlab(runs_dir, "runs", "--json").stdout)}
    assert states["good"] == "finished"
    assert states["bad"] == "unreadable"
    assert nnlab(runs_dir, "runs").exit_code == 0


def test_why_a_run_crashed_is_told_below_the_table(runs_dir):
    path = write_run(runs_dir, "brave-otter")
    write_run(runs_dir, "quiet-heron")
    write_facts(path, read_facts(path) | {"state": "training", "process_began": 1.0})
    *_, last = nnlab(runs_dir, "runs").stdout.splitlines()
    assert last.startswith("brave-otter: Process")
    assert "ended without a word" in last
    runs = json.loads(nnlab(runs_dir, "runs", "--json").stdout)
    [crashed] = [run for run in runs if run["state"] == "crashed"]
    assert "ended without a word" in crashed["problem"]
    assert crashed["owner"]["user"]


def test_a_clock_that_was_set_back_gives_no_negative_age(runs_dir, capsys):
    write_run(runs_dir, "brave-otter")
    print_table(list_runs(runs_dir), now=0.0)
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["0", "ms"]


def test_show_tells_figures_settings_and_the_command(runs_dir):
    write_run(runs_dir, "brave-otter", state="stopped")
    text = nnlab(runs_dir, "show", "brave-otter").stdout
    assert "brave-otter: stopped" in text
    assert "0.8100 test accuracy in epoch 1" in text
    assert "0.7900 test accuracy in epoch 2" in text
    assert "step-00000314" in text
    assert f"nnlab resume brave-otter --runs-dir {runs_dir}" in text
    assert "nnlab train mlp --epochs 3 --lr 0.25" in text
    rows = [line.split() for line in text.splitlines() if "0.8100*" in line]
    assert rows[0][:5] == ["1", "0.6000", "0.7800", "0.5500", "0.8100*"]


def test_show_tells_what_was_wrong_and_what_to_try(runs_dir):
    path = write_run(runs_dir, "stuck-crab")
    stuck = [EpochEnd(n, 157 * n, 0.69, 0.5, 0.69, 0.5, 0.25, 2.0, 49_512.0) for n in (1, 2)]
    started = [event for event in read_events(path) if isinstance(event, RunStart)]
    for file in ("metrics.jsonl", "events.jsonl"):
        (path / file).unlink()
    list(record(path, [*started, *stuck, RunEnd("finished", 2, 314, 1, 0.5, 4.0)], "0" * 64))
    assert "finding      plateau: No better than" in nnlab(runs_dir, "show", "stuck-crab").stdout
    run = json.loads(nnlab(runs_dir, "show", "stuck-crab", "--json").stdout)
    assert [finding["name"] for finding in run["findings"]] == ["plateau"]
    assert "activation=relu" in run["findings"][0]["advice"]


def test_show_tells_why_a_run_failed(runs_dir):
    write_run(runs_dir, "brave-otter", state="failed", problem="The loss is nan.")
    assert "The loss is nan." in nnlab(runs_dir, "show", "brave-otter").stdout


def test_show_as_json_has_every_epoch_the_best_and_the_last(runs_dir):
    write_run(runs_dir, "brave-otter")
    run = json.loads(nnlab(runs_dir, "show", "last", "--json").stdout)
    assert [row["test_score"] for row in run["history"]] == [0.81, 0.79]
    assert (run["best"]["epoch"], run["last"]["epoch"]) == (1, 2)
    assert run["config"]["epochs"] == 3


@pytest.mark.parametrize("command", ["show", "resume"])
def test_an_unknown_run_is_one_clear_error(runs_dir, command):
    write_run(runs_dir, "brave-otter")
    result = nnlab(runs_dir, command, "brave-oter")
    assert result.exit_code == 1
    assert "Did you mean 'brave-otter'?" in result.stderr


@pytest.mark.parametrize("command", ["show", "resume"])
def test_last_needs_a_run(runs_dir, command):
    result = nnlab(runs_dir, command, "last")
    assert result.exit_code == 1
    assert "nnlab train" in result.stderr


def test_what_a_folder_says_cannot_command_the_terminal(runs_dir):
    path = write_run(runs_dir, "brave-otter")
    write_facts(path, read_facts(path) | {"model": "x\x1b[2J[/bold]"})
    path.rename(path.with_name("evil\x1b]0;x\x07[b]"))
    for words in (["runs"], ["show", "last"]):
        result = nnlab(runs_dir, *words)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.stdout
        assert "[/bold]" in result.stdout


def test_the_shell_is_offered_only_names_that_are_safe_to_evaluate(runs_dir):
    write_run(runs_dir, "brave-otter")
    write_run(runs_dir, "x").rename(runs_dir / "$(reboot)")

    context = SimpleNamespace(params={"runs_dir": runs_dir})
    assert [name for name, _ in complete_run(context)] == ["brave-otter", "last"]


def listed(result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_a_query_chooses_runs_and_may_come_in_one_word_or_several(runs_dir):
    write_run(runs_dir, "brave-otter")
    write_run(runs_dir, "calm-heron", state="failed", problem="The loss is nan.")
    write_run(runs_dir, "calm-otter")
    assert listed(nnlab(runs_dir, "runs", "state:failed")) == ["calm-heron"]
    assert listed(nnlab(runs_dir, "runs", "otter", "name:calm*")) == ["calm-otter"]
    assert listed(nnlab(runs_dir, "runs", "otter name:calm*")) == ["calm-otter"]
    result = CliRunner().invoke(app, ["runs", "--runs-dir", str(runs_dir), "--", "-otter"])
    assert listed(result) == ["calm-heron"]
    assert "None of the 3 runs fits" in nnlab(runs_dir, "runs", "lr>1").stdout


def test_runs_are_sorted_by_any_field_and_limited(runs_dir):
    for name, score in (("b", 0.5), ("a", 0.9), ("c", 0.7)):
        path = write_run(runs_dir, name)
        write_facts(path, read_facts(path) | {"best_test_score": score})
    assert listed(nnlab(runs_dir, "runs", "--sort", "best")) == ["a", "c", "b"]
    assert listed(nnlab(runs_dir, "runs", "--sort", "best", "--limit", "1")) == ["a"]
    assert listed(nnlab(runs_dir, "runs", "--sort", "acc", "--reverse")) == ["b", "c", "a"]
    assert listed(nnlab(runs_dir, "runs", "--sort", "name")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lr<fast"], "Character 4 of the query: 'fast' is not a number."),
        (["modle:mlp"], "Did you mean 'model'?"),
        (["--sort", "scoer"], "Did you mean 'score'?"),
    ],
)
def test_a_query_or_field_that_cannot_be_is_one_clear_error(runs_dir, words, told):
    result = nnlab(runs_dir, "runs", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_rows_that_cannot_be_read_are_counted(runs_dir):
    path = write_run(runs_dir, "brave-otter")
    assert "damaged" not in nnlab(runs_dir, "show", "last").stdout
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(b"{torn\n\xff\n")
    assert "damaged      2 rows of its logs" in nnlab(runs_dir, "show", "last").stdout
