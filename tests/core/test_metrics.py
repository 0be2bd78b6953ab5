import pytest
import torch

from core.metrics import (
    Confusion,
    accuracy,
    confusion_matrix,
    confusions,
    per_class_accuracy,
    per_class_precision,
    worst_mistakes,
)

LABELS = torch.tensor([0, 0, 0, 1, 1, 2])
PREDICTIONS = torch.tensor([0, 1, 1, 1, 0, 0])
MATRIX = torch.tensor([[1, 2, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])  # rows are true


def test_the_matrix_counts_every_image_once():
    matrix = confusion_matrix(LABELS, PREDICTIONS, 4)
    assert torch.equal(matrix, MATRIX)
    assert matrix.dtype == torch.int64


def test_the_matrix_of_many_classes_equals_counting_one_by_one():
    generator = torch.Generator().manual_seed(0)
    labels, predictions = torch.randint(7, (2, 500), generator=generator)
    matrix = confusion_matrix(labels, predictions, 7)
    pairs = list(zip(labels.tolist(), predictions.tolist(), strict=True))
    for row in range(7):
        for column in range(7):
            assert matrix[row, column] == pairs.count((row, column))


def test_accuracy_is_the_share_of_the_diagonal():
    assert accuracy(MATRIX) == pytest.approx(2 / 6)


def test_recall_and_precision_are_unknown_where_there_is_nothing_to_divide_by():
    assert per_class_accuracy(MATRIX) == [pytest.approx(1 / 3), 0.5, 0.0, None]
    assert per_class_precision(MATRIX) == [pytest.approx(1 / 3), pytest.approx(1 / 3), None, None]


def test_confusions_come_most_often_first_and_leave_out_what_was_right():
    assert confusions(MATRIX) == [Confusion(0, 1, 2), Confusion(1, 0, 1), Confusion(2, 0, 1)]


def test_the_worst_mistake_gave_its_true_class_the_lowest_probability():
    logits = torch.tensor([[5.0, 0], [0, 2], [0, 9], [3, 0]])
    labels = torch.tensor([0, 0, 0, 1])  # right, wrong, most wrong, more wrong
    assert worst_mistakes(logits, labels) == [2, 3, 1]


def test_without_mistakes_there_are_none():
    assert worst_mistakes(torch.eye(3), torch.arange(3)) == []
