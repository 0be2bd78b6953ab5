import math
from dataclasses import replace
from pathlib import Path

import pytest

from core.comparison import (
    ComparedRun,
    by_score,
    differing_settings,
    distances,
    largest_distance,
    read_run,
    seed_repeats,
    to_baseline,
)
from core.config import make_config
from core.events import EpochEnd
from core.record import read_events
from core.runs import RunInfo


def epoch_end(epoch: int, loss: float = 1.0, accuracy: float = 0.5) -> EpochEnd:
    return EpochEnd(epoch, epoch * 10, loss, accuracy, loss, accuracy, 0.1, 1.0, 100.0)


def run_with(*epochs: EpochEnd, name: str = "a") -> ComparedRun:
    return ComparedRun(RunInfo(name, Path(name), "finished"), epochs)


def test_a_run_is_read_with_all_its_epochs(tiny_run):
    path = tiny_run(epochs=3)
    found = read_run(path)
    recorded = [e for e in read_events(path) if isinstance(e, EpochEnd)]
    assert list(found.epochs) == recorded
    assert found.best.test_score == found.info.best_test_score
    assert found.best.epoch == found.info.best_epoch


def test_only_settings_that_differ_are_named():
    one = make_config({"model": "mlp", "lr": 0.1, "seed": 1})
    other = make_config({"model": "mlp", "lr": 0.2, "seed": 1, "epochs": 3})
    assert differing_settings([one, other]) == {"lr": [0.1, 0.2], "epochs": [10, 3]}
    assert differing_settings([one, one]) == {}


def test_a_run_whose_settings_are_lost_differs_in_all():
    found = differing_settings([make_config({"model": "mlp"}), None])
    assert found["model"] == ["mlp", None]


def test_the_distance_is_the_largest_of_the_epochs_that_all_have():
    a = run_with(epoch_end(1, 2.0, 0.1), epoch_end(2, 1.0, 0.4), epoch_end(3, 0.0, 0.9))
    b = run_with(epoch_end(1, 2.5, 0.1), epoch_end(2, 1.25, 0.7))
    found = {d.figure: (d.largest, d.epoch) for d in distances([a, b])}
    assert found["train_loss"] == (0.5, 1)
    assert found["test_score"] == (pytest.approx(0.3), 2)
    assert largest_distance(distances([a, b])) == 0.5


def test_three_runs_are_as_far_apart_as_the_two_farthest():
    runs = [run_with(epoch_end(1, loss)) for loss in (1.0, 3.0, 2.0)]
    assert distances(runs)[0].largest == 2.0


def test_without_an_epoch_in_common_there_is_no_distance():
    assert distances([run_with(epoch_end(1)), run_with()]) == []
    assert largest_distance([]) is None


def test_a_number_and_none_are_no_distance_but_the_worst():
    a = run_with(epoch_end(1), epoch_end(2, math.nan))
    b = run_with(epoch_end(1, 9.0), epoch_end(2, 9.0))
    found = distances([a, b])[0]
    assert math.isnan(found.largest)
    assert found.epoch == 2
    assert math.isnan(largest_distance(distances([a, b])))
    assert largest_distance(distances([a, a])) == 0


def scored(name: str, *scores: float, **settings: object) -> ComparedRun:
    config = make_config({"model": "mlp", **settings})
    info = RunInfo(name, Path(name), "finished", config=config)
    return ComparedRun(info, tuple(epoch_end(n, 1.0, s) for n, s in enumerate(scores, 1)))


def test_the_best_run_comes_first_and_one_without_a_score_last():
    runs = [scored("none"), scored("nan", math.nan), scored("low", 0.3, 0.1), scored("high", 0.9)]
    assert [run.info.name for run in by_score(runs)] == ["high", "low", "none", "nan"]


def test_runs_are_measured_against_the_baseline_by_their_best_epoch():
    baseline = scored("base", 0.5, 0.8, 0.7)
    assert to_baseline(scored("a", 0.9, 0.1), baseline) == pytest.approx(0.1)
    assert to_baseline(scored("none"), baseline) is None
    assert to_baseline(baseline, None) is None


def test_runs_that_differ_in_their_seed_alone_are_repeats():
    runs = [
        scored("a", 0.80, seed=1),
        scored("other", 0.10, seed=1, lr=0.5),
        scored("b", 0.84, seed=2, threads=2),  # more threads do not make another experiment
        scored("unfinished", seed=3),
    ]
    [found] = seed_repeats(runs)
    assert [run.info.name for run in found.runs] == ["a", "b"]
    assert found.mean == pytest.approx(0.82)
    assert found.spread == pytest.approx(0.04 / math.sqrt(2))  # of two values


def test_the_same_seed_twice_says_nothing_about_the_spread():
    assert seed_repeats([scored("a", 0.8, seed=1), scored("b", 0.9, seed=1)]) == []


def test_a_network_from_scratch_and_its_twin_have_the_same_curves(tiny_run):
    pair = [
        tiny_run(name=name, model=model, optimizer=optimizer)
        for name, model, optimizer in (
            ("twin", "softmax", "sgd"),
            ("scratch", "softmax_scratch", "sgd_scratch"),
        )
    ]
    found = [read_run(path) for path in pair]
    assert largest_distance(distances(found)) < 1e-6
    other = replace(found[0], epochs=found[0].epochs[:1])
    assert distances([other, found[1]])[0].epoch == 1
