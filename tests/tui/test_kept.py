import pytest

from tui.axes import Axes
from tui.grid import Grid
from tui.kept import Kept, keep_axes, keep_grid, kept, state_file


def test_what_was_kept_is_found_again_but_not_a_part_of_one_run():
    axes = Axes(x="time", x_log=True, y_log=True, smoothing=0.9, window=(1, 2), cursor=1.5)
    keep_axes(axes)
    keep_grid(Grid(("lr",), 2, 3))
    assert kept().axes == Axes(x="time", x_log=True, y_log=True, smoothing=0.9)
    assert kept().grid == Grid(("lr",), 2, 3)


def test_without_a_file_charts_begin_as_they_do():
    assert not state_file().exists()
    assert kept() == Kept()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\x00",
        b"[]",
        b'{"x": "miles"}',
        b'{"smoothing": 1e999}',
        b'{"smoothing": 7}',
        b'{"rows": 1000000}',
        b'{"charts": 5}',
    ],
)
def test_a_damaged_file_is_as_good_as_none(damage):
    keep_axes(Axes(x="time"))
    state_file().write_bytes(damage)
    assert kept() == Kept()


def test_a_folder_that_cannot_be_written_does_not_get_in_the_way():
    state_file().parent.parent.mkdir(parents=True, exist_ok=True)
    state_file().parent.write_text("a file where the folder should be")
    keep_axes(Axes(x="time"))
    assert kept() == Kept()
