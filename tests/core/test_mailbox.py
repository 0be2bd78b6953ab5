import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from control_files import ID, check_mutations, delivered, files, post, request

from core.config import make_config
from core.control import Control, Request
from core.errors import RunError
from core.events import ControlApplied, Notice, RunStart
from core.mailbox import FOLDER, Mailbox, RemoteControl, acknowledged, requests_reach
from core.record import record
from core.runs import create_run


@pytest.fixture
def run(tmp_path) -> Path:
    (tmp_path / "run").mkdir(mode=0o700)
    return tmp_path / "run"


def test_what_is_sent_is_delivered_once_in_order_and_leaves_no_file(run):
    remote, mailbox = RemoteControl(run), Mailbox(run)
    ids = [remote.send("pause"), remote.send("lr", 0.5), remote.send("extend", -2)]
    assert delivered(mailbox) == [
        Request("pause", None, ids[0]),
        Request("lr", 0.5, ids[1]),
        Request("extend", -2, ids[2]),
    ]
    assert files(run) == []
    assert delivered(mailbox) == []


def test_folder_and_files_are_for_their_owner_alone(run):
    RemoteControl(run).send("stop")
    (file,) = (run / FOLDER).iterdir()
    assert (run / FOLDER).stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_asked_is_refused_before_a_file_is_there(run):
    with pytest.raises(ValueError, match="lr takes a number"):
        RemoteControl(run).send("lr", -1)
    assert not (run / FOLDER).exists()


def test_a_request_can_be_taken_back_until_it_is_taken(run):
    remote, mailbox = RemoteControl(run), Mailbox(run)
    first, second = remote.send("stop"), remote.send("pause")
    assert remote.withdraw(first)
    assert delivered(mailbox) == [Request("pause", None, second)]
    assert not remote.withdraw(second)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b"[1, 2]", "fields"),
        (b"null", "fields"),
        (json.dumps(request())[:-9].encode(), "not JSON"),  # torn
        (request(shell="rm -rf"), "fields"),
        ({"id": ID, "kind": "stop"}, "fields"),
        (request(id="01700000000000000000-ffffffff"), "id"),
        (request(id=7), "id"),
        (request(kind="explode"), "no request 'explode'"),
        (request(kind=["lr"]), "kind"),
        (request(kind="stop", value=1), "takes no value"),
        (request(value=None), "a number from"),
        (request(value="0.5"), "a number from"),
        (request(value=True), "a number from"),
        (request(value=[1]), "a number from"),
        (request(value=float("nan")), "a number from"),
        (request(value=float("inf")), "a number from"),
        (request(value=10**400), "a number from"),
        (request(kind="epochs", value=2.5), "whole"),
        (json.dumps(request()).encode() + b" " * 4096, "larger than 4096"),
    ],
)
def test_what_is_no_request_is_removed_and_named_in_the_log(run, content, why):
    post(run, content)
    (told,) = delivered(Mailbox(run))
    assert isinstance(told, Notice)
    assert ID in told.text
    assert why in told.text
    assert len(told.text) < 300
    assert files(run) == []


def test_a_symbolic_link_is_not_followed_and_what_it_names_stays(run, tmp_path):
    target = tmp_path / "elsewhere.json"
    target.write_text(json.dumps(request()))
    (run / FOLDER).mkdir()
    (run / FOLDER / f"{ID}.json").symlink_to(target)
    (told,) = delivered(Mailbox(run))
    assert "symbolic link" in told.text
    assert target.exists()
    assert files(run) == []


def test_a_named_pipe_or_a_folder_does_not_hold_up_the_others(run):
    (run / FOLDER).mkdir()
    os.mkfifo(run / FOLDER / "00000000000000000000-00000000.json")
    (run / FOLDER / "00000000000000000001-00000000.json").mkdir()
    id = RemoteControl(run).send("stop")
    mailbox = Mailbox(run)
    pipe, folder, stop = sorted(delivered(mailbox), key=str)
    assert stop == Request("stop", None, id)
    assert "no regular file" in pipe.text
    assert "no regular file" in folder.text
    assert delivered(mailbox) == []  # the folder is still there, and told once


