import json
import os
import re
import socket
import time
from dataclasses import fields

import psutil
import pytest

from core.config import make_config
from core.errors import RunError
from core.owner import Owner
from core.run_lock import hold
from core.run_names import suggest_name
from core.runs import (
    RUN_NAME,
    check_run_name,
    create_run,
    default_runs_dir,
    find_run,
    list_runs,
    process_facts,
    read_facts,
    read_info,
    write_facts,
)

CONFIG = make_config({"model": "mlp"})


def run_with(runs_dir, name, **facts):
    path = create_run(runs_dir, CONFIG, name)
    figures = {
        "started": 1000.0, "state": "training", "problem": "", "model": "mlp", "threads": 2,
        "data": "fashion-mini", "device": "cpu", "epoch": 1, "epochs": 3, "step": 24,
        "best_epoch": 1, "best_test_score": 0.75, "seconds": 3.5,
    }  # fmt: skip
    write_facts(path, process_facts() | figures | facts)
    return path


def test_a_run_starts_as_a_folder_with_its_config(tmp_path):
    path = create_run(tmp_path / "new" / "runs", CONFIG)
    assert json.loads((path / "config.json").read_text()) == CONFIG.model_dump(mode="json")
    assert RUN_NAME.fullmatch(path.name)


def test_fifty_runs_get_fifty_names(tmp_path):
    assert len({create_run(tmp_path, CONFIG).name for _ in range(50)}) == 50


def test_a_taken_name_gets_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr("core.runs.suggest_name", lambda: "brave-otter")
    names = [create_run(tmp_path, CONFIG).name for _ in range(3)]
    assert names == ["brave-otter", "brave-otter-20", "brave-otter-21"]


def test_a_name_that_is_taken_is_refused(tmp_path):
    create_run(tmp_path, CONFIG, "mine")
    with pytest.raises(RunError, match="'mine'"):
        create_run(tmp_path, CONFIG, "mine")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "a b", "ä", "x" * 65, "-rf", ".hidden", "a\n", "\x1b[0m"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(RunError):
        check_run_name(name)


def test_suggested_names_are_names():
    for _ in range(100):
        assert check_run_name(name := suggest_name()) == name
        assert re.fullmatch(r"[a-z]+-[a-z]+", name)


def test_a_runs_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        create_run(tmp_path / "file", CONFIG)


def test_runs_are_listed_newest_first_and_strangers_left_out(tmp_path):
    run_with(tmp_path, "old", started=1.0)
    run_with(tmp_path, "new", started=2.0)
    (tmp_path / "not-a-run").mkdir()
    (tmp_path / "file").touch()
    assert [i.name for i in list_runs(tmp_path)] == ["new", "old"]
    assert list_runs(tmp_path / "absent") == []


def test_a_live_process_is_training(tmp_path):
    info = read_info(run_with(tmp_path, "r"))
    assert (info.state, info.epoch, info.best_test_score) == ("training", 1, 0.75)
    assert info.config == CONFIG


def test_a_process_that_is_gone_is_a_crash(tmp_path):
    gone = max(psutil.pids()) + 1000
    info = read_info(run_with(tmp_path, "r", pid=gone))
    assert info.state == "crashed"
    assert str(gone) in info.problem


def test_a_process_id_used_again_is_a_crash_too(tmp_path):
    assert read_info(run_with(tmp_path, "r", process_began=1.0)).state == "crashed"


def test_after_a_reboot_a_process_with_the_same_numbers_is_not_believed(tmp_path):
    info = read_info(run_with(tmp_path, "r", boot_id="an-earlier-one"))
    assert info.state == "crashed"
    assert "restarted" in info.problem


def test_a_run_that_its_living_process_has_let_go_of_is_a_crash(tmp_path):
    path = run_with(tmp_path, "r")
    with hold(path):
        assert read_info(path).state == "training"
    assert read_info(path).state == "crashed"


def test_a_run_that_is_being_resumed_is_preparing(tmp_path):
    path = run_with(tmp_path, "r", pid=max(psutil.pids()) + 1000, state="stopped")
    assert read_info(path).state == "stopped"
    with hold(path):
        info = read_info(path)
        assert (info.state, info.owner.pid) == ("preparing", os.getpid())


