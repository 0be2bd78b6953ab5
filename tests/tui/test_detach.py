"""Runs in the background, started for real; only those that wait in a queue train nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.config import make_config
from core.errors import NNLabError, RunError
from core.events import Notice, Queued, RunEnd
from core.mailbox import RemoteControl
from core.record import read_events
from core.runs import list_runs, read_facts, read_info
from tui.detach import OUTPUT, detach, detach_resume

ENDLESS = {"model": "softmax", "epochs": 100_000, "threads": 1, "device": "cpu"}


@pytest.fixture
def runs_dir(tmp_path, monkeypatch):
    """A folder for runs, whose processes are gone when the test is over."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "runs"
    for info in list_runs(tmp_path / "runs"):
        end(info.path, signal.SIGKILL)


def end(run: Path, signum: int) -> None:
    """Send a signal to the process that trains, and wait until it is gone, and its watcher too."""
    try:
        process = psutil.Process(read_facts(run)["pid"])
        watcher = process.parent()
        process.send_signal(signum)
        psutil.wait_procs([p for p in (process, watcher) if p and p.pid != os.getpid()], 60)
    except (psutil.NoSuchProcess, KeyError):
        return


@pytest.mark.slow
def test_it_has_a_session_and_streams_of_its_own_and_is_no_child_that_hangs_on(runs_dir):
    seen = []
    run = detach(make_config(ENDLESS), runs_dir=runs_dir, name="mine", show=seen.append)
    assert read_info(run).state == "training"
    assert Notice("1 CPU thread") in seen
    process = psutil.Process(read_facts(run)["pid"])
    assert os.getsid(process.pid) not in (os.getsid(0), process.pid)
    assert (run / OUTPUT).stat().st_mode & 0o777 == 0o600
    output = str(run / OUTPUT)
    if Path("/proc/self/fd").exists():
        streams = [str(Path(f"/proc/{process.pid}/fd/{n}").readlink()) for n in (0, 1, 2)]
        assert streams == ["/dev/null", output, output]
    RemoteControl(run).send("stop")
    psutil.wait_procs([process], 60)
    assert read_info(run).state == "stopped"
    assert "nnlab resume mine" in (run / OUTPUT).read_text()

    assert detach_resume(run) == run
    end(run, signal.SIGTERM)
    *_, last = read_events(run)
    assert isinstance(last, RunEnd)
    assert last.state == "stopped"


def test_a_run_that_cannot_start_is_its_own_error_and_leaves_nothing(runs_dir, tmp_path):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    config = make_config({"model": "mlp", "data": str(tmp_path / "photos")})
    with pytest.raises(NNLabError, match="photos") as caught:
        detach(config, runs_dir=runs_dir, name="mine")
    assert caught.value.fix
    assert list(runs_dir.iterdir()) == []


def test_a_process_that_dies_before_its_first_step_is_told_with_its_last_words(
    runs_dir, monkeypatch, tmp_path
):
    (tmp_path / "net.py").write_text("import os; print('last words', flush=True); os._exit(3)")
    config = make_config({"model": f"{tmp_path / 'net.py'}:net"})
    with pytest.raises(RunError, match=r"exit code 3.*last words"):
        detach(config, runs_dir=runs_dir, name="mine")
    assert list(runs_dir.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_while_it_starts_leaves_neither_process_nor_folder(runs_dir):
    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detach(make_config(ENDLESS), runs_dir=runs_dir, name="mine", show=interrupt)
    assert list(runs_dir.iterdir()) == []
    mine = str(runs_dir / "mine")
    assert not any(mine in " ".join(p.cmdline()) for p in psutil.Process().children(True))


@pytest.mark.slow
def test_it_survives_its_terminal_and_who_started_it(runs_dir):
    code = (
        "from pathlib import Path; from core.config import make_config\n"
        "from tui.detach import detach; import os, signal\n"
        f"detach(make_config({ENDLESS!r}), runs_dir=Path({str(runs_dir)!r}), name='mine')\n"
        "os.killpg(0, signal.SIGHUP)"
    )
    started = subprocess.run([sys.executable, "-c", code], start_new_session=True, timeout=120)
    assert started.returncode == -signal.SIGHUP
    assert read_info(runs_dir / "mine").state == "training"


@pytest.mark.slow
def test_a_queue_lets_one_after_the_other_train(runs_dir):
    first = detach(make_config(ENDLESS), runs_dir=runs_dir, name="first", queue=True)
    seen = []
    second = detach(
        make_config(ENDLESS), runs_dir=runs_dir, name="second", queue=True, show=seen.append
    )
    third = detach(make_config(ENDLESS), runs_dir=runs_dir, name="third", queue=True)
    states = {info.name: info.state for info in list_runs(runs_dir)}
    assert states == {"first": "training", "second": "queued", "third": "queued"}
    assert seen[-1] == Queued(("first",))

    RemoteControl(third).send("stop")
    while third.exists():
        psutil.wait_procs([], 0.05)
    end(first, signal.SIGKILL)
    assert "was ended by SIGKILL" in read_info(first).problem  # its watcher has noted it
    while (state := read_info(second).state) != "training":
        assert state in ("queued", "preparing")
    assert json.loads((second / "config.json").read_text())["device"] == "cpu"
