import json
import os
import stat
import threading
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

from core.config import make_config
from core.control import Control
from core.durable import replace_file
from core.errors import RunError
from core.events import (
    CheckpointSaved,
    ControlApplied,
    EpochEnd,
    LayerFigures,
    Notice,
    Progress,
    RunEnd,
    RunStart,
    StepReport,
    Waiting,
)
from core.patience import Patience
from core.record import RowWriter, damaged_rows, read_events, record, set_aside
from core.runs import create_run, read_facts, read_info

EVENTS = [
    Notice("2 CPU threads"),
    RunStart(
        "r", "runs/r", "mlp", "fashion-mini", "cpu", "a CPU", 2, 203530, ("a", "b"), 100, 50,
        epochs=2, steps_per_epoch=2, batch_size=50,
    ),
    StepReport(1, 1, 2.0, 0.1, 0.1, 1000.0, 0.01),
    Progress("evaluating", 1, 2),
    StepReport(1, 2, 1.5, 0.4, 0.1, 1000.0, 0.01),
    EpochEnd(1, 2, 1.7, 0.3, 1.6, 0.4, 0.1, 0.2, 1000.0),
    CheckpointSaved(1, 2, "checkpoints/step-00000002", "epoch", 0.01, 1234),
    ControlApplied(2, 2, "lr", 0.05),
    StepReport(2, 3, float("inf"), 0.1, 0.05, 1000.0, 0.01),
    RunEnd("stopped", 1, 3, 1, 0.4, 0.3),
]  # fmt: skip
LOGS = ("metrics.jsonl", "events.jsonl")
KEPT = [e for e in EVENTS if not isinstance(e, Progress)]


@pytest.fixture
def run(tmp_path):
    with chdir(tmp_path):  # RunStart tells where the run was
        yield create_run(Path("runs"), make_config({"model": "mlp"}), "r")


def test_events_pass_unchanged_and_come_back_in_their_order(run):
    assert list(record(run, EVENTS, "d")) == EVENTS
    assert list(read_events(run)) == KEPT
    assert damaged_rows(run) == 0


def test_a_row_is_on_disk_before_its_event_is_passed_on(run):
    for count, event in enumerate(record(run, KEPT, "d"), start=1):
        assert list(read_events(run)) == KEPT[:count], event


def test_figures_and_happenings_are_valid_json_lines_in_two_files(run):
    list(record(run, EVENTS, "d"))

    def refuse(word):
        raise AssertionError(word)

    rows = {
        name: [
            json.loads(line, parse_constant=refuse)
            for line in (run / name).read_text().splitlines()
        ]
        for name in ("metrics.jsonl", "events.jsonl")
    }
    assert {r["event"] for r in rows["metrics.jsonl"]} == {"StepReport", "EpochEnd"}
    assert [r["event"] for r in rows["events.jsonl"]] == [
        "Notice", "RunStart", "CheckpointSaved", "ControlApplied", "RunEnd",
    ]  # fmt: skip
    assert sorted(r["seq"] for rs in rows.values() for r in rs) == list(range(1, 10))


def test_run_json_follows_the_run(run):
    states = []
    for event in record(run, EVENTS, "digest"):
        if (run / "run.json").exists():
            facts = json.loads((run / "run.json").read_text())
            states.append((type(event).__name__, facts["state"], facts["epoch"], facts["step"]))
    assert ("RunStart", "training", 0, 0) in states
    assert ("ControlApplied", "training", 1, 2) in states
    assert states[-1] == ("RunEnd", "stopped", 1, 3)
    assert facts["data_digest"] == "digest"
    assert facts["pid"] == os.getpid()
    assert facts["best_test_score"] == 0.4


def test_damaged_rows_are_left_out_and_counted_and_all_others_survive(run):
    list(record(run, EVENTS, "d"))
    file = run / "metrics.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"0.4", b"0.9", 1)  # one flipped figure
    file.write_bytes(b"".join(lines) + b'{"event": "StepRep')  # and a torn last line
    assert damaged_rows(run) == 2
    assert list(read_events(run)) == [e for e in KEPT if e != EVENTS[4]]


def test_a_folder_without_rows_has_no_events(run):
    assert list(read_events(run)) == []
    assert damaged_rows(run) == 0


def test_what_came_after_a_checkpoint_is_set_aside_and_kept(run):
    list(record(run, EVENTS, "d"))
    assert set_aside(run, 2, seq=7) == 2
    assert list(read_events(run)) == KEPT[:-2]
    superseded = (run / "metrics.jsonl.superseded").read_text()
    assert superseded.count("\n") == 1
    assert json.loads(superseded)["step"] == 3
    assert set_aside(run, 2, seq=7) == 0


