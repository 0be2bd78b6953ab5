"""What is said of a process that is gone: real ones that really die, and pretended counters."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from core import crash
from core.config import make_config
from core.crash import cause, exit_words, memory_facts
from core.events import Notice, RunStart
from core.owner import Owner, this_process
from core.record import record
from core.runs import create_run, note_death, read_facts, read_info, write_facts

DIE = """
import os, signal, sys
from pathlib import Path
from core.crash import traces_kept
from core.events import RunStart
from core.record import record
from core.run_lock import hold

def events():
    yield RunStart("r", "r", "mlp", "fashion-mini", "cpu", "a CPU", 1, 9, ("a",), 10, 5, 2, 2, 5)
    os.kill(os.getpid(), int(sys.argv[2]))

run = Path(sys.argv[1])
with hold(run), traces_kept(run):
    list(record(run, events(), "d"))
"""


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "runs", make_config({"model": "mlp"}), "r")


def die(run, signum):
    """A process that records a run until the signal `signum` ends it. Returns its return code."""
    return subprocess.run([sys.executable, "-c", DIE, str(run), str(int(signum))]).returncode


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_of_native_code_is_named_by_its_signal(run, name):
    assert die(run, signal.Signals[name]) == -signal.Signals[name]
    info = read_info(run)
    assert info.state == "crashed"
    assert f"was ended by {name}; log.txt has the trace" in info.problem
    assert 'File "<string>"' in (run / "log.txt").read_text()


def test_a_crash_that_was_survived_is_not_the_reason_of_the_next(run):
    die(run, signal.SIGSEGV)
    die(run, signal.SIGKILL)
    info = read_info(run)
    assert info.state == "crashed"
    assert "ended without a word: kill -9, power loss or a crash" in info.problem


def test_a_kill_is_named_by_whoever_waited_for_the_process(run):
    returncode = die(run, signal.SIGKILL)
    note_death(run, returncode)
    info = read_info(run)
    assert (info.state, info.problem) == (
        "crashed",
        f"Process {info.owner.pid} on {info.owner.host} was ended by SIGKILL.",
    )


def test_an_end_that_was_told_stays_as_it_was_told(run):
    die(run, signal.SIGKILL)
    write_facts(run, read_facts(run) | {"state": "stopped"})
    note_death(run, 143)
    assert (read_info(run).state, read_info(run).problem) == ("stopped", "")


def test_return_codes_in_words():
    assert exit_words(-9) == "was ended by SIGKILL"
    assert exit_words(3) == "ended with exit status 3"
    assert exit_words(-200) == "was ended by signal 200"


@pytest.fixture
def counter(tmp_path, monkeypatch):
    """A memory cgroup of version 2, whose counter a test sets."""
    monkeypatch.setattr(crash, "CGROUPS", tmp_path)
    monkeypatch.setattr(crash, "OWN_CGROUPS", tmp_path / "cgroup")
    (tmp_path / "cgroup").write_text("0::/user.slice/job\n")
    (tmp_path / "user.slice" / "job").mkdir(parents=True)

    def set_kills(kills):
        events = f"low 0\nhigh 0\nmax 12\noom 3\noom_kill {kills}\noom_group_kill 0\n"
        (tmp_path / "user.slice" / "job" / "memory.events").write_text(events)

    set_kills(4)
    return set_kills


def test_a_process_that_the_kernel_killed_for_memory_is_said_to_be(run, counter):
    die_after(run, counter, kills=6)
    assert read_info(run).problem.endswith(
        "was probably killed for lack of memory: 2 oom kills in its cgroup since it began."
    )


def test_kills_before_the_run_are_not_its_own(run, counter):
    die_after(run, counter, kills=4)
    assert "ended without a word" in read_info(run).problem


def test_a_counter_that_is_gone_says_nothing(run, counter, tmp_path):
    die_after(run, counter, kills=6)
    (tmp_path / "user.slice" / "job" / "memory.events").unlink()
    assert "ended without a word" in read_info(run).problem


def die_after(run, counter, kills):
    """As a process leaves it that began the run at 4 kills, and saw `kills` in the end."""
    start = RunStart("r", "r", "mlp", "x", "cpu", "a CPU", 1, 9, ("a",), 10, 5, 2, 2, 5)
    for _ in record(run, [Notice("1 CPU thread"), start], "d"):
        pass
    counter(kills)
    write_facts(run, read_facts(run) | {"process_began": 1.0})


@pytest.mark.parametrize(
    ("own", "place", "file"),
    [
        ("0::/a/b", "a/b/memory.events", "oom_kill 7\n"),
        ("0::/../outside", "memory.events", "oom 9\noom_kill 7\n"),
        ("5:cpu:/x\n4:memory:/a\n0::/", "memory/a/memory.oom_control", "under_oom 0\noom_kill 7\n"),
        ("4:hugetlb,memory:/docker/x", "memory/memory.oom_control", "oom_kill 7\n"),
    ],
)
def test_the_counter_is_found_in_both_versions_also_from_inside_a_container(
    tmp_path, monkeypatch, own, place, file
):
    monkeypatch.setattr(crash, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(crash, "OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "own").write_text(own + "\n")
    path = tmp_path / "cgroups" / place
    path.parent.mkdir(parents=True)
    path.write_text(file)
    assert memory_facts() == {"oom": {"file": str(path), "kills": 7}}


def test_without_cgroups_the_machine_is_asked(tmp_path, monkeypatch, run):
    monkeypatch.setattr(crash, "OWN_CGROUPS", tmp_path / "absent")
    monkeypatch.setattr(crash, "VMSTAT", tmp_path / "vmstat")
    assert memory_facts() == {}
    (tmp_path / "vmstat").write_text("pgfault 1\noom_kill 2\n")
    facts = memory_facts()
    (tmp_path / "vmstat").write_text("pgfault 1\noom_kill 3\n")
    assert "1 oom kill on its machine since" in cause(run, facts, this_process())


def test_a_restart_of_the_machine_is_told_as_one(run):
    owner = replace(this_process(), boot_id="an-earlier-one")
    assert "when the machine was restarted or lost power" in cause(run, {}, owner)


def test_of_another_machine_only_what_its_folder_tells_is_said(run, counter):
    facts = memory_facts()
    counter(6)
    elsewhere = Owner("gpu3", 71, 1.0, "ann", "another")
    assert "ended without a word" in cause(run, facts, elsewhere)
