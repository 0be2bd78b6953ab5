"""The lock of a run, with real processes; only other machines and file systems are pretended."""

import errno
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import psutil
import pytest

from core import run_lock
from core.errors import RunError
from core.owner import this_process
from core.run_lock import LOCK, hold, holder, silence

HOLD = (
    "import sys; from pathlib import Path; from core.run_lock import hold\n"
    "with hold(Path(sys.argv[1])):\n"
    "    print('held', flush=True); input()\n"
)


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "brave-otter"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def other_process(run):
    """A process that holds the lock until its input ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def left_by(run, **changes):
    """A lock as a process wrote it that did not end in order."""
    (run / LOCK).write_text(json.dumps(asdict(replace(this_process(), **changes))))


def elsewhere(**changes):
    return {"host": "gpu3", "pid": 71, "user": "ann", "boot_id": "another"} | changes


def test_whoever_has_the_run_is_named_and_nobody_afterwards(run):
    with hold(run) as warning:
        assert warning is None
        assert holder(run) == this_process()
    assert holder(run) is None


def test_a_second_process_is_refused_naming_the_first(run, other_process):
    with pytest.raises(RunError) as refused, hold(run):
        pass
    me = this_process()
    assert f"in use by process {other_process.pid} of {me.user} on {me.host}." in str(refused.value)
    with pytest.raises(RunError), hold(run, force=True):  # a live process is no matter of force
        pass


def test_so_is_a_second_thread_of_the_same_process(run):
    with hold(run), pytest.raises(RunError), hold(run):
        pass
    with hold(run):
        assert holder(run)


def test_a_killed_process_is_taken_over_from_without_a_word(run, other_process):
    other_process.kill()
    other_process.wait()
    assert holder(run).pid == other_process.pid
    with hold(run) as warning:
        assert warning is None
        assert holder(run) == this_process()


def test_a_restarted_machine_has_lost_its_locks(run):
    left_by(run, boot_id="an-earlier-one", pid=1)
    with hold(run) as warning:
        assert warning is None


def test_another_machine_is_never_stolen_from_without_force(run):
    left_by(run, **elsewhere())
    with pytest.raises(RunError, match="in use by process 71 of ann on gpu3") as refused, hold(run):
        pass
    assert "nnlab resume brave-otter --force" in refused.value.fix
    assert holder(run).host == "gpu3"
    with hold(run, force=True):
        assert holder(run) == this_process()


def test_how_long_another_machine_has_been_silent_is_told(run):
    left_by(run, **elsewhere())
    os.utime(run / LOCK, (0, time.time() - 725))
    with pytest.raises(RunError, match="on gpu3, silent for 12 m"), hold(run):
        pass


def test_a_lock_that_another_machine_holds_in_earnest_yields_to_force(run):
    """As NFS shows them: flock itself is refused, and the name is of somebody elsewhere."""
    import fcntl

    left_by(run, **elsewhere())
    with (run / LOCK).open("r+") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="gpu3"), hold(run):
            pass
        with hold(run, force=True):
            assert holder(run) == this_process()


def test_another_container_of_this_machine_is_seen_by_its_flock(run):
    left_by(run, host="container-1")  # the same boot id: the same kernel
    with hold(run):
        assert holder(run) == this_process()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"pid": 1}'])
def test_a_damaged_name_is_nobodys(run, content):
    (run / LOCK).write_bytes(content)
    assert holder(run) is None
    with hold(run):
        assert holder(run) == this_process()


def test_a_holder_that_has_not_written_its_name_is_waited_for_and_then_refused(run, monkeypatch):
    import fcntl

    monkeypatch.setattr(run_lock, "NAMING_SECONDS", 0.1)
    with (run / LOCK).open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="has not told its name"), hold(run):
            pass


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that knows no flock."""

    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(run_lock.fcntl, "flock", flock)


def test_a_file_system_without_locks_is_told_and_names_still_count(run, no_locks):
    with hold(run) as warning:
        assert "has no locks" in warning
        with pytest.raises(RunError, match=f"process {os.getpid()} of"), hold(run):
            pass
    left_by(run, pid=max(psutil.pids()) + 1000)
    with hold(run) as warning:
        assert "has no locks" in warning


def test_a_folder_that_cannot_be_written_is_one_clear_error(run):
    (run / LOCK).mkdir()
    with pytest.raises(RunError, match=r"lock cannot be written: Is a directory"), hold(run):
        pass


def test_a_lock_never_follows_a_link_to_elsewhere(run, tmp_path):
    (tmp_path / "precious").write_text("mine")
    (run / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(RunError), hold(run):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


def test_the_lock_is_read_by_whom_the_folder_lets_read(run):
    with hold(run):
        assert (run / LOCK).stat().st_mode & 0o777 == 0o600
    (run / LOCK).unlink()
    run.chmod(0o750)
    with hold(run):
        assert (run / LOCK).stat().st_mode & 0o077 in (0o040, 0)  # as the umask allows


def test_a_run_that_is_held_beats(run, monkeypatch):
    monkeypatch.setattr(run_lock, "BEAT_SECONDS", 0.01)
    beaten = threading.Event()
    utime = os.utime

    def tell(path, *rest):
        utime(path, *rest)
        beaten.set()

    monkeypatch.setattr(run_lock.os, "utime", tell)
    with hold(run):
        utime(run / LOCK, (0, 0))
        assert silence(run)
        beaten.clear()
        assert beaten.wait(100)
        assert silence(run) is None
    assert threading.active_count() < 20


def test_a_heart_that_cannot_beat_harms_nobody(run, monkeypatch):
    monkeypatch.setattr(run_lock, "BEAT_SECONDS", 0.001)
    failed = threading.Event()

    def broken(path):
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(run_lock.os, "utime", broken)
    with hold(run):
        assert failed.wait(100)
    assert holder(run) is None


@pytest.mark.parametrize(
    ("age", "words"),
    [(-3600, None), (0, None), (59, None), (61, "1 m"), (4000, "1 h 6 m"), (200_000, "2 d 7 h")],
)
def test_silence_in_words_and_none_where_a_clock_was_set_back(run, monkeypatch, age, words):
    left_by(run)
    now = (run / LOCK).stat().st_mtime
    monkeypatch.setattr(run_lock.time, "time", lambda: now + age)
    assert silence(run) == words
