"""Runs trained as one against the same runs, each by itself.

The tolerance: losses and scores of an epoch within 1e-4 of their size, weights within three
hundredths of the learning rate. They are the same sums in another order, and what differs in the
last bit grows from step to step.
"""

import pytest
import torch
from tiny_runs import config, load_only

from core.checkpoint import load_newest
from core.control import Control
from core.ensemble import train_together, why_not_together
from core.errors import ConfigError
from core.events import ControlApplied, EpochEnd, LayerFigures, Notice, RunEnd, RunStart, StepReport
from core.experiment import resume_experiment, run_experiment
from core.mailbox import RemoteControl
from core.record import read_events
from core.runs import create_run, list_runs, read_info

# Adam turns the rounding of a tiny gradient into a part of its step, which is 0.1 here.
NEAR = {"rtol": 1e-4, "atol": 3e-3}


@pytest.fixture
def runs_dir(tmp_path, monkeypatch, tiny_dataset):
    """Runs on the tiny data set, whatever data they name."""
    load_only(tiny_dataset, monkeypatch)
    return tmp_path / "runs"


THREE = (
    {"seed": 3, "lr": 0.1},
    {"seed": 4, "lr": 0.03, "weight_decay": 0.01},
    {"seed": 5, "lr": 0.1, "initializer": "xavier_uniform"},
)


def three(**values):
    return [config(**(values | differing)) for differing in THREE]


def made(runs_dir, configs):
    """The folders of runs called a, b, c, ..."""
    return [
        create_run(runs_dir, config, name) for config, name in zip(configs, "abcd", strict=False)
    ]


def ends(path):
    return [e for e in read_events(path) if isinstance(e, EpochEnd)]


def layers(path):
    return [e for e in read_events(path) if isinstance(e, LayerFigures)]


def newest(path):
    return load_newest(path / "checkpoints")[0]


def assert_same_story(together, alone):
    ours, theirs = ends(together), ends(alone)
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert (one.epoch, one.step, one.lr) == (other.epoch, other.step, other.lr)
        for figure in ("train_loss", "train_score", "test_loss", "test_score"):
            assert getattr(one, figure) == pytest.approx(getattr(other, figure), rel=1e-4, abs=1e-4)
    (*_, our_layers), (*_, their_layers) = layers(together), layers(alone)
    assert our_layers.updates == pytest.approx(their_layers.updates, rel=0.05)
    torch.testing.assert_close(newest(together).model, newest(alone).model, **NEAR)


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param({"optimizer": "sgd", "momentum": 0.9}, marks=pytest.mark.slow),
        pytest.param({"optimizer": "nesterov", "decay": "weights"}, marks=pytest.mark.slow),
        {"optimizer": "adam", "schedule": "one_cycle", "warmup": 0.5},
        {"optimizer": "adamw", "l1": 1e-4, "augmentation": "flip,crop", "evaluate_train": True},
        {"model": "lenet", "input_size": 28, "model_options": {}, "optimizer": "adam"},
    ],
    ids=lambda choice: choice.get("model", choice["optimizer"]),
)
def test_runs_together_are_the_runs_alone(runs_dir, choice):
    configs = three(**choice)
    list(train_together(made(runs_dir, configs)))
    for name, own in zip("abc", configs, strict=True):
        list(run_experiment(own, runs_dir=runs_dir, name=f"{name}-alone"))
        assert_same_story(runs_dir / name, runs_dir / f"{name}-alone")
        info = read_info(runs_dir / name)
        assert (info.state, info.epoch, info.step) == ("finished", 2, 10)
        assert info.config == read_info(runs_dir / f"{name}-alone").config


def test_each_run_has_its_own_seed_and_says_with_whom_it_was_trained(runs_dir):
    story = list(train_together(made(runs_dir, three())))
    starts = {i: e for i, e in story if isinstance(e, RunStart)}
    assert [starts[i].run for i in range(3)] == ["a", "b", "c"]
    notices = [e.text for i, e in story if i == 1 and isinstance(e, Notice)]
    assert "trained as one with a, c: seconds are those of all" in notices
    assert [read_info(runs_dir / name).config.seed for name in "abc"] == [3, 4, 5]
    for index, name in enumerate("abc"):
        told = [e for i, e in story if i == index]
        assert [e for e in told if e in list(read_events(runs_dir / name))] == told[-len(told) :]


def diverging(**values):
    return [config(**values), config(**values | {"lr": 1e20}), config(**values | {"seed": 7})]


def test_a_run_that_diverges_ends_alone_and_the_others_are_as_without_it(runs_dir):
    story = list(train_together(made(runs_dir, diverging(optimizer="adam"))))
    over = {i: e for i, e in story if isinstance(e, RunEnd)}
    assert [over[i].state for i in range(3)] == ["finished", "failed", "finished"]
    assert "lr 1e+20" in over[1].problem
    assert [read_info(runs_dir / name).state for name in "abc"] == [
        "finished",
        "failed",
        "finished",
    ]
    for name, own in (("a", config(optimizer="adam")), ("c", config(optimizer="adam", seed=7))):
        list(run_experiment(own, runs_dir=runs_dir, name=f"{name}-alone"))
        assert_same_story(runs_dir / name, runs_dir / f"{name}-alone")


