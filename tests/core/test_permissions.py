import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.errors import RunError
from core.experiment import resume_experiment
from core.permissions import check_own, make_folder, make_folder_below, open_private, share_folder
from core.runs import list_runs
from core.trained import load_trained


def modes(folder: Path) -> dict[str, int]:
    """The permissions of `folder` and of all below it."""
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("share", "folder_mode", "file_mode"), [(False, 0o700, 0o600), (True, 0o750, 0o640)]
)
def test_a_run_is_for_its_owner_and_a_shared_one_for_its_group(
    tiny_run, umask, share, folder_mode, file_mode
):
    run = tiny_run(epochs=1, share=share)
    found = modes(run)
    assert {"checkpoints", "metrics.jsonl", "log.txt", "config.json", "run.json"} <= found.keys()
    for name, mode in found.items():
        assert mode == (folder_mode if (run / name).is_dir() else file_mode), name


def test_a_resumed_run_keeps_its_permissions_or_is_shared_from_then_on(tiny_run):
    run = tiny_run(epochs=3, stop_after=1)
    before = set(modes(run).values())
    events = list(resume_experiment(run, share=True))
    assert before == {0o700, 0o600}
    assert events[-1].state == "finished"
    assert set(modes(run).values()) == {0o750, 0o640}


def test_sharing_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.touch(0o600)
    make_folder(tmp_path / "run")
    (tmp_path / "run" / "link").symlink_to(outside)
    share_folder(tmp_path / "run")
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", ["w", "a"])
def test_writing_follows_no_link(tmp_path, mode):
    victim = tmp_path / "victim"
    victim.write_text("whole")
    (tmp_path / "metrics.jsonl").symlink_to(victim)
    with pytest.raises(OSError, match=r"symbolic links|loop"):
        open_private(tmp_path / "metrics.jsonl", mode)
    assert victim.read_text() == "whole"


def test_a_folder_that_is_there_stays_and_a_file_in_its_place_is_an_error(tmp_path):
    make_folder_below(tmp_path / "checkpoints")
    make_folder_below(tmp_path / "checkpoints")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder_below(tmp_path / "file")


def test_what_anybody_can_write_to_is_not_used(tiny_run):
    run = tiny_run(epochs=1)
    (run / "checkpoints").chmod(0o777)
    for use in (check_own, load_trained, lambda run: next(resume_experiment(run))):
        with pytest.raises(RunError, match="Anybody can write") as caught:
            use(run)
        assert "chmod" in caught.value.fix


def test_somebody_elses_run_is_not_used_but_listed(tiny_run, monkeypatch):
    run = tiny_run(epochs=1)
    owner = Path(run).owner()
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    for use in (check_own, load_trained, lambda run: next(resume_experiment(run))):
        with pytest.raises(RunError, match=f"belongs to {owner}, not to you") as caught:
            use(run)
        assert "cp -r" in caught.value.fix
    assert [info.state for info in list_runs(run.parent)] == ["finished"]


def test_no_variable_of_the_environment_is_kept(tiny_run, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "a-secret-of-mine")
    run = tiny_run(epochs=1)
    for path in run.rglob("*"):
        if path.is_file():
            assert b"a-secret-of-mine" not in path.read_bytes(), path


AS_A_STRANGER = """
import os, sys
from pathlib import Path

from core.errors import RunError
from core.experiment import resume_experiment
from core.record import read_events
from core.runs import list_runs
from core.trained import load_trained

os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(65534)
runs = Path(sys.argv[1])
print({info.name: info.state for info in list_runs(runs)})
print(len(list(read_events(runs / "shared"))) > 0)
for use in (load_trained, lambda run: next(resume_experiment(run))):
    try:
        print(use(runs / "shared"))
    except RunError as error:
        print(error.problem)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_sees_what_is_shared_and_can_use_nothing(tiny_run):
    place = Path(tempfile.mkdtemp())  # not below tmp_path, whose parents are closed to others
    try:
        place.chmod(0o755)
        for name in ("private", "shared"):
            run = tiny_run(name, epochs=1, share=name == "shared")
            shutil.copytree(run, place / name)  # with its permissions
        done = subprocess.run(
            [sys.executable, "-c", AS_A_STRANGER, str(place), str(os.getegid())],
            capture_output=True,
            text=True,
        )
        refusal = f"{place / 'shared'} belongs to {place.owner()}, not to you."
        assert done.stdout.splitlines() == [
            *("{'shared': 'finished', 'private': 'unreadable'}", "True", refusal, refusal),
        ], done.stderr
    finally:
        shutil.rmtree(place)
