"""Opening runs whose logs are too long to be read whole. The limits are lowered here: a log of half
a megabyte is a long one."""

import os
import random

import pytest

from core import long_log, tail
from core.config import make_config
from core.events import (
    CheckpointSaved,
    ControlApplied,
    DeviceFigures,
    EpochEnd,
    LayerFigures,
    Notice,
    RunEnd,
    RunStart,
    StepReport,
)
from core.follow import follow
from core.record import RowWriter, read_events
from core.rows import METRICS, OTHERS
from core.runs import create_run, read_facts, write_facts
from core.tail import Rows
from core.view import RunView, reduce_all

EPOCHS, STEPS, BEST = 60, 40, 37
LAYER = LayerFigures(1, 1, ("fc",), (1.0,), (0.1,), (-1.0,), (1.0,), ((1, 2),))


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    monkeypatch.setattr(tail, "WHOLE", 20_000)
    monkeypatch.setattr(long_log, "NEWEST", 4_000)
    monkeypatch.setattr(long_log, "PLACES", 50)
    monkeypatch.setattr(long_log, "BLOCK", 512)
    monkeypatch.setattr(long_log, "ENDS", 20)
    monkeypatch.setattr(long_log, "OFTEN", dict.fromkeys(long_log.OFTEN, 10))


def story():
    yield RunStart(
        *("r", "runs/r", "mlp", "fashion-mini", "cpu", "a CPU", 2, 9, ("a", "b"), 100, 50),
        epochs=EPOCHS, steps_per_epoch=STEPS, batch_size=50,
    )  # fmt: skip
    for epoch in range(1, EPOCHS + 1):
        for step in range((epoch - 1) * STEPS + 1, epoch * STEPS + 1):
            yield StepReport(epoch, step, 2.0 / step, 0.1, 0.1, 1000.0, 0.01)
            if step % 10 == 0:
                yield DeviceFigures(step, cpu=0.5)
        yield LAYER
        yield EpochEnd(epoch, step, 1.7, 0.3, 1.6, 0.4 + (epoch == BEST), 0.1, 0.2, 1000.0)
        yield CheckpointSaved(epoch, step, "c", "epoch", 0.1, 5)
        if epoch % 25 == 0:
            yield ControlApplied(epoch, step, "lr", 1.0 / epoch)


def write(run, events):
    rows = RowWriter(run)
    for event in events:
        rows.add(event)
    rows.write()
    rows.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    run = create_run(tmp_path_factory.mktemp("runs"), make_config({"model": "mlp"}), "r")
    write(run, story())
    write_facts(run, read_facts(run) | {"best_epoch": BEST})
    return run


@pytest.fixture
def run(recorded, tmp_path):
    """A copy of it that can be damaged."""
    copy = tmp_path / "r"
    copy.mkdir(mode=0o700)
    for file in recorded.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def test_of_a_long_log_few_rows_are_read_over_its_whole_length(recorded):
    rows = Rows(recorded)
    view = reduce_all(RunView(), rows.read())
    steps = [report.step for report in view.reports]
    assert steps == sorted(set(steps))
    assert 50 <= len(steps) < 120
    assert max(b - a for a, b in zip([0, *steps], steps, strict=False)) <= 2 * EPOCHS * STEPS / 50
    assert steps[-10:] == list(range(EPOCHS * STEPS - 9, EPOCHS * STEPS + 1))  # the newest, all
    assert len(view.layers) == 10
    assert view.layers[-1] == LAYER
    assert view.checkpoint.epoch == EPOCHS
    assert rows.damaged == 0


def test_each_row_is_as_it_was_written_and_in_its_place(recorded):
    everything = list(read_events(recorded))
    left = iter(everything)
    for event in list(Rows(recorded).read())[1:]:
        assert any(event == candidate for candidate in left), event


def test_ends_of_epochs_are_found_in_even_distances_with_the_last_and_the_best(recorded):
    epochs = [e.epoch for e in Rows(recorded).read() if isinstance(e, EpochEnd)]
    assert epochs == sorted(set(epochs))
    assert {3, 6, 9, 30, 57, EPOCHS, BEST} <= set(epochs)
    assert reduce_all(RunView(), Rows(recorded).read()).best.epoch == BEST


