import math

import pytest
from sample_run import layer_figures

from core.layer_history import LayerHistory, layer_history
from core.summary import summarize_named
from tui.draw_layers import (
    bar,
    layer_lines,
    ratio,
    shown_columns,
    spread,
    title_line,
    tree_line,
    trend,
)
from tui.layer_tree import LayerNode, tree_of

LENET = summarize_named("lenet")
CONV = tree_of(LENET)[0]
RUN = [layer_figures(step) for step in (100, 200, 300)]
FC = LayerNode("fc", "fc")


@pytest.mark.parametrize("width", [40, 60, 76, 116, 200])
@pytest.mark.parametrize("live", [False, True])
def test_a_line_is_as_wide_as_there_is_room(width, live):
    columns = shown_columns(width, live=live)
    for node in [*tree_of(LENET), FC]:
        line = tree_line(node, layer_history(RUN, "fc"), columns, width, LENET.total_macs)
        assert len(line) == width
    assert title_line(columns, width).cell_len == width


def test_a_narrow_tree_of_a_run_keeps_what_the_run_tells():
    names = [column.name for column in shown_columns(60, live=True)]
    assert {"weights", "gradient", "update", "dead"} <= set(names)
    assert "MACs bar" not in names
    assert "gradient" not in [column.name for column in shown_columns(200, live=False)]


def test_a_line_tells_the_newest_norms():
    columns = shown_columns(116, live=True)
    line = tree_line(FC, layer_history(RUN, "fc"), columns, 116, 0)
    assert line.split() == ["fc", "4.0000", "0.3333", "█▃▁", "3.3e-3"]
    relu = tree_line(LayerNode("r", "r"), layer_history(RUN, "block.relu"), columns, 116, 0)
    assert relu.split() == ["r", "25.0", "%"]


@pytest.mark.parametrize(("part", "drawn"), [(0, ""), (1e-9, "▌"), (0.5, "███"), (1, "██████")])
def test_a_bar_shows_whatever_is_there(part, drawn):
    assert bar(part, 6) == drawn


def test_a_trend_goes_from_the_lowest_to_the_highest_and_leaves_gaps():
    assert trend([1.0, math.nan, 3.0], 10) == "▁ █"
    assert trend([2.0, 2.0], 10) == "▅▅"
    assert trend([math.nan], 10) == ""
    assert len(trend(range(100), 10)) == 10


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.23e-3, "1.2e-3"), (0.5, "5.0e-1"), (12, "1.2e1"), (0, "0"), (math.nan, "·")],
)
def test_how_much_a_step_changes_the_weights_is_a_power_of_ten(value, shown):
    assert ratio(value) == shown


def test_figures_of_an_older_run_leave_out_what_they_do_not_tell():
    history = layer_history([layer_figures(100, updates=())], "fc")
    lines = [line.plain for line in layer_lines(FC, history, 100, 120, 12)]
    assert [line.split()[0] for line in lines[1:3]] == ["weights", "gradient"]
    assert not any("healthy" in line for line in lines)
    lines = [line.plain for line in layer_lines(FC, layer_history(RUN, "fc"), 100, 120, 12)]
    assert "healthy is about 1e-3" in lines[3]


@pytest.mark.parametrize("most", range(5))
def test_what_is_spread_has_the_first_and_the_last(most):
    found = spread(range(9), most)
    assert len(found) == most
    assert found[-1:] == [8][:most]
    assert most < 2 or found[0] == 0


def test_a_layer_is_told_with_a_histogram_for_each_moment():
    lines = [li.plain for li in layer_lines(FC, layer_history(RUN, "fc"), 100, 80, 12)]
    assert lines[0] == "fc"
    assert lines[1].startswith("weights     4.0000 → 4.0000")
    assert lines[2].startswith("gradient    1.0000 → 0.3333")
    assert lines[3].startswith("update      1.0e-2 → 3.3e-3")
    assert [line.split()[:2] for line in lines[5:8]] == [["epoch", n] for n in "123"]
    assert lines[8].split() == ["-3.0000", "3.0000"]
    # The bins of the first moment reach from -1 to 1 of the range of all, -3 to 3.
    first, last = lines[5][12:], lines[7][12:]
    assert 9 < len(first.strip()) < 12 < len(last.strip()) < 32
    assert len(first) - len(first.lstrip()) > len(last) - len(last.lstrip())


@pytest.mark.parametrize("height", range(1, 12))
@pytest.mark.parametrize("width", [10, 30, 80])
def test_it_keeps_to_its_room(width, height):
    lines = layer_lines(CONV, layer_history(RUN, "fc"), 100, width, height)
    assert len(lines) <= height


def test_a_layer_without_a_run_is_told_with_its_shapes():
    [line] = layer_lines(CONV, LayerHistory(), 1, 80, 3)
    assert line.plain.startswith("conv1  Conv2d · 1×28×28 → 6×28×28 · kernel 5×5 · 156 parameters")
