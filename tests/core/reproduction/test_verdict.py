from pathlib import Path

import pytest

from core.reproduction import Experiment, Figure, Training
from core.reproduction.results import Outcome, read_results
from core.reproduction.verdict import compare, overall


def experiment(*figures: Figure) -> Experiment:
    return Experiment("tiny", "A tiny one", "nowhere", Training({"model": "mlp"}), figures)


def verdicts(figure: Figure, *values: float) -> list[str]:
    entry = experiment(figure)
    results = read_results(Path("no_such_folder"), entry)
    for seed, value in enumerate(values):
        epochs = ({figure.metric: value},)
        outcome = Outcome(seed, {figure.metric: value}, epochs, 1.0, "cpu", "", 1, "", {})
        results = results.with_outcome(outcome)
    return [compare(entry, results)[0].verdict, overall(entry, results)]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.90,), "reached"),
        ((0.89,), "below"),  # one seed: no spread to tell
        ((0.89, 0.91), "reached"),
        # Mean 0.89, deviation 0.01: two deviations reach 0.91 and 0.9 lies within.
        ((0.88, 0.89, 0.90), "within the spread"),
        # Mean 0.87, deviation 0.01.
        ((0.86, 0.87, 0.88), "below"),
        ((), "not run"),
    ],
)
def test_an_accuracy_is_to_be_at_or_above(values, verdict):
    assert verdicts(Figure("test_accuracy", 0.90), *values) == [verdict] * 2


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.5,), "reached"), ((0.6,), "below"), ((0.5, 0.6), "within the spread")],
)
def test_a_loss_is_to_be_at_or_below(values, verdict):
    assert verdicts(Figure("train_loss", 0.5), *values) == [verdict] * 2


def test_what_is_no_aim_is_shown_alone():
    assert verdicts(Figure("test_accuracy", 0.99, judged=False), 0.1) == ["not compared"] * 2
    assert verdicts(Figure("test_accuracy", None), 0.1) == ["not compared"] * 2


def test_one_figure_below_makes_the_experiment_so():
    entry = experiment(Figure("train_accuracy", 0.5), Figure("test_accuracy", 0.5))
    figures = {"train_accuracy": 0.9, "test_accuracy": 0.4}
    outcome = Outcome(0, figures, (), 1.0, "cpu", "", 1, "", {})
    results = read_results(Path("no_such_folder"), entry).with_outcome(outcome)
    assert [c.verdict for c in compare(entry, results)] == ["reached", "below"]
    assert overall(entry, results) == "below"
