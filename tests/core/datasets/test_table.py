import csv
import subprocess
import sys

import numpy as np
import pytest
import torch
from heart import COLUMNS, heart_rows, write_heart
from small_data import finish, load_now, notices

from core.datasets import Where, check_data_name, load
from core.datasets.split import split
from core.datasets.table import read_rows
from core.errors import DataError, UnknownName
from core.task import CLASSIFICATION, REGRESSION


@pytest.fixture
def heart(tmp_path):
    return write_heart(tmp_path / "heart.csv")


@pytest.fixture
def written(tmp_path):
    """A function that writes columns into a file; gives its name."""

    def write(**columns):
        path = tmp_path / "t.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return str(path)

    return write


def test_a_table_of_patients_becomes_features_and_classes(heart):
    dataset, said = finish(load(str(heart), Where(target="target")))
    assert dataset.classes == ("0", "1")
    assert dataset.task is CLASSIFICATION
    assert (len(dataset.train), len(dataset.test)) == (242, 61)  # a fifth of 303
    # 12 numbers, chol's indicator, three categories of thal and one for those without
    assert dataset.train.pixels.shape == (242, 12 + 1 + 3 + 1, 1, 1)
    assert dataset.train.pixels.dtype == torch.float32
    assert dataset.test.labels.dtype == torch.int64
    assert "only 2 values" in notices(said)[0]
    assert "61 of 303 rows were set apart for testing (seed 0)" in notices(said)[1]


def test_rows_keep_their_target_and_their_line(heart):
    dataset = load_now(load(str(heart), Where(target="target")))
    rows = heart_rows()
    for i, line in enumerate(dataset.test_lines):
        row = rows[line - 2]  # below the header
        assert dataset.classes[dataset.test.labels[i]] == row[-1]
        age = dataset.encoding.columns[0].mean + dataset.test.pixels[i, 0, 0, 0].item()
        assert age == pytest.approx(int(row[0]), abs=1e-4)


def test_a_number_is_predicted_in_units_of_the_training_part(heart):
    dataset = load_now(load(str(heart), Where(target="thalach")))
    assert dataset.task is REGRESSION
    assert dataset.classes == ()
    assert dataset.outputs == 1
    column = COLUMNS.index("thalach")
    true = [int(heart_rows()[line - 2][column]) for line in dataset.test_lines]
    mean, spread = dataset.encoding.target_mean, dataset.encoding.target_spread
    assert (dataset.test.labels * spread + mean).tolist() == pytest.approx(true)
    assert dataset.train.labels.mean().item() == pytest.approx(0, abs=1e-5)
    assert dataset.train.labels.square().mean().item() == pytest.approx(1, abs=1e-5)


def test_the_split_is_that_of_folders_of_images_and_follows_the_seed(heart):
    lines = [
        load_now(load(str(heart), Where(seed=seed, target="target"))).test_lines for seed in (0, 1)
    ]
    assert lines[0] != lines[1]
    labels = np.array([int(row[-1]) for row in heart_rows()])
    assert lines[0] == tuple((split(labels, 0)[1] + 2).tolist())


def test_the_digest_knows_content_target_and_split(heart, tmp_path):
    def digest(path, **where):
        return load_now(load(str(path), Where(**{"target": "target"} | where))).digest

    same = write_heart(tmp_path / "same.tsv", delimiter="\t")
    other = write_heart(tmp_path / "other.csv", seed=1)
    found = digest(heart)
    assert digest(same) == found
    assert len({found, digest(other), digest(heart, seed=1), digest(heart, target="sex")}) == 4


def many(*values, times=20):
    return list(values) * times


@pytest.mark.parametrize(
    ("values", "wanted", "task"),
    [
        (many("yes", "no"), None, CLASSIFICATION),
        (many("yes", "no"), REGRESSION, CLASSIFICATION),  # text is no number
        (many("0", "1"), None, CLASSIFICATION),
        (many("0", "1"), REGRESSION, REGRESSION),
        (many("0.5", "1"), None, REGRESSION),
        (many("0.5", "1"), CLASSIFICATION, CLASSIFICATION),
        ([str(i) for i in range(40)], None, REGRESSION),
        (many(*map(str, range(8)), times=5), None, CLASSIFICATION),
        (many(*map(str, range(11)), times=5), None, REGRESSION),  # more than ten values
        (many(*map(str, range(8)), times=2), None, REGRESSION),  # too few rows of each
    ],
)
def test_what_is_to_be_learned_follows_from_the_target_and_can_be_overruled(
    written, values, wanted, task
):
    name = written(a=range(len(values)), y=values)
    dataset, said = finish(load(name, Where(target="y", task=wanted)))
    assert dataset.task is task
    assert any(text.lower().startswith(task.name) for text in notices(said))


