import shutil

import psutil
import pytest

from core import run_index
from core.config import make_config
from core.notes import Notes, write_notes
from core.run_index import RunIndex
from core.runs import create_run, list_runs, process_facts, read_facts, write_facts

CONFIG = make_config({"model": "mlp"})
FACTS = {
    "started": 1000.0, "state": "finished", "problem": "", "model": "mlp", "threads": 2,
    "data": "fashion-mini", "device": "cpu", "epoch": 1, "epochs": 3, "step": 24,
    "best_epoch": 1, "best_test_score": 0.75, "seconds": 3.5,
}  # fmt: skip


def run_with(runs_dir, name, **facts):
    path = create_run(runs_dir, CONFIG, name)
    write_facts(path, process_facts() | FACTS | facts)
    return path


@pytest.fixture
def reads(monkeypatch):
    """The names of the runs that were read."""
    found = []

    def read_info(path):
        found.append(path.name)
        return real(path)

    real = run_index.read_info
    monkeypatch.setattr("core.run_index.read_info", read_info)
    return found


def test_it_knows_what_list_runs_knows(tmp_path):
    for number in range(5):
        run_with(tmp_path, f"r{number}", started=float(number))
    create_run(tmp_path, CONFIG, "without-run-json")
    (tmp_path / "not-a-run").mkdir()
    (tmp_path / "not-a-run" / "run.json").write_text("{}")
    index = RunIndex(tmp_path)
    assert any(index.refresh())
    assert list(index.runs) == list_runs(tmp_path)


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path):
    index = RunIndex(tmp_path / "runs")
    assert not any(index.refresh())
    assert index.runs == ()


def test_only_what_changed_is_read_again(tmp_path, reads):
    paths = {name: run_with(tmp_path, name) for name in ("a", "b", "c")}
    index = RunIndex(tmp_path)
    list(index.refresh())
    reads.clear()
    assert not any(index.refresh())
    assert reads == []

    write_facts(paths["b"], read_facts(paths["b"]) | {"epoch": 2})
    write_notes(paths["c"], Notes(("good",)))
    assert any(index.refresh())
    assert sorted(reads) == ["b", "c"]
    found = {run.name: run for run in index.runs}
    assert found["b"].epoch == 2
    assert found["c"].notes.tags == ("good",)


def test_a_run_in_progress_is_read_each_time_since_its_process_may_be_gone(tmp_path, reads):
    path = run_with(tmp_path, "a", state="training")
    index = RunIndex(tmp_path)
    list(index.refresh())
    assert not any(index.refresh())
    assert reads == ["a", "a"]
    stamp = (path / "run.json").stat()
    run_with(tmp_path, "b", state="training", pid=max(psutil.pids()) + 1000)
    list(index.refresh())
    assert [run.state for run in index.runs if run.name == "b"] == ["crashed"]
    assert (path / "run.json").stat().st_mtime_ns == stamp.st_mtime_ns


def test_a_run_that_is_gone_is_forgotten(tmp_path):
    for name in ("a", "b"):
        run_with(tmp_path, name)
    index = RunIndex(tmp_path)
    list(index.refresh())
    shutil.rmtree(tmp_path / "a")
    assert any(index.refresh())
    assert [run.name for run in index.runs] == ["b"]


def test_the_newest_runs_are_there_before_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr("core.run_index.CHUNK", 2)
    import os

    for number in range(7):
        path = run_with(tmp_path, f"r{number}", started=float(number))
        os.utime(path / "run.json", (number, number))
    index = RunIndex(tmp_path)
    seen = [[run.name for run in index.runs] for _ in index.refresh()]
    newest_first = [f"r{number}" for number in range(6, -1, -1)]
    assert seen == [[], newest_first[:2], newest_first[:6], newest_first]
