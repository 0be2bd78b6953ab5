import numpy as np
import pytest
import torch

from core.task import CLASSIFICATION, REGRESSION, hits, predicts_numbers, wanted_task


def test_the_mean_score_of_a_part_in_batches_is_its_r_squared():
    random = np.random.default_rng(0)
    targets = random.normal(0.3, 2.0, 101)
    outputs = targets + random.normal(0, 1, 101)
    sse = ((outputs - targets) ** 2).sum()
    sst = ((targets - targets.mean()) ** 2).sum()
    y, t = torch.tensor(outputs)[:, None], torch.tensor(targets)
    score = REGRESSION.score(t)
    total = sum(score(a, b).sum().item() for a, b in zip(y.split(20), t.split(20), strict=True))
    assert total / 101 == pytest.approx(1 - sse / sst, abs=1e-12)


def test_guessing_the_mean_scores_nothing_and_the_truth_one():
    targets = torch.tensor([1.0, 2.0, 6.0])
    score = REGRESSION.score(targets)
    assert score(torch.full((3, 1), 3.0), targets).sum().item() == pytest.approx(0, abs=1e-6)
    assert score(targets[:, None], targets).tolist() == [1, 1, 1]


def test_a_label_is_hit_where_its_output_is_the_highest():
    outputs = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert hits(outputs, torch.tensor([1, 1, 1])).tolist() == [True, False, True]
    assert CLASSIFICATION.score(torch.tensor([1])) is hits


def test_of_equal_outputs_the_first_is_taken_so_that_a_dead_network_guesses_one_class():
    labels = torch.arange(10)
    assert hits(torch.zeros(10, 10), labels).tolist() == [True] + [False] * 9


@pytest.mark.parametrize(
    ("model", "loss", "task"),
    [
        ("mlp", None, None),
        ("mlp", "squared", REGRESSION),
        ("mlp", "cross_entropy", CLASSIFICATION),
        ("linear", None, REGRESSION),
        ("net.py:Net", None, None),
    ],
)
def test_network_and_loss_say_what_a_column_of_numbers_is(model, loss, task):
    assert wanted_task(model, loss) is task
    assert predicts_numbers(model) is (model == "linear")
