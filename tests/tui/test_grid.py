import pytest

from tui.grid import Grid, fitting, page_of, shared


@pytest.mark.parametrize(
    ("size", "wanted"), [((80, 24), (1, 2)), ((120, 40), (1, 2)), ((200, 60), (2, 3))]
)
def test_what_nobody_chose_goes_by_the_size_of_the_terminal(size, wanted):
    assert Grid().wanted(*size) == wanted
    assert Grid(rows=3, columns=1).wanted(*size) == (3, 1)


def test_there_are_never_more_rows_and_columns_than_have_room():
    assert fitting((3, 3), 120, 24) == (3, 3)
    assert fitting((3, 3), 80, 15) == (2, 3)
    assert fitting((3, 3), 60, 3) == (1, 2)


def test_after_the_last_page_comes_the_first():
    names = ["loss", "score", "lr"]
    assert [list(page_of(names, 2, page)) for page in range(3)] == [
        ["loss", "score"], ["lr"], ["loss", "score"],
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 30), (120, 40), (200, 60), (300, 100)])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_charts_and_panes_share_all_lines_or_the_panes_come_with_a_key(size, rows):
    room = shared(*size, rows)
    assert room.charts + room.panes == size[1] - 2
    assert room.crowded or room.charts >= rows * 5


def test_one_row_of_charts_always_leaves_room_for_panes():
    assert not any(shared(w, h, 1).crowded for w in range(60, 301) for h in range(16, 101))


def test_three_rows_of_charts_leave_room_at_120x40_and_none_at_80x24():
    assert not shared(120, 40, 3).crowded
    assert shared(80, 24, 3).crowded
