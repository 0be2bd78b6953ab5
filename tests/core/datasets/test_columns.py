import json
from pathlib import Path

import numpy as np
import pytest

from core.datasets.columns import MOST_CATEGORIES, Column, Encoding, fit
from core.datasets.csv_file import CsvTable


def table(**columns: list[str]) -> CsvTable:
    count = len(next(iter(columns.values())))
    return CsvTable(Path("t.csv"), columns, list(range(2, count + 2)), ",")


def fitted(found: CsvTable, rows: int) -> tuple[Encoding, list[str]]:
    """Fitted on the first `rows`."""
    columns, remarks = fit(found, found.columns, np.arange(rows))
    return Encoding(columns, "y"), remarks


def test_a_missing_number_is_the_training_mean_and_says_that_it_was_missing():
    found = table(a=["1", "", "4", "100", ""])  # the last two are for testing
    encoding, _ = fitted(found, 3)
    assert encoding.features == ("a", "a missing")
    assert encoding.columns[0].mean == 2.5  # of 1 and 4: what is tested has no say
    # As distances from that mean.
    np.testing.assert_array_equal(
        encoding.encode(found), [[-1.5, 0], [0, 1], [1.5, 0], [97.5, 0], [0, 1]]
    )


def test_without_missing_numbers_while_training_there_is_no_indicator():
    found = table(a=["1", "3", "?"])
    encoding, _ = fitted(found, 2)
    assert encoding.features == ("a",)
    np.testing.assert_array_equal(encoding.encode(found), [[-1], [1], [0]])


def test_text_is_one_hot_over_the_categories_of_the_training_part():
    found = table(t=["red", "blue", "NA", "red", "green"])
    encoding, _ = fitted(found, 4)
    assert encoding.features == ("t=blue", "t=red", "t other")
    np.testing.assert_array_equal(
        encoding.encode(found), [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]
    )


def test_a_category_that_training_could_not_know_is_none_of_them():
    found = table(t=["red", "blue", "green", ""])
    encoding, _ = fitted(found, 2)
    np.testing.assert_array_equal(encoding.encode(found), [[0, 1], [1, 0], [0, 0], [0, 0]])


def test_large_numbers_keep_their_differences():
    found = table(year=["20240101", "20240102", "20240103"])
    encoding, _ = fitted(found, 3)
    np.testing.assert_array_equal(encoding.encode(found), [[-1], [0], [1]])


@pytest.mark.parametrize(
    ("cells", "remark"),
    [
        (["5", "5", "7"], "it is 5 in all training rows"),
        (["", "NA", "7"], "it is empty"),
        (["x", "x", "y"], "it is 'x' in all training rows"),
        (["", "?", "y"], "it is empty"),
    ],
)
def test_what_is_constant_while_training_is_left_out_and_said(cells, remark):
    encoding, remarks = fitted(table(a=["1", "2", "3"], b=cells), 2)
    assert encoding.features == ("a",)
    assert remarks == [f"b is left out: {remark}."]


def test_identifiers_are_left_out_and_said():
    found = table(name=[f"patient {i}" for i in range(300)])
    encoding, remarks = fitted(found, 300)
    assert encoding.features == ()
    assert remarks == [
        "name is left out: it has 300 different texts in 300 training rows, as identifiers have."
    ]


def test_of_very_many_categories_the_frequent_ones_are_taken():
    cells = [f"c{i % 150}" for i in range(400)]  # c0 to c99 three times, the others twice
    encoding, remarks = fitted(table(t=cells), 400)
    assert len(encoding.features) == MOST_CATEGORIES + 1
    assert set(encoding.columns[0].categories) == {f"c{i}" for i in range(100)}
    assert "150 categories" in remarks[0]
    assert encoding.encode(table(t=["c149"]))[0].tolist() == [0.0] * 100 + [1.0]


def test_a_few_words_among_numbers_count_as_empty_and_are_told():
    found = table(a=[str(i) for i in range(19)] + ["unknown"])
    encoding, remarks = fitted(found, 20)
    assert encoding.features == ("a", "a missing")
    assert "'unknown' (1 in the training part) count as empty" in remarks[0]


def test_an_encoding_survives_being_written_down():
    columns = (Column("a", 0.1, others=True), Column("t", None, ("x", "y")))
    encoding = Encoding(columns, "y", 1 / 3, 2.0)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding
