import pytest

from core.config import make_config
from tui.asked import read_form

MLP = {"model": "mlp", "data": "fashion-mini"}


def test_one_value_each_is_a_run():
    asked = read_form({**MLP, "lr": "0.1"})
    assert asked.config == make_config({**MLP, "lr": 0.1})
    assert asked.sweep is None
    assert asked.command == "nnlab train mlp --lr 0.1"


def test_a_range_is_a_sweep_whose_first_run_stands_for_all():
    asked = read_form({**MLP, "batch_size": "16:64:x2"})
    assert [trial.config.batch_size for trial in asked.sweep.trials] == [16, 32, 64]
    assert asked.config.batch_size == 16
    assert asked.command == "nnlab sweep mlp --batch-size 16:64:x2"


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"lr": "-1"}, {"lr": "Input should be greater than 0"}),
        ({"lr": "0.1,-1"}, {"lr": "-1: Input should be greater than 0"}),
        ({"lr": "1:0:1"}, {"lr": "it never gets to its end. A range is from:to:step"}),
        ({"epochs": "1.5,2", "lr": "0.1,x"}, {"epochs": "1.5: Input", "lr": "x: Input"}),
        ({"epochs": "1,2", "warmup": "0,2"}, {"warmup": "2: the run has only 1 epoch."}),
        ({"seed": "0:99:1", "batch_size": "1:99:1"}, {"batch_size": "9,900 runs"}),
        ({"data": "a,b"}, {"data": "'a,b'"}),
    ],
)
def test_what_is_wrong_stands_at_its_field(values, problems):
    asked = read_form({**MLP, **values})
    assert (asked.config, asked.sweep, asked.command) == (None, None, "")
    assert asked.problems.keys() == problems.keys()
    for name, problem in problems.items():
        assert problem in asked.problems[name]
