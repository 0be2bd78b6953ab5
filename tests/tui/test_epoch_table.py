import math

import pytest

from core.events import EpochEnd
from tui.epoch_table import EpochTable, columns

END = EpochEnd(7, 1099, 0.12583, 0.96184, 0.11901, 0.965, 0.0009765625, 125.0, 49_512.0)
EXTREME = EpochEnd(99_999, 10**9, 1e30, 1.0, math.nan, 0.0, 1e-300, 9e6, 1e12)


def test_figures_stand_under_their_titles():
    header, row = EpochTable().header(), EpochTable().row(END, best=False)
    for column, figure in zip(
        columns(),
        ["7", "0.1258", "0.9618", "0.1190", "0.9650", "0.000977", "2 m 05 s", "49.5 K"],
        strict=True,
    ):
        end = header.index(f" {column.title}" if column.title == "lr" else column.title)
        end += len(column.title) + (column.title == "lr")
        assert row[:end].endswith(figure)


def test_the_mark_of_the_best_moves_nothing():
    plain, marked = EpochTable().row(END, best=False), EpochTable().row(END, best=True)
    assert "0.9650*" in marked
    assert marked.replace("*", " ") == plain


def test_the_whole_table_fits_into_80_columns_even_when_training_diverges():
    for end in (END, EXTREME):
        assert len(EpochTable(80).row(end, best=True)) <= 80
    assert EpochTable(80).header() == EpochTable().header()


@pytest.mark.parametrize("width", [30, 40, 60, 77])
def test_a_narrow_terminal_keeps_what_matters(width):
    table = EpochTable(width)
    assert {"epoch", "train acc", "test acc"} <= {
        c.title for c in columns() if c.title in table.header()
    }
    assert len(table.header()) <= width
    assert len(table.row(END, best=True)) <= width
