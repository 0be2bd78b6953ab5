import math

import pytest
import torch

from core.evaluation import Mistake, evaluate_classes
from core.losses.classification import cross_entropy, squared


def test_figures_and_mistakes_come_from_the_logits():
    logits = torch.tensor([[2.0, 0], [0, 0.5], [4, 0]])
    found = evaluate_classes(logits, torch.tensor([0, 0, 1]), mistakes=1, loss=cross_entropy)
    assert (found.images, found.accuracy, found.mistakes_in_all) == (3, pytest.approx(1 / 3), 2)
    assert found.matrix.tolist() == [[1, 1], [1, 0]]
    assert found.accuracies == [0.5, 0.0]
    assert found.precisions == [0.5, 0.0]
    # -log softmax of the true class, by hand.
    losses = [math.log1p(math.exp(-2)), math.log1p(math.exp(0.5)), math.log1p(math.exp(4))]
    assert found.loss == pytest.approx(sum(losses) / 3, rel=1e-6)
    sure = 1 / (1 + math.exp(-4))
    [worst] = found.mistakes
    assert worst == Mistake(2, 1, 0, pytest.approx(sure), pytest.approx(1 - sure, rel=1e-4))


def test_the_loss_is_the_one_that_is_given():
    logits, labels = torch.tensor([[1.0, 0], [0, 3]]), torch.tensor([0, 0])
    found = evaluate_classes(logits, labels, mistakes=0, loss=squared)
    # The second outputs are 1 and 3 away from (1, 0): (1 + 9) / 2, over two images.
    assert found.loss == pytest.approx(2.5)
