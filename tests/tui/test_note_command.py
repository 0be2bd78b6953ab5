import json

import pytest
from typer.testing import CliRunner

from core.config import make_config
from core.notes import read_notes
from core.runs import create_run, read_facts, write_facts
from tui.cli import app


@pytest.fixture
def runs_dir(tmp_path):
    for name in ("brave-otter", "calm-heron"):
        run = create_run(tmp_path, make_config({"model": "mlp"}), name)
        write_facts(run, read_facts(run) | {"state": "stopped"})
    return tmp_path


def nnlab(runs_dir, *words, **options):
    return CliRunner().invoke(app, [*words, "--runs-dir", str(runs_dir)], **options)


def test_notes_and_tags_are_written_shown_and_taken_away(runs_dir):
    nnlab(runs_dir, "note", "brave-otter", "wider", "--tag", "good", "--tag", "fast")
    shown = nnlab(runs_dir, "note", "brave-otter").stdout
    assert shown == "brave-otter: wider\ntags: fast good\n"
    nnlab(runs_dir, "note", "brave-otter", "", "--untag", "fast")
    assert read_notes(runs_dir / "brave-otter").tags == ("good",)
    [run] = json.loads(nnlab(runs_dir, "runs", "tag:good", "--json").stdout)
    assert (run["name"], run["notes"]["note"]) == ("brave-otter", "")


def test_another_baseline_replaces_the_first(runs_dir):
    nnlab(runs_dir, "note", "brave-otter", "--baseline")
    nnlab(runs_dir, "note", "calm-heron", "--baseline")
    assert not read_notes(runs_dir / "brave-otter").baseline
    assert read_notes(runs_dir / "calm-heron").baseline
    nnlab(runs_dir, "note", "calm-heron", "--no-baseline")
    assert not read_notes(runs_dir / "calm-heron").baseline


def test_an_archived_run_is_listed_only_when_asked_for(runs_dir):
    nnlab(runs_dir, "note", "brave-otter", "--archive")
    assert "brave-otter" not in nnlab(runs_dir, "runs").stdout
    assert "brave-otter" in nnlab(runs_dir, "runs", "is:archived").stdout


def test_a_note_cannot_command_the_terminal_and_a_bad_tag_changes_nothing(runs_dir):
    assert "\x1b" not in nnlab(runs_dir, "note", "brave-otter", "\x1b[2J[/b]").stdout
    result = nnlab(runs_dir, "note", "brave-otter", "new", "--tag", "two words")
    assert result.exit_code == 1
    assert "'two words'" in result.stderr
    assert read_notes(runs_dir / "brave-otter").note == "\x1b[2J[/b]"


def test_a_run_goes_to_the_trash_and_back(runs_dir):
    assert nnlab(runs_dir, "trash", "put", "brave-otter").exit_code == 0
    assert "brave-otter" not in nnlab(runs_dir, "runs").stdout
    [row] = json.loads(nnlab(runs_dir, "trash", "list", "--json").stdout)
    assert row["name"] == "brave-otter"
    assert nnlab(runs_dir, "trash", "restore", "brave-otter").exit_code == 0
    assert "brave-otter" in nnlab(runs_dir, "runs").stdout
    again = nnlab(runs_dir, "trash", "restore", "brave-otter")
    assert again.exit_code == 1
    assert "nnlab trash list" in again.stderr


def test_one_wrong_name_deletes_nothing(runs_dir):
    result = nnlab(runs_dir, "trash", "put", "brave-otter", "calm-hero")
    assert result.exit_code == 1
    assert (runs_dir / "brave-otter").is_dir()


def test_the_trash_is_emptied_after_a_question_or_only_of_what_is_old(runs_dir):
    nnlab(runs_dir, "trash", "put", "brave-otter")
    assert nnlab(runs_dir, "trash", "empty", input="n\n").exit_code == 1
    assert "0 deleted" in nnlab(runs_dir, "trash", "empty", "--days", "1", "--yes").stdout
    assert "brave-otter" in nnlab(runs_dir, "trash", "list").stdout
    assert "1 deleted" in nnlab(runs_dir, "trash", "empty", input="y\n").stdout
    assert "empty" in nnlab(runs_dir, "trash", "list").stdout
