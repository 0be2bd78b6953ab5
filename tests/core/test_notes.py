import json
import stat

import pytest

from core.errors import RunError
from core.notes import Notes, change_tags, parse_tags, pin_baseline, read_notes, write_notes

NOTES = Notes(("fast", "good"), "wider [b]than[/b]\nbefore 名", baseline=True, archived=True)


def test_notes_come_back_as_they_were_written(tmp_path):
    write_notes(tmp_path, NOTES)
    assert read_notes(tmp_path) == NOTES
    assert [path.name for path in tmp_path.iterdir()] == ["notes.json"]


def test_a_run_that_nobody_wrote_about_has_no_file(tmp_path):
    assert read_notes(tmp_path) == Notes()
    write_notes(tmp_path, NOTES)
    write_notes(tmp_path, Notes())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"tags": 3}', b"\xff", b'{"tags": []}'])
def test_damaged_notes_are_no_notes(tmp_path, content):
    (tmp_path / "notes.json").write_bytes(content)
    assert read_notes(tmp_path) == Notes()


def test_tags_are_added_and_removed_in_order():
    notes = change_tags(Notes(("b",)), add=["c", "a", "a"], remove=["b", "never-there"])
    assert notes.tags == ("a", "c")


@pytest.mark.parametrize("tag", ["", "two words", "-x", "+x", "a,b", "a:b", 'a"b', "x" * 33])
def test_what_a_query_could_not_say_is_no_tag(tag):
    with pytest.raises(RunError, match="A tag cannot be"):
        change_tags(Notes(), add=[tag])


def test_words_say_which_tags_come_and_go():
    assert parse_tags(" good +fast -slow ") == (["good", "fast"], ["slow"])


def test_there_is_one_baseline(tmp_path):
    runs = [tmp_path / name for name in ("a", "b", "c")]
    for run in runs:
        run.mkdir()
    write_notes(runs[0], Notes(("kept",), baseline=True))
    pin_baseline(runs[1], runs)
    assert [read_notes(run).baseline for run in runs] == [False, True, False]
    assert read_notes(runs[0]).tags == ("kept",)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(RunError, match="cannot be written"):
        write_notes(tmp_path / "gone", NOTES)


def test_they_are_json_for_other_programs(tmp_path):
    write_notes(tmp_path, NOTES)
    assert json.loads((tmp_path / "notes.json").read_text())["tags"] == ["fast", "good"]
    assert stat.S_ISREG((tmp_path / "notes.json").stat().st_mode)
