import json
from dataclasses import replace

import pytest
import torch

from core.batches import Batches, normalisation
from core.checkpoint import Circumstances, checkpoints, load_checkpoint, load_newest
from core.errors import TrainingDiverged
from core.events import CheckpointSaved, EpochEnd, StepReport
from core.record import RowWriter
from core.saving import SHARE, Cadence, Checkpoints
from core.schedules import SCHEDULES
from core.train import train
from core.training import Position, Training

STEPS = 5  # in an epoch


class Clock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("core.saving.perf_counter", clock)
    return clock


@pytest.fixture
def training(tiny_dataset, tiny_model):
    common = {"device": "cpu", "input_size": 8, "scale": normalisation("unit", tiny_dataset.train)}
    return Training(
        tiny_model,
        torch.optim.SGD(tiny_model.parameters(), 0.1),
        Batches(tiny_dataset.train, batch_size=10, shuffle=True, **common),
        Batches(tiny_dataset.test, batch_size=10, **common),
        schedule=SCHEDULES["constant"],
        position=Position(epochs=6, lr=0.1),
        report_interval=0.0,
    )


def saving_in(tmp_path, training, seconds=None, keep_every=0):
    training.saving = Checkpoints(
        tmp_path / "checkpoints",
        training,
        RowWriter(tmp_path),
        Circumstances({}, {}, ""),
        Cadence(seconds, keep_every),
    )
    return training.saving


def saved_in(events):
    return [(e.reason, e.step) for e in events if isinstance(e, CheckpointSaved)]


def slow(monkeypatch, clock, seconds):
    """Make writing a checkpoint take `seconds`."""
    from core.checkpoint import write_snapshot

    def write(folder, snapshot):
        clock.now += seconds
        return write_snapshot(folder, snapshot)

    monkeypatch.setattr("core.saving.write_snapshot", write)


def test_seconds_that_were_asked_for_are_kept_beside_every_epoch(tmp_path, training, clock):
    saving_in(tmp_path, training, seconds=20)
    events = []
    for event in train(training):
        clock.now += 8 if isinstance(event, StepReport) else 0
        events.append(event)
    assert saved_in(events)[:5] == [
        ("time", 4), ("epoch", 5), ("time", 9), ("epoch", 10), ("time", 14),
    ]  # fmt: skip


def test_with_zero_seconds_every_epoch_is_saved_and_nothing_else(tmp_path, training, clock):
    saving_in(tmp_path, training, seconds=0)
    events = []
    for event in train(training):
        clock.now += 1000
        events.append(event)
    assert saved_in(events) == [("epoch", STEPS * n) for n in range(1, 7)]


def test_by_default_a_minute_is_enough(tmp_path, training, clock):
    saving = saving_in(tmp_path, training)
    clock.now += 59
    assert not saving.due()
    clock.now += 2
    assert saving.due()


@pytest.mark.slow
def test_by_default_saving_costs_no_more_than_its_share(tmp_path, training, clock, monkeypatch):
    """Saving takes as long as an epoch here: 1 of 250 epochs is saved, not every one."""
    training.move(epochs=1000)
    saving_in(tmp_path, training)
    slow(monkeypatch, clock, 0.5)
    count, began = 0, clock.now
    for event in train(training):
        clock.now += 0.1 if isinstance(event, StepReport) else 0
        count += isinstance(event, CheckpointSaved) and event.reason != "best"
    assert count * 0.5 <= SHARE * (clock.now - began) + 0.5  # the first is free
    assert count >= 4


def test_one_slow_write_does_not_put_off_the_next(tmp_path, training, clock, monkeypatch):
    saving = saving_in(tmp_path, training)
    for seconds in (0.01, 0.01, 10.0):
        slow(monkeypatch, clock, seconds)
        list(saving.save("asked"))
    clock.now += 15 * 60
    assert saving.due()


def test_the_best_epoch_waits_in_memory_and_is_written_before_the_next_checkpoint(
    tmp_path, training, clock
):
    training.move(epochs=3)
    saving = saving_in(tmp_path, training)
    saving._costs.append(30.0)  # seconds: none is affordable for an hour after such a one
    best = None
    for event in train(training):
        if isinstance(event, EpochEnd) and event.epoch == 1:
            best = {k: v.clone() for k, v in training.model.state_dict().items()}
            training.move(best_test_score=2.0)  # none of those to come is better
    assert checkpoints(tmp_path / "checkpoints") == []
    saved = saved_in(saving.save("final"))
    assert saved == [("best", 5), ("final", 15)]
    read = load_checkpoint(tmp_path / "checkpoints" / "step-00000005")
    assert all(torch.equal(read.model[k], v) for k, v in best.items())
    assert read.position.best_step == 5
    assert load_newest(tmp_path / "checkpoints")[0].position.best_step == 5


def test_every_so_many_epochs_one_is_saved_and_stays(tmp_path, training, clock):
    saving = saving_in(tmp_path, training, keep_every=2)
    saving._costs.append(30.0)
    list(train(training))
    kept = {int(p.name[5:]) for p in checkpoints(tmp_path / "checkpoints")}
    assert {10, 20, 30} <= kept


def test_a_run_that_has_diverged_keeps_its_last_finite_checkpoint(tmp_path, training):
    saving = saving_in(tmp_path, training, seconds=0)
    list(saving.save("asked"))
    with torch.no_grad():
        next(training.model.parameters())[0, 0] = torch.nan
    training.position = replace(training.position, step=3)
    with pytest.raises(TrainingDiverged):
        list(saving.save("asked"))
    assert [p.name for p in checkpoints(tmp_path / "checkpoints")] == ["step-00000000"]


def test_a_checkpoint_knows_the_last_row_before_it_and_finds_it_on_the_disk(
    tmp_path, training, monkeypatch
):
    saving = saving_in(tmp_path, training, seconds=0)
    rows = saving._rows
    synced = []
    monkeypatch.setattr(rows, "sync", lambda: synced.append(rows.seq))
    rows.add(StepReport(1, 1, 2.0, 0.1, 0.1, 1000.0, 0.01))
    list(saving.save("asked"))
    state = tmp_path / "checkpoints" / "step-00000000" / "state.json"
    assert json.loads(state.read_text())["circumstances"]["rows"] == 1
    assert synced == [1]
