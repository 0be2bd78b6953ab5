from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError, NNLabError
from core.notes import TAG, Notes
from core.runs import RunInfo
from core.sweep import (
    LONGEST_NAME,
    kinds_of,
    plan_sweep,
    standing,
    sweep_command,
    tag_of,
    trials_of,
    values_of,
)

TWO_RATES = {"model": "mlp", "lr": "0.01,0.1"}


@pytest.mark.parametrize(
    ("setting", "text", "values"),
    [
        ("lr", "0.1", ["0.1"]),
        ("lr", "0.01, 0.1,1", ["0.01", "0.1", "1"]),
        (
            "lr",
            "0.1:0.3:0.1",
            ["0.1", "0.2", "0.3"],
        ),  # as floats it would end at 0.30000000000000004
        ("lr", "1e-5:1e-3:x10", ["0.00001", "0.0001", "0.001"]),
        ("batch_size", "64:256:64", ["64", "128", "192", "256"]),
        ("batch_size", "8,32:100:x2", ["8", "32", "64"]),
        ("optimizer", "sgd,adam", ["sgd", "adam"]),
        ("device", "cuda:0", ["cuda:0"]),
        ("augmentation", "flip,crop", ["flip,crop"]),
        ("model_options", "hidden=64", ["hidden=64"]),
        (
            *("model_options", "hidden=64,128,dropout=0:0.5:0.5"),
            [
                *("hidden=64,dropout=0", "hidden=64,dropout=0.5"),
                *("hidden=128,dropout=0", "hidden=128,dropout=0.5"),
            ],
        ),
    ],
)
def test_a_list_or_a_range_is_read_as_its_values(setting, text, values):
    assert values_of(setting, text) == values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1:0:1", "never gets to its end"),
        ("0:1:0", "never gets to its end"),
        ("0:1:x10", "never gets to its end"),
        ("1:10:x1", "never gets to its end"),
        ("0:1:-1", "never gets to its end"),
        ("1:2", "no range"),
        ("a:b:c", "made of numbers"),
        ("0:inf:1", "made of numbers"),
        ("0:1:1e-300", "more than 1000 values"),
    ],
)
def test_a_range_that_cannot_be_counted_through_is_told_with_an_example(text, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        values_of("lr", text)
    assert text in caught.value.problem
    assert "64:256:64" in caught.value.fix


def test_every_combination_is_one_run_of_its_own_name():
    sweep = plan_sweep({**TWO_RATES, "batch_size": "32:96:32"}, name="rates")
    assert [trial.name for trial in sweep.trials] == [f"rates-{n}" for n in range(1, 7)]
    assert [(t.config.lr, t.config.batch_size) for t in sweep.trials] == [
        *((0.01, 32), (0.01, 64), (0.01, 96)),
        *((0.1, 32), (0.1, 64), (0.1, 96)),
    ]
    assert sweep.trials[3].settings == {"lr": "0.1", "batch_size": "32"}
    assert sweep.tag == "sweep-rates"


def test_each_network_and_optimizer_brings_its_own_recipe():
    sweep = plan_sweep({"model": "mlp", "optimizer": "sgd,adam"})
    assert [trial.config.lr for trial in sweep.trials] == [0.1, 0.001]


def test_names_of_ten_runs_and_more_sort_in_their_order():
    names = [trial.name for trial in plan_sweep({"model": "mlp", "seed": "1:12:1"}).trials]
    assert names == sorted(names)


def test_the_same_settings_give_the_same_name_and_others_another():
    assert plan_sweep(TWO_RATES).name == plan_sweep(dict(TWO_RATES)).name
    assert plan_sweep(TWO_RATES).name != plan_sweep(TWO_RATES | {"epochs": "3"}).name


def test_a_users_network_names_a_sweep_that_can_be_a_tag(tmp_path):
    (tmp_path / "net.py").write_text("")
    path = f"{tmp_path / 'net.py'}:A_very_long_name_of_a_network"
    sweep = plan_sweep({"model": path, "lr": "0.01,0.1"})
    assert sweep.name.startswith("A-very-long-name")
    assert TAG.fullmatch(sweep.tag)


def test_two_ways_to_write_a_number_are_one_run():
    assert len(plan_sweep({"model": "mlp", "lr": "0.1,1,0.10"}).trials) == 2


def test_settings_of_a_file_are_those_of_every_run(tmp_path):
    (tmp_path / "base.toml").write_text('model = "mlp"\nepochs = 7\n')
    sweep = plan_sweep({"lr": "0.01,0.1"}, file=tmp_path / "base.toml")
    assert {trial.config.epochs for trial in sweep.trials} == {7}


def test_a_sample_is_some_of_the_combinations_and_always_the_same():
    wide = {"model": "mlp", "lr": "0.001:1:x10", "seed": "0:999:1"}
    some = plan_sweep(wide, sample=5, sample_seed=1)
    assert len(some.trials) == 5
    assert some == plan_sweep(wide, sample=5, sample_seed=1)
    assert some != plan_sweep(wide, sample=5, sample_seed=2)


def test_one_bad_combination_is_one_error_before_anything_starts():
    with pytest.raises(ConfigError) as caught:
        plan_sweep({"model": "mlp", "optimizer": "sgd,adagrad", "momentum": "0,0.9", "lr": "1,2"})
    assert "2 of the 8 runs" in caught.value.problem
    assert "optimizer adagrad, momentum 0.9, lr 1." in caught.value.problem
    assert "adagrad has no momentum" in caught.value.fix


@pytest.mark.parametrize(
    ("values", "options", "problem"),
    [
        ({"model": "mlp", "lr": "0.1"}, {}, "No setting has several values"),
        ({"model": "mlp", "seed": "0:99:1", "batch_size": "1:99:1"}, {}, "9,900 runs"),
        (TWO_RATES, {"name": "x" * (LONGEST_NAME + 1)}, "too long for a sweep"),
        (TWO_RATES, {"name": "a/b"}, "cannot be called 'a/b'"),
    ],
)
def test_what_is_no_sweep_is_told(values, options, problem):
    with pytest.raises(NNLabError, match=problem):
        plan_sweep(values, **options)


def test_the_command_of_a_sweep_plans_the_same_runs():
    typed = {"model": "lenet", "lr": "0.1:0.5:0.2", "model_options": "", "epochs": "3"}
    sweep = plan_sweep({k: v for k, v in typed.items() if v} | {"batch_size": "8,16"})
    words = sweep_command(sweep)
    assert words[:3] == ["nnlab", "sweep", "lenet"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options == {"--epochs": "3", "--lr": "0.1:0.5:0.2", "--batch-size": "8,16"}
    again = {option[2:].replace("-", "_"): text for option, text in options.items()}
    assert plan_sweep(again | {"model": "lenet"}).name == sweep.name


def test_runs_that_cost_the_same_are_one_kind():
    sweep = plan_sweep({"model": "mlp", "lr": "0.1,1", "batch_size": "8,16", "epochs": "2,3"})
    kinds = [(config.batch_size, epochs) for config, epochs in kinds_of(sweep.trials)]
    assert kinds == [(8, 2 + 3 + 2 + 3), (16, 2 + 3 + 2 + 3)]


def run(name: str, state: str, **facts: object) -> RunInfo:
    return RunInfo(name, Path(name), state, epochs=10, **facts)


def test_the_standing_counts_the_runs_and_the_time_that_is_left():
    runs = [
        run("a-1", "finished", epoch=10, seconds=20.0, best_test_score=0.8),
        run("a-2", "training", epoch=5, seconds=10.0, best_test_score=0.9),
        run("a-3", "failed", epoch=0, best_test_score=float("nan")),
        run("a-4", "queued"),
    ]
    at = standing(runs)
    assert (at.trials, at.over, at.best) == (4, 2, runs[1])
    assert at.eta_seconds == 30.0 / 15 * (5 + 10)  # 2 s an epoch, and 15 epochs left
    assert standing(runs[3:]).eta_seconds is None


def test_the_runs_of_a_sweep_are_found_by_its_tag():
    tagged = Notes(tags=("good", "sweep-a"))
    runs = [replace(run(name, "queued"), notes=tagged) for name in ("a-2", "a-1")]
    assert [r.name for r in trials_of([*runs, run("b", "finished")], "sweep-a")] == ["a-1", "a-2"]
    assert tag_of(runs[0]) == "sweep-a"
    assert tag_of(run("b", "finished")) is None
