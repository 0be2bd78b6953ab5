import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.config import make_config
from core.events import (
    EpochEnd,
    Event,
    Notice,
    Progress,
    Queued,
    RunEnd,
    RunStart,
    StartOver,
    StepReport,
    Waiting,
)
from core.follow import follow
from core.record import read_events, record, set_aside
from core.rows import METRICS, OTHERS
from core.run_lock import hold
from core.runs import (
    Standing,
    create_run,
    discard_run,
    note_end,
    read_facts,
    write_config,
    write_facts,
)
from core.view import RunView, reduce_all

START = RunStart(
    "r", "runs/r", "mlp", "fashion-mini", "cpu", "a CPU", 2, 203530, ("a", "b"), 100, 50,
    epochs=2, steps_per_epoch=2, batch_size=50,
)  # fmt: skip
EVENTS: list[Event] = [
    Notice("2 CPU threads"),
    START,
    StepReport(1, 1, 2.0, 0.1, 0.1, 1000.0, 0.01),
    StepReport(1, 2, 1.5, 0.4, 0.1, 1000.0, 0.01),
    Progress("evaluating", 1, 2),
    EpochEnd(1, 2, 1.7, 0.3, 1.6, 0.4, 0.1, 0.2, 1000.0),
    StepReport(2, 3, 1.2, 0.6, 0.1, 1000.0, 0.01),
    RunEnd("stopped", 1, 3, 1, 0.4, 0.3),
]
KEPT = [event for event in EVENTS if not isinstance(event, Progress)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("core.follow.POLL_SECONDS", 0.01)
    monkeypatch.setattr("core.follow.ASK_SECONDS", 0.02)
    monkeypatch.chdir(tmp_path)  # START tells where the run was
    return create_run(Path("runs"), make_config({"model": "mlp"}), "r")


def stay() -> bool:
    return False


class Viewer(threading.Thread):
    """Follows a run in a thread, and can be waited for."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.path, self.seen, self.left = run, [], threading.Event()
        self.news = threading.Condition()
        self.start()

    def run(self):
        for event in follow(self.path, self.left.is_set):
            with self.news:
                self.seen.append(event)
                self.news.notify_all()

    def until(self, true) -> None:
        with self.news:
            assert self.news.wait_for(lambda: true(self.seen), 20), self.seen


def test_a_finished_run_is_told_from_its_beginning_and_ends(run):
    list(record(run, EVENTS, "d"))
    assert list(follow(run, stay)) == KEPT


@pytest.mark.parametrize("events_of", [read_events, lambda run: follow(run, stay)])
def test_a_run_is_where_its_folder_is_now(run, tmp_path, events_of):
    list(record(run, EVENTS, "d"))
    moved = run.rename(tmp_path / "elsewhere")
    [start] = [event for event in events_of(moved) if isinstance(event, RunStart)]
    assert start.path == str(moved)


def test_viewers_that_come_early_late_and_in_between_see_the_same_run(run):
    def slowly() -> Iterator[Event]:
        for number, event in enumerate(EVENTS):
            yield event
            if number == 3:
                early.until(lambda seen: len(seen) == 4)  # each event as it is written
                viewers.append(Viewer(run))

    early = Viewer(run)
    viewers = [early, Viewer(run)]
    live = reduce_all(RunView(), record(run, slowly(), "d"))
    viewers.append(Viewer(run))
    for viewer in viewers:
        viewer.join(20)
        assert viewer.seen == KEPT
        assert reduce_all(RunView(), viewer.seen) == live


def test_a_viewer_can_leave_a_run_that_goes_on(run):
    def going_on() -> Iterator[Event]:
        yield from EVENTS[:4]
        viewer.until(lambda seen: len(seen) == 4)
        viewer.left.set()
        viewer.join(20)
        assert not viewer.is_alive()

    viewer = Viewer(run)
    list(record(run, going_on(), "d"))


def test_a_run_whose_process_is_gone_ends_as_crashed_with_the_reason(run):
    events = record(run, EVENTS, "d")
    for _ in range(6):
        next(events)
    write_facts(run, read_facts(run) | {"pid": 2**22 + 1})  # larger than any process id
    told = list(follow(run, stay))
    assert told[:-1] == KEPT[:5]
    end = told[-1]
    assert isinstance(end, RunEnd)
    assert (end.state, end.epoch, end.best_test_score) == ("crashed", 1, 0.4)
    assert str(2**22 + 1) in end.problem
    assert "nnlab resume r" in end.fix


def test_the_end_of_several_processes_is_told_as_their_launcher_explains_it(run, monkeypatch):
    config = make_config({"model": "mlp", "devices": "2"})
    write_config(run, config)
    write_facts(run, read_facts(run) | {"state": "failed", "problem": "Rank 1 is gone."})

    def explain(seconds: float) -> None:
        note_end(run, "Rank 1 was ended by SIGKILL.")

    monkeypatch.setattr("core.follow.time.sleep", explain)
    *_, end = follow(run, stay)
    assert (end.state, end.problem) == ("crashed", "Rank 1 was ended by SIGKILL.")


def test_a_crash_that_nobody_explains_any_more_is_told_at_once(run, monkeypatch):
    write_config(run, make_config({"model": "mlp", "devices": "2"}))
    write_facts(run, read_facts(run) | {"state": "failed", "problem": "Rank 1 is gone."})
    monkeypatch.setattr("core.follow.EXPLAINED_SECONDS", 0.0)
    *_, end = follow(run, stay)
    assert end.problem == "Rank 1 is gone."


def test_damaged_rows_are_left_out_and_counted(run):
    list(record(run, EVENTS, "d"))
    lines = (run / METRICS).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"1.5", b"1.6")
    lines[2:2] = [b"\xff\x00{\n"]
    (run / METRICS).write_bytes(b"".join(lines))
    told = list(follow(run, stay))
    assert told == [
        *(event for event in KEPT if event != EVENTS[3]),
        Notice("2 damaged rows of the log left out"),
    ]


def test_a_row_that_is_still_being_written_is_read_when_it_is_whole(run):
    def in_pieces() -> Iterator[Event]:
        yield from EVENTS[:3]
        viewer.until(lambda seen: len(seen) == 3)
        whole = (run / METRICS).read_bytes()
        with (run / METRICS).open("ab") as file:  # the row of step 1 once more, cut in two
            file.write(whole[:40])
            file.flush()
            with (run / OTHERS).open("ab") as others:
                others.write((run / OTHERS).read_bytes().splitlines(keepends=True)[0])
            viewer.until(lambda seen: len(seen) == 4)
            file.write(whole[40:])
        viewer.until(lambda seen: len(seen) == 5)

    viewer = Viewer(run)
    list(record(run, in_pieces(), "d"))
    viewer.left.set()
    assert viewer.seen[3:] == [EVENTS[0], EVENTS[2]]


def test_rows_that_a_resume_moved_away_are_forgotten(run):
    def resumed() -> Iterator[Event]:
        viewer.until(lambda seen: StartOver() in seen)
        yield EVENTS[6]
        yield RunEnd("finished", 2, 3, 1, 0.4, 0.5)

    def interrupted() -> Iterator[Event]:
        yield from EVENTS[:7]
        viewer.until(lambda seen: len(seen) == 6)

    viewer = Viewer(run)
    list(record(run, interrupted(), "d"))
    before = (run / METRICS).stat().st_ino
    assert set_aside(run, 2, seq=5) == 1
    assert (run / METRICS).stat().st_ino != before
    list(record(run, resumed(), "d"))
    viewer.join(20)
    assert viewer.seen.count(StartOver()) == 1
    assert list(read_events(run)) == viewer.seen[viewer.seen.index(StartOver()) + 1 :]
    assert reduce_all(RunView(), viewer.seen) == reduce_all(RunView(), read_events(run))


def test_a_folder_that_vanishes_ends_the_view(run, monkeypatch):
    def vanishing() -> Iterator[Event]:
        yield from EVENTS[:4]
        viewer.until(lambda seen: len(seen) == 4)
        monkeypatch.setattr("core.follow.UNREADABLE_SECONDS", 0.1)
        for file in run.iterdir():
            file.unlink()
        viewer.join(20)
        yield from ()

    viewer = Viewer(run)
    list(record(run, vanishing(), "d"))
    assert isinstance(viewer.seen[-1], RunEnd)
    assert viewer.seen[-1].state == "crashed"


def test_a_run_that_waits_tells_behind_whom_until_it_is_taken_away(run, monkeypatch):
    monkeypatch.setattr("core.follow.UNREADABLE_SECONDS", 0.1)
    line = {run.resolve(): Standing(2, ("cpu",), ("brave-otter", "calm-heron"))}
    monkeypatch.setattr("core.device_queue.standings", lambda: line)
    write_facts(run, read_facts(run) | {"state": "queued"})
    viewer = Viewer(run)
    viewer.until(lambda seen: seen == [Queued(("brave-otter", "calm-heron"))])
    line[run.resolve()] = Standing(1, ("cpu",), ("brave-otter",))
    viewer.until(lambda seen: seen[1:] == [Queued(("brave-otter",))])
    discard_run(run)
    viewer.join(20)
    assert viewer.seen[-1] == RunEnd("stopped", 0, 0, None, None, 0)
    assert reduce_all(RunView(), viewer.seen[:2]).behind == ("brave-otter",)


def test_a_run_whose_turn_comes_is_prepared(run):
    write_facts(run, read_facts(run) | {"state": "queued"})
    viewer = Viewer(run)
    viewer.until(lambda seen: seen == [Queued(())])  # of a sweep: it has no place of its own yet
    write_facts(run, read_facts(run) | {"state": "preparing"})
    viewer.until(lambda seen: seen[1:] == [Progress("preparing", 0, None)])
    viewer.left.set()
    viewer.join(20)
    assert reduce_all(RunView(), viewer.seen).state == "preparing"


def test_a_process_that_lives_and_does_nothing_is_told(run):
    with closing(record(run, KEPT, "d")) as recording, hold(run):
        for _ in range(3):
            next(recording)
        beaten = time.time() - 40
        os.utime(run / "lock", (beaten, beaten))
        viewer = Viewer(run)
        viewer.until(lambda seen: any(isinstance(event, Waiting) for event in seen))
        (waiting,) = [event for event in viewer.seen if isinstance(event, Waiting)]
        assert f"process {os.getpid()} of " in waiting.problem
        os.utime(run / "lock")
        viewer.until(lambda seen: seen[-1] == Waiting(""))
        viewer.left.set()
        viewer.join()
