"""The runs of a sweep, trained for real on tiny images."""

import pytest

from core.config import make_config
from core.errors import ConfigError, DataError, RunError, TrainingDiverged
from core.events import EpochEnd, RunEnd, RunStart
from core.notes import read_notes
from core.run_lock import hold
from core.runs import create_run, list_runs, read_facts, read_info, write_facts
from core.sweep import Sweep, plan_sweep
from core.trials import SweepControl, cancel, check_networks, create_trials, groups, run_trials

SMALL = {  # with dropout: these are not trained as one
    "model": "mlp_dropout", "input_size": "8", "model_options": "hidden1=4,hidden2=4",
    "epochs": "2", "batch_size": "12", "optimizer": "sgd", "threads": "1", "device": "cpu",
    "report_interval": "0",
}  # fmt: skip


@pytest.fixture
def runs_dir(tmp_path, monkeypatch, tiny_dataset):
    """Runs on the tiny data set, whatever data they name."""

    def tiny(name, where):
        yield from ()
        return tiny_dataset

    monkeypatch.setattr("core.prepare.load", tiny)
    return tmp_path / "runs"


def sweep(name: str = "s", **values: str) -> Sweep:
    return plan_sweep(SMALL | {"lr": "0.01,0.1,1"} | values, name=name)


def states(runs_dir) -> dict[str, str]:
    return {info.name: info.state for info in list_runs(runs_dir)}


def test_all_runs_are_there_and_queued_before_the_first_begins(runs_dir):
    runs = create_trials(sweep(), runs_dir)
    assert states(runs_dir) == {"s-1": "queued", "s-2": "queued", "s-3": "queued"}
    assert all(read_notes(run).tags == ("sweep-s",) for run in runs)
    events = run_trials(runs)
    index, event = next(events)
    while not isinstance(event, RunStart):
        index, event = next(events)
    assert index == 0
    # Not asked of run.json, which is written when the event is taken.
    assert states(runs_dir) | {"s-1": ""} == {"s-1": "", "s-2": "queued", "s-3": "queued"}
    events.close()


def test_the_runs_are_ordinary_ones_one_after_the_other(runs_dir):
    told = list(run_trials(create_trials(sweep(), runs_dir)))
    ends = [(index, e.state) for index, e in told if isinstance(e, RunEnd)]
    assert ends == [(0, "finished"), (1, "finished"), (2, "finished")]
    assert [read_info(runs_dir / f"s-{n}").config.lr for n in (1, 2, 3)] == [0.01, 0.1, 1]


def test_those_that_differ_in_lr_or_seed_alone_are_trained_as_one(runs_dir):
    plain = {"model": "mlp", "model_options": "hidden=4"}
    runs = create_trials(sweep(**plain, lr="0.01,0.1", batch_size="12,6", seed="0,1"), runs_dir)
    found = groups(runs)
    sizes = [read_info(run).config.batch_size for run in runs]
    assert [{sizes[i] for i in members} for members in found.members] == [{12}, {6}]
    assert found.why_in_turn is None
    told = list(run_trials(runs))
    assert sorted(i for i, e in told if isinstance(e, RunEnd)) == list(range(8))
    assert set(states(runs_dir).values()) == {"finished"}


def test_it_is_told_why_runs_are_alike_and_not_trained_as_one(runs_dir):
    found = groups(create_trials(sweep(), runs_dir))
    assert list(map(len, found.members)) == [1, 1, 1]
    assert "dropout" in found.why_in_turn


def test_a_stopped_sweep_goes_on_where_it_was(runs_dir):
    control = SweepControl()
    events = run_trials(create_trials(sweep(epochs="3"), runs_dir), control=control)
    for index, event in events:
        if isinstance(event, EpochEnd) and (index, event.epoch) == (1, 1):
            control.send("stop")
    assert states(runs_dir) == {"s-1": "finished", "s-2": "stopped"}  # nothing is left of the third

    told = list(run_trials(create_trials(sweep(epochs="3"), runs_dir)))
    starts = [(index, e.step) for index, e in told if isinstance(e, RunStart)]
    assert starts == [(1, 4), (2, 0)]  # 48 images make 4 batches of 12
    assert set(states(runs_dir).values()) == {"finished"}


def test_runs_that_were_stopped_as_one_before_a_step_are_trained_by_the_same_sweep(runs_dir):
    settings = {"model": "mlp", "model_options": "hidden=4", "seed": "0,1"}
    control = SweepControl()
    for _, event in run_trials(create_trials(sweep(**settings), runs_dir), control=control):
        if isinstance(event, RunStart):
            control.send("stop")
    assert set(states(runs_dir).values()) == {"stopped"}
    list(run_trials(create_trials(sweep(**settings), runs_dir)))
    assert set(states(runs_dir).values()) == {"finished"}


def test_a_run_that_fails_does_not_keep_the_next_from_beginning(runs_dir, monkeypatch):
    import core.recorded

    train = core.recorded.train

    def failing(training):
        yield from train(training)
        if training.position.lr == 0.1:
            raise TrainingDiverged("The loss is no number.", "Lower --lr.")

    monkeypatch.setattr("core.recorded.train", failing)
    list(run_trials(create_trials(sweep(), runs_dir)))
    assert states(runs_dir) == {"s-1": "finished", "s-2": "failed", "s-3": "finished"}


def test_what_is_wrong_before_a_first_step_ends_the_sweep_and_leaves_nothing(runs_dir, monkeypatch):
    def no_images(name, where):
        yield from ()
        raise DataError("There are no images.", "Find some.")

    monkeypatch.setattr("core.prepare.load", no_images)
    with pytest.raises(DataError):
        list(run_trials(create_trials(sweep(), runs_dir)))
    assert states(runs_dir) == {}


def test_a_run_that_waits_can_be_taken_away_and_one_at_work_cannot(runs_dir):
    runs = create_trials(sweep(), runs_dir)
    assert cancel(runs[1])
    with hold(runs[2]):  # as the process does that trains it
        assert not cancel(runs[2])
    list(run_trials(runs))
    assert states(runs_dir) == {"s-1": "finished", "s-3": "finished"}
    assert not cancel(runs[0])


def test_a_process_that_was_killed_leaves_runs_that_the_same_sweep_trains(runs_dir):
    runs = create_trials(sweep(), runs_dir)
    write_facts(runs[1], read_facts(runs[1]) | {"process_began": 0.0})
    assert read_info(runs[1]).state == "crashed"
    list(run_trials(create_trials(sweep(), runs_dir)))
    assert set(states(runs_dir).values()) == {"finished"}


def test_a_name_that_another_run_has_is_refused_and_nothing_is_made(runs_dir):
    create_run(runs_dir, make_config(SMALL), "s-3")
    with pytest.raises(RunError, match="s-3"):
        create_trials(sweep(), runs_dir)
    assert set(states(runs_dir)) == {"s-3"}


def test_a_network_that_does_not_fit_its_images_is_told_before_anything_starts():
    with pytest.raises(ConfigError, match="input size 2 could not start") as caught:
        check_networks(plan_sweep({"model": "lenet", "input_size": "28,2"}))
    assert caught.value.fix


def test_a_folder_that_cannot_be_is_refused_in_a_line(tmp_path):
    sweep = plan_sweep({"model": "mlp", "lr": "0.1,1"})
    with pytest.raises(RunError, match="File name too long"):
        create_trials(sweep, tmp_path / ("x" * 300))
