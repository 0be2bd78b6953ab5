import pytest

from core.config import make_config
from core.errors import RunError
from core.runs import create_run, list_runs, process_facts, read_facts, write_facts
from core.trash import delete_run, empty_trash, list_trash, restore_run


def stopped_run(runs_dir, name):
    run = create_run(runs_dir, make_config({"model": "mlp"}), name)
    write_facts(run, read_facts(run) | {"state": "stopped"})
    return run


@pytest.fixture
def run(tmp_path):
    return stopped_run(tmp_path, "brave-otter")


def test_a_deleted_run_is_out_of_the_list_and_comes_back_whole(tmp_path, run):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    deleted = delete_run(run)
    assert list_runs(tmp_path) == []
    assert not run.exists()
    assert list_trash(tmp_path) == [deleted]
    assert restore_run(deleted) == run
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert list_trash(tmp_path) == []


def test_a_run_in_progress_is_not_deleted(run):
    facts = {
        "started": 1.0, "state": "training", "problem": "", "model": "mlp", "threads": 1,
        "data": "", "device": "cpu", "epoch": 0, "epochs": 3, "step": 0, "best_epoch": None,
        "best_test_score": None, "seconds": 0.0,
    }  # fmt: skip
    write_facts(run, process_facts() | facts)
    with pytest.raises(RunError, match="training"):
        delete_run(run)
    assert run.is_dir()


def test_a_name_that_was_given_again_is_not_overwritten(tmp_path, run):
    deleted = delete_run(run)
    again = stopped_run(tmp_path, "brave-otter")
    with pytest.raises(RunError, match="another run called"):
        restore_run(deleted)
    assert again.is_dir()
    assert deleted.path.is_dir()
    # Both can be deleted: each has a place of its own.
    delete_run(again)
    assert [d.name for d in list_trash(tmp_path)] == ["brave-otter", "brave-otter"]


def test_the_last_one_deleted_comes_first(tmp_path):
    for name in ("a", "b"):
        delete_run(stopped_run(tmp_path, name))
    assert [d.name for d in list_trash(tmp_path)] == ["b", "a"]


def test_emptying_deletes_for_good_and_tells_how_much(tmp_path, run):
    (run / "big").write_bytes(b"x" * 5000)
    delete_run(run)
    assert empty_trash(list_trash(tmp_path)) > 5000
    assert list_trash(tmp_path) == []
    assert empty_trash([]) == 0


def test_strangers_in_the_trash_are_left_alone(tmp_path, run):
    delete_run(run)
    stranger = tmp_path / ".trash" / "mine~x"
    stranger.mkdir()
    assert [d.name for d in list_trash(tmp_path)] == ["brave-otter"]
    empty_trash(list_trash(tmp_path))
    assert stranger.is_dir()


def test_a_folder_that_cannot_be_is_refused_in_a_line(tmp_path):
    with pytest.raises(RunError, match="cannot be read: File name too long"):
        list_trash(tmp_path / ("x" * 300))