def test_all_ends_of_epochs_are_found_where_there_are_not_too_many(recorded, monkeypatch):
    monkeypatch.setattr(long_log, "ENDS", EPOCHS)
    ends = [e for e in Rows(recorded).read() if isinstance(e, EpochEnd)]
    assert ends == [e for e in read_events(recorded) if isinstance(e, EpochEnd)]


def test_what_was_done_to_a_run_is_there_whole(recorded):
    view = reduce_all(RunView(), Rows(recorded).read())
    assert view.controls == tuple(e for e in read_events(recorded) if isinstance(e, ControlApplied))
    assert view.start.epochs == EPOCHS


def test_it_is_told_that_not_all_is_shown(recorded):
    rows = Rows(recorded)
    first = next(rows.read())
    assert isinstance(first, Notice)
    assert first.text == rows.sampled
    assert f"some {len(list(read_events(recorded))):,} rows" in rows.sampled


def test_a_log_that_is_short_is_read_whole(recorded, monkeypatch):
    monkeypatch.setattr(tail, "WHOLE", 10**7)
    rows = Rows(recorded)
    assert list(rows.read()) == list(read_events(recorded))
    assert rows.sampled == ""


def test_what_comes_after_it_was_opened_is_read_whole(run):
    rows = Rows(run)
    before = list(rows.read())
    new = [StepReport(61, 2400 + n, 1.0, 0.5, 0.1, 1e3, 0.0) for n in range(200)]
    write(run, [*new, LAYER])
    assert list(rows.read()) == [*new, LAYER]
    assert len(before) < 400


def test_a_viewer_sees_the_end_of_a_long_run_that_says_nothing_itself(run):
    write_facts(run, read_facts(run) | {"state": "crashed", "problem": "It was killed."})
    end = list(follow(run, lambda: False))[-1]
    assert isinstance(end, RunEnd)
    assert (end.state, end.epoch, end.step) == ("crashed", EPOCHS, EPOCHS * STEPS)
    assert end.best_epoch == BEST


@pytest.mark.parametrize("name", [METRICS, OTHERS])
@pytest.mark.parametrize("seed", range(3))
def test_damage_costs_damaged_rows_alone_and_those_that_were_met_are_counted(
    recorded, run, name, seed
):
    draw = random.Random(seed)
    content = bytearray((run / name).read_bytes())
    for _ in range(200):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    (run / name).write_bytes(content)
    rows = Rows(run)
    seen = {repr(event) for event in rows.read() if not isinstance(event, Notice | RunStart)}
    assert rows.damaged > 0
    assert len(seen) > 100
    assert seen <= {repr(event) for event in read_events(recorded)}


@pytest.mark.parametrize("hole", [b"\0", b"x\n", b'{"event": "EpochEnd"\n'])
def test_a_hole_in_the_log_hides_what_was_there_and_nothing_else(run, hole):
    content = (run / METRICS).read_bytes()
    third = len(content) // 3
    filled = (hole * third)[:third]
    (run / METRICS).write_bytes(content[:third] + filled + content[2 * third :])
    view = reduce_all(RunView(), Rows(run).read())
    steps = [report.step for report in view.reports]
    assert sum(step < EPOCHS * STEPS / 3 for step in steps) >= 15
    assert sum(step > EPOCHS * STEPS * 2 / 3 for step in steps) >= 15
    assert {3, 6, 9, 57, EPOCHS} <= {end.epoch for end in view.epoch_ends}


@pytest.mark.parametrize("content", [os.urandom(50_000), b"\n" * 50_000, b"\0" * 50_000])
def test_of_a_log_without_a_row_nothing_is_shown(run, content):
    for name in (METRICS, OTHERS):
        (run / name).write_bytes(content)
    assert [e for e in Rows(run).read() if not isinstance(e, Notice)] == []


@pytest.mark.parametrize("best", ["x", [], 10**30, -1, None])
def test_a_best_epoch_that_cannot_be_is_looked_for_in_vain(run, best):
    write_facts(run, read_facts(run) | {"best_epoch": best})
    assert reduce_all(RunView(), Rows(run).read()).step == EPOCHS * STEPS
