"""Names that take two columns a character: what stands beside them stays in its column."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.cells import cell_len

from core.datasets import Where, load
from core.evaluation import Evaluation, Mistake
from core.inside import ParameterFigures
from tui.draw_dataset import balance_lines
from tui.draw_evaluation import class_lines, matrix_lines
from tui.draw_inside import parameter_lines
from tui.row_lines import mistake_lines
from tui.widgets.config_pane import newspaper
from tui.widgets.run_table import cell

CLASSES = ("上衣", "靴子和凉鞋", "bag 👜")
EVALUATION = Evaluation(
    images=6,
    accuracy=0.5,
    loss=1.0,
    matrix=torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 1]]),
    accuracies=[0.5, 0.5, 0.5],
    precisions=[0.3333, 0.5, 1.0],
    mistakes=[Mistake(n, true, said, 0.9, 0.1) for n, true, said in ((1, 0, 1), (2, 2, 0))],
    mistakes_in_all=3,
)


def column(line: str, of: str) -> int:
    """In which column of a terminal `of` begins."""
    return cell_len(line[: line.index(of)])


@pytest.fixture
def dataset(tmp_path: Path):
    """A real folder of images whose classes are Chinese, and one an emoji."""
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("L", (8, 8), number).save(tmp_path / name / f"{number}.png")
    loading = load(str(tmp_path), Where(None))
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def test_the_balance_of_classes(dataset):
    assert set(dataset.classes) == set(CLASSES)
    header, *rows = [line.plain for line in balance_lines(dataset)[1:]]
    assert {column(row, " %") for row in rows} == {column(rows[0], " %")}
    assert {cell_len(row) for row in rows} == {cell_len(rows[0])}
    assert column(header, "share") < column(rows[0], " %")


def test_accuracy_by_class_and_the_confusion_matrix():
    rows = [line.plain for line in class_lines(CLASSES, EVALUATION, 100)[3:]]
    assert {column(row, "0.5000") for row in rows} == {column(rows[0], "0.5000")}
    matrix = [line.plain for line in matrix_lines(CLASSES, EVALUATION, 80)[1:-1]]
    assert len({cell_len(line) for line in matrix}) == 1


def test_mistakes_among_the_rows_of_a_table():
    header, *rows = [line.plain for line in mistake_lines(CLASSES, EVALUATION, range(9))[2:]]
    assert column(rows[0], "靴子和凉鞋 90") == column(header, "was taken for")
    assert column(rows[1], "上衣 90") == column(header, "was taken for")


def test_parameters_of_a_users_own_modules():
    one = ParameterFigures("卷积.weight", (6, 5), 1.0, 0.0, 0.5, -1, 1, (1, 2, 3))
    other = ParameterFigures("fc.weight", (6, 5), 1.0, 0.0, 0.5, -1, 1, (1, 2, 3))
    _, *rows = [line.plain for line in parameter_lines([one, other], None, 100)]
    assert column(rows[0], "6×5") == column(rows[1], "6×5")


def test_histograms_are_left_out_where_they_would_wrap():
    one = ParameterFigures("conv1.weight", (6, 1, 5, 5), 1.0, 0.0, 0.5, -1, 1, (1,) * 12)
    assert all("histogram" not in line.plain for line in parameter_lines([one], None, 56))
    assert all(line.cell_len <= 56 for line in parameter_lines([one], None, 56))
    header, row = parameter_lines([one], None, 80)
    assert "histogram" in header.plain
    assert "█" in row.plain


def test_settings_in_columns():
    pairs = [
        ("model", "mlp"), ("data", "数据/衣服"), ("epochs", "10"),
        ("lr", "0.001"), ("seed", "0"), ("device", "auto"),
    ]  # fmt: skip
    lines = newspaper(pairs, 40).plain.splitlines()
    second = [line.partition(name) for line, (name, _) in zip(lines, pairs[3:], strict=True)]
    assert [name for _, name, _ in second] == ["lr", "seed", "device"]
    assert len({cell_len(before) for before, _, _ in second}) == 1


@pytest.mark.parametrize("text", ["good", "好", "🚀 fast", "非常长的名字非常长的名字", ""])
@pytest.mark.parametrize("right", [False, True])
def test_a_cell_of_the_table_of_runs_is_as_wide_as_it_must_be(text, right):
    assert cell_len(cell(text, 9, right=right)) == 9