def test_the_end_of_an_epoch_that_will_be_tested_again_is_set_aside_too(run):
    """Stopped while it was tested, resumed, and killed before that epoch's checkpoint."""
    list(record(run, EVENTS, "d"))
    before_it = next(i for i, event in enumerate(KEPT) if isinstance(event, EpochEnd))
    set_aside(run, 2, seq=before_it)
    assert not any(isinstance(event, EpochEnd) for event in read_events(run))


def test_recording_goes_on_where_it_was(run):
    list(record(run, EVENTS, "d"))
    started = read_info(run).started
    set_aside(run, 2, seq=7)
    more = [StepReport(2, 3, 1.0, 0.5, 0.1, 1000.0, 0.0), RunEnd("finished", 2, 4, 1, 0.4, 0.5)]
    list(record(run, [EVENTS[1], *more], "d"))
    assert list(read_events(run)) == [*KEPT[:-2], EVENTS[1], *more]
    assert read_info(run).state == "finished"
    assert read_info(run).started == started
    assert read_info(run).epoch == 1


def test_the_log_tells_the_story_in_words(run):
    list(record(run, EVENTS, "d"))
    log = (run / "log.txt").read_text()
    assert "2 CPU threads" in log
    assert "lr 0.05 at step 2" in log


def test_the_folder_is_the_owners_alone(run):
    list(record(run, EVENTS, "d"))
    assert stat.S_IMODE(run.stat().st_mode) == 0o700


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_run_that_ends_in_the_middle_is_not_shown_as_running(run, error):
    def broken():
        yield from EVENTS[:5]
        raise error

    with pytest.raises(type(error)):
        list(record(run, broken(), "d"))
    info = read_info(run)
    assert info.state == "crashed"
    assert type(error).__name__ in info.problem
    assert info.step == 2


def test_a_reader_that_leaves_ends_the_run(run):
    events = record(run, EVENTS, "d")
    for _ in range(4):
        next(events)
    events.close()
    assert read_info(run).state == "crashed"


def full(*arguments):
    raise OSError(28, "No space left on device")


def test_a_run_waits_for_a_full_disk_and_goes_on_with_every_row(run, monkeypatch):
    monkeypatch.setattr("core.patience.RETRY_SECONDS", 0.0)
    events = record(run, KEPT, "d")
    told = [next(events) for _ in range(3)]
    with monkeypatch.context() as broken:
        broken.setattr("os.write", full)
        told.append(next(events))
        assert isinstance(told[-1], Waiting)
        assert "No space left on device" in told[-1].problem
        assert "free)" in told[-1].problem
    told += events
    assert Waiting("") in told
    assert [e for e in told if not isinstance(e, Waiting)] == KEPT
    recorded = list(read_events(run))
    assert [e for e in recorded if not isinstance(e, Waiting)] == KEPT
    assert sum(isinstance(e, Waiting) for e in recorded) == 2
    assert damaged_rows(run) == 0


def test_a_stop_ends_the_wait_with_advice_and_what_was_written_stays(run, monkeypatch):
    control = Control()
    events = record(run, KEPT, "d", patience=Patience(control))
    for _ in range(3):
        next(events)
    monkeypatch.setattr("os.write", full)
    assert isinstance(next(events), Waiting)
    control.send("stop")
    with pytest.raises(RunError, match="No space left on device") as caught:
        list(events)
    assert "nnlab resume" in caught.value.fix
    monkeypatch.undo()
    assert list(read_events(run)) == KEPT[:3]
    assert read_info(run).state == "failed"


def test_a_line_that_was_cut_short_leaves_nothing_behind(run, monkeypatch):
    """As on a disk that fills up: some bytes go in, the rest does not."""
    rows = RowWriter(run)
    rows.add(EVENTS[2])
    rows.write()
    write = os.write
    with monkeypatch.context() as broken:
        broken.setattr("os.write", lambda file, line: write(file, line[:20]))
        rows.add(EVENTS[4])
        with pytest.raises(OSError, match="No space left"):
            rows.write()
    rows.write()
    rows.close()
    assert list(read_events(run)) == [EVENTS[2], EVENTS[4]]
    assert damaged_rows(run) == 0


def test_a_torn_last_line_does_not_spoil_the_next_row(run):
    list(record(run, EVENTS, "d"))
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'{"event": "StepRep')
    list(record(run, [EVENTS[1], EVENTS[4]], "d"))
    assert list(read_events(run)) == [*KEPT, EVENTS[1], EVENTS[4]]
    assert damaged_rows(run) == 1