def test_classes_of_numbers_are_in_their_order_however_they_are_written(written):
    name = written(a=range(40), y=many("10", "2.0", "2", "1", times=10))
    assert load_now(load(name, Where(target="y"))).classes == ("1", "2", "10")


def test_rows_without_a_target_are_left_out_and_counted(written):
    name = written(a=range(30), y=[*many("x", "y", times=14), "", "NA"])
    dataset, said = finish(load(name, Where(target="y")))
    assert len(dataset.train) + len(dataset.test) == 28
    assert notices(said)[0] == "Rows without a value of y, left out: 2."


@pytest.mark.parametrize(
    ("target", "problem", "fix"),
    [
        (None, "Which column", "has the columns age, sex"),
        ("Targt", "no column 'Targt'", "Did you mean 'target'"),
        ("AGE", "no column 'AGE'", "Did you mean 'age'"),
        ("\x1b[31m", "no column", "has the columns age, sex"),
    ],
)
def test_a_target_that_is_no_column_is_answered_with_those_there_are(heart, target, problem, fix):
    with pytest.raises(DataError, match=problem) as raised:
        load_now(load(str(heart), Where(target=target)))
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"y": range(20)}, "A column to predict and one to predict it from"),
        ({"a": range(20), "y": ["x"] * 20}, "nothing to tell apart"),
        ({"a": range(20), "y": ["x"] * 19 + ["y"]}, "classes with a single row: y"),
        ({"a": range(20), "y": [""] * 20}, "0 rows with a value"),
        ({"a": range(9), "y": range(9)}, "9 rows with a value of 'y'; 10 are needed"),
        ({"a": [1] * 20, "y": range(20)}, "no column to predict 'y' from: a is left out"),
        ({"a": range(20), "y": [*range(19), "many"]}, "y in line 21 of .* is 'many'"),
        ({"a": range(4000), "y": [f"c{i // 2}" for i in range(4000)]}, "too many for classes"),
    ],
)
def test_a_table_that_teaches_nothing_is_one_clear_error(written, columns, problem):
    with pytest.raises(DataError, match=problem) as raised:
        load_now(load(written(**columns), Where(target="y")))
    assert raised.value.fix


def test_a_target_that_never_differs_in_a_part_cannot_be_scored(written):
    values = [7.5] * 40
    values[0] = 8.5
    with pytest.raises(DataError, match=r"in all .* rows of the (test|training) part"):
        load_now(load(written(a=range(40), y=values), Where(target="y")))


def test_rows_of_another_file_are_encoded_as_those_of_training(heart, tmp_path):
    dataset = load_now(load(str(heart), Where(target="target")))
    features, lines = finish(read_rows(heart, dataset.encoding))[0]
    at = lines.index(dataset.test_lines[3])
    np.testing.assert_array_equal(features[at], dataset.test.pixels[3, :, 0, 0].numpy())
    other = tmp_path / "other.csv"
    other.write_text("age,seks\n1,2\n")
    with pytest.raises(DataError, match="lacks the columns sex, cp"):
        finish(read_rows(other, dataset.encoding))


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(DataError, match="neither a folder of images nor a table"):
        check_data_name(str(tmp_path / "photo.jpg"))
    with pytest.raises(DataError, match=r"no file 'heart.csv'"):
        check_data_name("heart.csv")
    with pytest.raises(UnknownName):
        check_data_name("heart")


def test_a_folder_whose_name_ends_like_a_tables_is_a_folder(tmp_path):
    (tmp_path / "photos.csv").mkdir()
    with pytest.raises(DataError, match="class folder"):
        load_now(load(str(tmp_path / "photos.csv"), Where()))


def test_planning_for_a_table_needs_no_torch(heart):
    code = (
        "import sys; from core.estimate import image_facts; from core.datasets import Where;"
        f"image_facts({str(heart)!r}, Where(target='age')); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