def test_a_request_to_one_run_is_carried_out_by_it_alone(runs_dir):
    """It is posted into the folder of the second, as `nnlab stop` does."""
    story, control = [], Control()
    runs = made(runs_dir, three(epochs=10_000))
    for index, event in train_together(runs, control=control):
        story.append((index, event))
        if isinstance(event, RunStart) and event.run == "b":
            RemoteControl(runs_dir / "b").send("stop")
        b_is_over = any(isinstance(e, RunEnd) for i, e in story if i == 1)
        if b_is_over and index == 0 and isinstance(event, StepReport):
            control.send("stop")
    over = [(i, e.state) for i, e in story if isinstance(e, RunEnd)]
    assert over[0] == (1, "stopped")
    assert sorted(over) == [(0, "stopped"), (1, "stopped"), (2, "stopped")]
    assert newest(runs_dir / "a").position.step > newest(runs_dir / "b").position.step


def test_a_stopped_group_is_resumed_run_by_run_as_if_it_had_never_stopped(runs_dir):
    control = Control()
    for _, event in train_together(
        made(runs_dir, three(optimizer="adam", lr=0.01)), control=control
    ):
        if isinstance(event, StepReport) and event.step == 7:
            control.send("stop")
    for name, own in zip("abc", three(optimizer="adam", lr=0.01), strict=True):
        assert read_info(runs_dir / name).state == "stopped"
        assert newest(runs_dir / name).position.batch == 2
        list(resume_experiment(runs_dir / name))
        list(run_experiment(own, runs_dir=runs_dir, name=f"{name}-alone"))
        assert_same_story(runs_dir / name, runs_dir / f"{name}-alone")


def test_one_pause_halts_all_and_one_resume_lets_them_go_on(runs_dir):
    control = Control()
    told = []
    for index, event in train_together(made(runs_dir, three()), control=control):
        if isinstance(event, StepReport) and event.step == 3 and index == 0:
            control.send("pause")
            control.send("lr", 0.05)
            control.send("resume")
        if isinstance(event, ControlApplied):
            told.append((index, event.request))
    requests = ["pause", "lr", "resume"]
    assert [r for i, r in told if i == 2] == requests
    assert sorted(told) == sorted((i, r) for i in range(3) for r in requests)
    assert {e.lr for run in list_runs(runs_dir) for e in ends(run.path)} == {0.05}


def test_runs_that_are_longer_or_shorter_than_the_others_end_by_themselves(runs_dir):
    story = []
    for index, event in train_together(made(runs_dir, three(epochs=40)), control=Control()):
        story.append((index, event))
        if isinstance(event, RunStart) and index == 2:
            RemoteControl(runs_dir / "b").send("epochs", 2)
    over = {i: e for i, e in story if isinstance(e, RunEnd)}
    assert {e.state for e in over.values()} == {"finished"}
    assert over[0].epoch == over[2].epoch == 40
    assert 2 <= over[1].epoch < 40


def test_a_reader_that_leaves_finds_runs_that_tell_so(runs_dir):
    story = train_together(made(runs_dir, three()))
    for _, event in story:
        if isinstance(event, EpochEnd):
            break
    story.close()
    assert {read_info(runs_dir / name).state for name in "abc"} == {"crashed"}


@pytest.mark.parametrize(
    ("configs", "reason"),
    [
        ([config()], "alone"),
        ([config(), config(epochs=3)], "differ in epochs"),
        ([config(), config(optimizer="adam", lr=0.1)], "differ in optimizer"),
        ([config(), config(model_options={"hidden": 8})], "differ in model options"),
        (
            [config(model="mlp_dropout", model_options={}, seed=s) for s in range(2)],
            "random numbers",
        ),
        (
            [config(model="lenet_bn", input_size=28, model_options={}, seed=s) for s in range(2)],
            "running_mean",
        ),
        (
            [config(model="lenet", input_size=28, model_options={}, seed=s) for s in range(2)],
            "on the CPU, convolutions",
        ),
        ([config(executor="compile", seed=s) for s in range(2)], "only eager steps"),
        ([config(seed=s) for s in range(2)], None),
    ],
)
def test_what_cannot_or_should_not_be_trained_together_is_told(configs, reason):
    why = why_not_together(configs)
    assert (reason in why) if reason else why is None


def test_what_cannot_be_trained_together_is_refused_and_leaves_no_folder(runs_dir):
    with pytest.raises(ConfigError, match="differ in epochs"):
        list(train_together(made(runs_dir, [config(), config(epochs=3)])))
    assert list_runs(runs_dir) == []