@pytest.mark.parametrize(("owner", "obeyed"), [("own", True), ("root", True), ("other", False)])
def test_only_the_owner_and_root_are_obeyed(run, monkeypatch, owner, obeyed):
    post(run, request())
    real = os.fstat

    def fstat(file):
        facts = real(file)
        uid = {"own": os.geteuid(), "root": 0, "other": os.geteuid() + 1}[owner]
        return SimpleNamespace(st_mode=facts.st_mode, st_uid=uid)

    with monkeypatch.context() as pretended:
        pretended.setattr("core.mailbox.os.fstat", fstat)
        (told,) = delivered(Mailbox(run))
    assert told == Request("lr", 0.5, ID) if obeyed else "belongs to user" in told.text
    assert files(run) == []


def test_a_stranger_is_told_so_and_leaves_nothing(run, monkeypatch):
    monkeypatch.setattr("core.mailbox.os.geteuid", lambda: run.stat().st_uid + 1)
    with pytest.raises(RunError, match="belongs to user"):
        RemoteControl(run).send("stop")
    assert not (run / FOLDER).exists()


def test_a_request_that_comes_twice_is_carried_out_once(run):
    mailbox = Mailbox(run)
    post(run, request())
    assert delivered(mailbox) == [Request("lr", 0.5, ID)]
    post(run, request())  # as a file server that repeats what it was told
    assert delivered(mailbox) == []


def test_a_file_that_cannot_be_removed_is_not_carried_out(run, monkeypatch):
    post(run, request())
    mailbox = Mailbox(run)

    def refuse(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    (told,) = delivered(mailbox)
    assert isinstance(told, Notice)
    assert "Permission denied" in told.text
    assert delivered(mailbox) == []


def test_a_flood_of_junk_is_a_few_lines_in_the_log(run):
    for number in range(100):
        post(run, b"junk", f"{number:020d}-00000000.json")
    told = delivered(Mailbox(run))
    assert len(told) == 6
    assert told[-1] == Notice("95 more control requests refused")
    assert files(run) == []


def test_other_files_are_left_alone(run):
    post(run, b"a file being written", f".{ID}.json.tmp")
    post(run, b"my own notes", "notes.txt")
    assert delivered(Mailbox(run)) == []
    assert files(run) == [f".{ID}.json.tmp", "notes.txt"]


def test_a_folder_that_is_gone_is_no_news(run):
    mailbox = Mailbox(run)
    (run / FOLDER).rmdir()
    assert delivered(mailbox) == []


def test_requests_from_before_the_start_are_dropped_and_counted(run):
    RemoteControl(run).send("stop")
    RemoteControl(run).send("lr", 0.1)
    post(run, b"torn", f".{ID}.json.tmp")
    control = Control()
    with requests_reach(run, control):
        assert control.take() == Notice("2 requests from before this start not carried out")
        assert files(run) == []
        id = RemoteControl(run).send("pause")
        while not control.pending:  # the test has a time limit
            control.wait(1)
        assert control.take() == Request("pause", None, id)


def test_the_thread_ends_with_the_run_and_costs_next_to_nothing(run):
    control = Control()
    with requests_reach(run, control):
        names = [thread.name for thread in threading.enumerate()]
        mailbox = Mailbox(run)
        began = time.thread_time()
        for _ in range(1000):
            mailbox.deliver(control)
        # 250 seconds' worth of looking; a thousandth of that time is plenty.
        assert time.thread_time() - began < 0.25
    assert "mailbox" in names
    assert "mailbox" not in [thread.name for thread in threading.enumerate()]


def test_the_answer_is_found_among_other_news(tmp_path):
    run = create_run(tmp_path, make_config({"model": "mlp"}), "r")
    events = [
        RunStart("r", "r", "mlp", "x", "cpu", "CPU", 1, 9, ("a", "b"), 90, 10, 1, 9, 10),
        Notice(f"somebody speaks of {ID}"),
        ControlApplied(1, 7, "lr", 0.1, "another id"),
        ControlApplied(1, 8, "lr", 0.5, ID),
    ]
    list(record(run, events, "0" * 64))
    assert acknowledged(run, ID, 0) == events[-1]
    assert acknowledged(run, ID[:-1] + "0", 0) is None
    assert acknowledged(tmp_path / "nowhere", ID, 0) is None


def test_mutated_files_never_crash_and_never_say_what_is_not_in_them(run):
    check_mutations(run, 200, seed=1)
