import os
import subprocess
import sys
from dataclasses import asdict, replace

import psutil
import pytest

from core import owner
from core.owner import Owner, lives, this_process


def test_this_process_lives_and_is_named_as_people_would(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    owner._user.cache_clear()
    me = this_process()
    owner._user.cache_clear()
    assert lives(me) is True
    assert str(me) == f"process {os.getpid()} of ann on {me.host}"


def test_a_process_that_has_ended_is_gone_also_before_anybody_waited_for_it():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = owner._began(child.pid)
    theirs = replace(this_process(), pid=child.pid, process_began=began)
    assert lives(theirs) is True
    assert child.stdin
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert lives(theirs) is False
    child.wait()
    assert lives(theirs) is False


def test_a_process_id_that_is_used_again_is_another_process():
    assert lives(replace(this_process(), process_began=1.0)) is False


def test_after_a_restart_of_the_machine_nothing_lives_even_with_the_same_numbers():
    assert lives(replace(this_process(), boot_id="an-earlier-one")) is False


def test_of_another_machine_nothing_is_claimed():
    assert lives(replace(this_process(), host="elsewhere")) is None


def test_a_clock_that_is_set_does_not_end_a_process(monkeypatch):
    """psutil's time of creation is the time of day of the boot, and something: it moves."""
    me = this_process()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: 12345.0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert lives(me) is True


def test_where_there_is_no_proc_psutil_tells(monkeypatch, tmp_path):
    monkeypatch.setattr(owner, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    me = this_process()
    assert me.process_began == pytest.approx(psutil.Process().create_time())
    assert lives(me) is True
    assert lives(replace(me, pid=max(psutil.pids()) + 1000)) is False


@pytest.mark.parametrize("wrong", [{}, {"pid": "1"}, {"pid": True}, {"process_began": None}])
def test_facts_that_name_no_process_are_told(wrong):
    facts = asdict(this_process()) | {"state": "training"}
    assert Owner.from_facts(facts) == this_process()
    with pytest.raises((KeyError, TypeError)):
        Owner.from_facts(facts | wrong if wrong else {})