def test_a_log_that_was_deleted_is_begun_anew(run, monkeypatch):
    monkeypatch.setattr("core.record.LOOK_SECONDS", 0.0)
    events = record(run, KEPT, "d")
    for _ in range(3):
        next(events)
    (run / "metrics.jsonl").unlink()
    list(events)
    left = [e for e in KEPT if e is not EVENTS[2]]
    assert list(read_events(run)) == left


def test_run_json_tells_of_the_last_of_many_reports(run):
    reports = [StepReport(1, step, 2.0, 0.1, 0.1, 1000.0, 0.01) for step in range(1, 50)]
    events = record(run, [EVENTS[1], *reports, ControlApplied(1, 49, "pause")], "d")
    told = [read_facts(run) for _ in events]
    assert [facts["step"] for facts in told] == [0] * 50 + [49]
    assert told[-1]["state"] == "paused"


def test_a_lost_line_end_costs_no_row(run):
    list(record(run, EVENTS, "d"))
    file = run / "metrics.jsonl"
    first, second, *others = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first[:-1] + b"x" + second + b"".join(others))
    assert list(read_events(run)) == KEPT
    assert damaged_rows(run) == 1


def test_what_is_damaged_is_not_dropped_when_rows_are_set_aside(run):
    list(record(run, EVENTS, "d"))
    file = run / "metrics.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b"garbage\n" + b"".join(lines[1:]))
    set_aside(run, 2, seq=7)
    assert file.read_bytes() == lines[0] + b"garbage\n" + b"".join(lines[1:-1])


def test_of_a_long_log_what_stays_is_not_changed_by_a_byte(run, monkeypatch):
    monkeypatch.setattr("core.record.MEBIBYTE", 64)
    steps = [StepReport(1, step, 2.0, 0.1, 0.1, 1e3, 0.01) for step in range(1, 30)]
    list(record(run, [EVENTS[1], *steps[:20]], "d"))
    before = (run / "metrics.jsonl").read_bytes()
    list(record(run, steps[20:], "d"))
    assert set_aside(run, 20, seq=21) == 9
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("end", [b"", b"x" * 100_000, b"x\n" * 50_000])
def test_places_go_on_after_the_last_row_however_much_behind_it_is_damaged(run, end):
    list(record(run, EVENTS, "d"))
    with (run / "events.jsonl").open("ab") as file:
        file.write(end)
    assert RowWriter(run).seq == len(KEPT)


def test_rows_of_the_same_step_that_a_checkpoint_does_not_know_are_set_aside(run):
    """Saved after an epoch's last step, killed after its evaluation: that is done again."""
    list(record(run, EVENTS[:6], "d"))
    assert set_aside(run, 2, seq=4) == 1
    assert list(read_events(run)) == [e for e in EVENTS[:5] if e in KEPT]


def test_figures_of_the_layers_that_will_be_measured_again_are_set_aside(run):
    figures = LayerFigures(1, 2, ("fc",), (1.0,), (0.1,), (-1.0,), (1.0,), ((1, 2),))
    list(record(run, [*EVENTS[:4], figures], "d"))
    assert set_aside(run, 2, seq=3) == 1
    assert figures not in list(read_events(run))


@pytest.mark.parametrize("survived", range(4))
def test_setting_aside_can_be_interrupted_anywhere_and_done_again(run, monkeypatch, survived):
    list(record(run, EVENTS, "d"))
    everything = sorted(line for name in LOGS for line in (run / name).read_bytes().splitlines())
    replaced = []

    def killed(path, content):
        if len(replaced) == survived:
            raise KeyboardInterrupt
        replaced.append(path)
        replace_file(path, content)

    monkeypatch.setattr("core.record.replace_file", killed)
    with pytest.raises(KeyboardInterrupt):
        set_aside(run, 2, seq=7)
    monkeypatch.undo()
    set_aside(run, 2, seq=7)
    assert list(read_events(run)) == KEPT[:-2]
    files = [run / f"{name}{end}" for name in LOGS for end in ("", ".superseded")]
    assert sorted(line for file in files for line in file.read_bytes().splitlines()) == everything


def test_another_thread_records_while_the_events_do_not_come(run):
    def beside(tell):
        thread = threading.Thread(target=tell, args=(Waiting("rank 1 is silent"),))

        @contextmanager
        def told():
            yield
            thread.join()

        steps.append(thread)
        return told()

    steps: list[threading.Thread] = []

    def events():
        yield EVENTS[1]
        steps[0].start()
        steps[0].join()  # as in a step that does not end
        assert read_facts(run)["state"] == "waiting"
        assert Waiting("rank 1 is silent") in list(read_events(run))
        yield EVENTS[-1]

    assert list(record(run, events(), "digest", beside=beside)) == [EVENTS[1], EVENTS[-1]]
    assert read_facts(run)["state"] == "stopped"