def test_a_run_that_has_written_nothing_yet_is_preparing_as_long_as_its_process_lives(tmp_path):
    path = create_run(tmp_path, CONFIG, "r")
    assert read_info(path).state == "preparing"
    (path / "run.json").unlink()  # as if it were killed before that is written
    with hold(path):
        assert read_info(path).state == "preparing"
    info = read_info(path)
    assert (info.state, info.problem) == ("crashed", "It ended before its first step.")


def elsewhere(tmp_path):
    """A run of a process on another machine, which holds its lock."""
    path = run_with(tmp_path, "r", **{"host": "gpu3", "pid": 71, "user": "ann", "boot_id": "x"})
    facts = read_facts(path)
    (path / "lock").write_text(json.dumps({f.name: facts[f.name] for f in fields(Owner)}))
    return path


def test_another_machine_is_believed_as_long_as_it_gives_signs_of_life(tmp_path):
    path = elsewhere(tmp_path)
    assert read_info(path).state == "training"
    beaten = time.time() - 12 * 60 - 5
    os.utime(path / "lock", (beaten, beaten))
    info = read_info(path)
    assert info.state == "silent"
    assert info.problem == "Nothing was heard of process 71 of ann on gpu3 for 12 m."


def test_a_clock_that_was_set_back_silences_nobody(tmp_path):
    path = elsewhere(tmp_path)
    ahead = time.time() + 86400
    os.utime(path / "lock", (ahead, ahead))
    assert read_info(path).state == "training"


def test_a_process_of_another_machine_that_let_go_is_a_crash(tmp_path):
    path = elsewhere(tmp_path)
    (path / "lock").write_text("")
    assert read_info(path).state == "crashed"


def test_a_lock_that_may_not_be_read_proves_nothing(tmp_path, monkeypatch):
    path = run_with(tmp_path, "r")
    (path / "lock").touch()
    assert read_info(path).state == "crashed"
    monkeypatch.setattr("os.access", lambda file, mode: False)  # root may read everything
    assert read_info(path).state == "training"


def test_a_run_of_another_machine_without_a_lock_is_believed(tmp_path):
    other = socket.gethostname() + "-other"
    assert read_info(run_with(tmp_path, "r", host=other, pid=1)).state == "training"


def test_a_finished_run_is_finished_whoever_lives(tmp_path):
    assert read_info(run_with(tmp_path, "r", state="finished", pid=1)).state == "finished"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"state": 3}'])
def test_a_damaged_run_json_is_shown_as_unreadable(tmp_path, content):
    path = run_with(tmp_path, "r")
    (path / "run.json").write_bytes(content)
    info = read_info(path)
    assert info.state == "unreadable"
    assert [i.name for i in list_runs(tmp_path)] == ["r"]


def test_a_run_is_found_by_name_or_as_the_last_one(tmp_path):
    run_with(tmp_path, "brave-otter", started=1.0)
    run_with(tmp_path, "quiet-heron", started=2.0)
    assert find_run(tmp_path, "brave-otter") == tmp_path / "brave-otter"
    assert find_run(tmp_path, "last") == tmp_path / "quiet-heron"
    with pytest.raises(RunError, match="Did you mean 'brave-otter'"):
        find_run(tmp_path, "brave-oter")
    with pytest.raises(RunError):
        find_run(tmp_path, "../brave-otter")


def test_no_runs_yet_is_said(tmp_path):
    with pytest.raises(RunError, match="no runs"):
        find_run(tmp_path, "last")


def test_the_runs_dir_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path))
    assert default_runs_dir() == tmp_path
    monkeypatch.delenv("NNLAB_RUNS")
    assert str(default_runs_dir()) == "runs"


def test_run_json_is_replaced_whole(tmp_path):
    path = run_with(tmp_path, "r")
    write_facts(path, {"state": "finished"})
    assert sorted(p.name for p in path.iterdir()) == ["config.json", "run.json"]


def test_a_folder_of_runs_that_the_system_cannot_look_into_is_one_error(tmp_path):
    with pytest.raises(RunError, match="cannot be read: File name too long"):
        list_runs(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    "facts",
    [{"epoch": {}}, {"seconds": "x"}, {"started": 1e300}, {"started": -1.0}, {"step": 2**70}],
)
def test_facts_that_no_run_can_have_are_not_believed(tmp_path, facts):
    info = read_info(run_with(tmp_path, "odd", **({"state": "finished"} | facts)))
    assert info.state == "unreadable"
    assert info.problem.startswith("run.json: ")
