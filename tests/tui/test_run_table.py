import pytest
from rich.cells import cell_len

from tui.widgets.run_table import cell


@pytest.mark.parametrize(
    "text",
    [
        *("", "plain", "名前名前名前", "🙂🙂🙂", "a\x1b[2Jb", "אבג"),
        *("e\u0301" * 20, "x" * 500, "\u202eabc"),
    ],
)
@pytest.mark.parametrize("right", [False, True])
def test_a_cell_is_as_wide_as_its_column_whatever_is_in_it(text, right):
    for width in (1, 2, 7, 12):
        found = cell(text, width, right=right)
        assert cell_len(found) == width
        assert not {"\x1b", "\u202e"} & set(found)
