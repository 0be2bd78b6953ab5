import math
import statistics
from itertools import pairwise

import plotext
import pytest
from rich.style import Style

from tui.curves import Curve, Mark
from tui.plot import draw


def lines(*curves, width=30, height=7, x_limits=(0, 4), **options):
    return draw(curves, width, height, x_limits=x_limits, **options).plain.split("\n")


FALLING = Curve("train", [0, 1, 2, 3, 4], [2, 1, 0.5, 0.25, 0.125])


def test_a_curve_stands_between_round_ticks_and_has_no_frame():
    assert lines(FALLING, x_label="epoch") == [
        "    2 ⠑⢄┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "        ⠑⢄                    ",
        "    1 ┈┈┈┈⠑⢄⡀┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "            ⠈⠑⠢⢄⡀             ",
        "                ⠈⠑⠢⠤⣀⣀        ",
        "    0 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈⠉⠉⠒⠒⠒⠤⠤⠤",
        "epoch 0           2          4",
    ]


def test_an_exponential_is_a_straight_line_on_a_log_axis():
    assert lines(FALLING, y_log=True) == [
        "      ⠑⠢⢄⣀                    ",
        "    1 ┈┈┈┈⠉⠒⠢⢄⡀┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "              ⠈⠑⠢⢄⡀           ",
        "                  ⠈⠑⠢⢄⡀       ",
        "                      ⠈⠉⠒⠤⣀⡀  ",
        "  0.1 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈⠈⠑⠒",
        "      0           2          4",
    ]


def test_a_dotted_curve_has_a_bullet_at_each_point_and_a_mark_its_sign():
    test = Curve("test", [1, 2, 3, 4], [0.1, 0.5, 0.7, 0.8], dotted=True)
    assert lines(test, y_range=(0, 1), marks=[Mark(2, "lr 0.5 → 0.1")]) == [
        "  1.0 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "                       ● ⠄ ⠄⠐●",
        "  0.5 ┈┈┈┈┈┈┈┈┈┈┈┈●┈⠐┈⠁┈┈┈┈┈┈┈",
        "                ⠄⠁            ",
        "            ●⡀⠐               ",
        "  0.0 ┈┈┈┈┈┈⠂┈┈┈┈┈▲┈┈┈┈┈┈┈┈┈┈┈",
        "      0           2          4",
    ]


def test_a_mark_is_written_out_where_there_is_room_and_the_newest_wins():
    wide = lines(FALLING, width=60, marks=[Mark(1, "lr 0.5 → 0.1")])
    assert "▲ lr 0.5 → 0.1" in wide[-2]
    left = lines(FALLING, width=60, marks=[Mark(3.9, "epochs 20")], marks_above=True)
    assert "epochs 20 ▼" in left[0]
    both = lines(FALLING, width=60, marks=[Mark(1, "lr 0.5 → 0.1"), Mark(1.1, "lr 0.1 → 0.2")])
    assert "▲ lr 0.1 → 0.2" in both[-2]
    assert "0.5" not in both[-2]


def test_the_text_of_a_mark_cannot_reach_the_terminal_as_a_command():
    assert "\x1b" not in draw([FALLING], 60, 7, x_limits=(0, 4), marks=[Mark(1, "\x1b[2Jlr")]).plain


def test_nan_and_infinity_are_gaps():
    curve = Curve("train", range(6), [1, 2, math.nan, 1, 2, math.inf])
    assert lines(curve, height=6, x_limits=(0, 5)) == [
        "  2.0 ┈┈┈⢀⠎┈┈┈┈┈┈┈┈┈┈┈┈┈⡔⠁┈┈┈┈",
        "        ⢀⠎             ⡜      ",
        "  1.5 ┈⢀⠎┈┈┈┈┈┈┈┈┈┈┈┈┈⡜┈┈┈┈┈┈┈",
        "      ⢀⠎             ⡜        ",
        "  1.0 ⡎┈┈┈┈┈┈┈┈┈┈┈┈┈⡜┈┈┈┈┈┈┈┈┈",
        "      0        2         4",
    ]


def test_a_spike_leaves_at_the_upper_edge_and_does_not_flatten_the_rest():
    curve = Curve("train", range(6), [1, 2, 1, 1e12, 1, 2])
    assert lines(curve, height=6, x_limits=(0, 5)) == [
        "  2.0 ┈┈┈⢀⠞⡄┈┈┈┈┈┈┈⡰↑┈┈┈┈┈┈┈⢀⠎",
        "        ⢀⠎ ⠘⡄     ⡰⠁ ⢣     ⢀⠎ ",
        "  1.5 ┈⢀⠎┈┈┈⠘⡄┈┈┈⡰⠁┈┈┈⢣┈┈┈⢀⠎┈┈",
        "      ⢀⠎     ⠘⡄ ⡰⠁     ⢣ ⢀⠎   ",
        "  1.0 ⡎┈┈┈┈┈┈┈⠘⢴⠁┈┈┈┈┈┈┈⠣⡎┈┈┈┈",
        "      0        2         4",
    ]


def test_one_point_is_a_bullet_in_the_middle():
    assert lines(Curve("t", [1], [0.5]), width=24, height=5, x_limits=(0, 2)) == [
        " 0.55 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        " 0.50 ┈┈┈┈┈┈┈┈┈•┈┈┈┈┈┈┈┈",
        "                        ",
        " 0.45 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "      0        1       2",
    ]


def test_a_constant_curve_is_a_level_line_away_from_the_edges():
    assert lines(Curve("t", [0, 1, 2], [3, 3, 3]), width=24, height=5, x_limits=(0, 2)) == [
        "  3.2 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "  3.0 ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀",
        "                        ",
        "  2.8 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈",
        "      0        1       2",
    ]


@pytest.mark.parametrize("ys", [[], [math.nan, math.inf], [-math.inf]])
def test_nothing_to_draw_is_an_empty_text(ys):
    assert lines(Curve("train", range(len(ys)), ys)) == [""]


def test_no_room_to_draw_is_an_empty_text():
    assert lines(FALLING, width=10) == [""]
    assert lines(FALLING, height=3) == [""]


@pytest.mark.parametrize("y_log", [False, True])
@pytest.mark.parametrize("size", [(16, 4), (37, 9), (58, 18), (190, 55)])
@pytest.mark.parametrize(
    "ys",
    [
        [0.0, -1.0, 5.0],
        [1e300, 1e-300, 1.0],
        [1e12] * 3,
        [math.nan, 1.0, math.nan],
        [0.0, 0.0],
        [1e-12, 2e-12],
        [-1e308, 1e308],
    ],
)
def test_every_picture_has_exactly_its_size(ys, size, y_log):
    width, height = size
    found = lines(
        Curve("train", range(len(ys)), ys),
        Curve("test", range(len(ys)), ys, dotted=True),
        width=width,
        height=height,
        y_log=y_log,
    )
    if found != [""]:  # nothing is above zero
        assert len(found) == height
        assert max(map(len, found)) == width


def test_plotext_gets_two_points_a_column_of_a_million(monkeypatch):
    handed = []
    monkeypatch.setattr(plotext, "plot", lambda xs, ys, **_: handed.append(len(xs)))
    xs = [i / 1_000_000 for i in range(1_000_000)]
    lines(Curve("train", xs, [x % 0.01 for x in xs]), width=56, x_limits=(0, 1))
    assert handed == [100]  # 50 columns beside the labels


def test_each_part_has_the_style_of_its_role():
    styles = {"train": Style(color="blue"), "test": Style(color="yellow"), "axis": Style(dim=True)}
    test = Curve("test", [1, 3], [1.8, 1.8], dotted=True)
    text = draw([FALLING, test], 30, 7, x_limits=(0, 4), styles=styles)
    for offset, char in enumerate(text.plain):
        found = _style_at(text, offset)
        if char == "●":
            assert found == styles["test"]
        if char.isdigit():
            assert found == styles["axis"]
    assert styles["train"] in [span.style for span in text.spans]


def _style_at(text, offset):
    return next((s.style for s in text.spans if s.start <= offset < s.end), None)


def test_a_sign_tells_curves_apart_without_colours():
    curves = [
        Curve("a", [0, 1], [1.0, 1.0], sign="A"),
        Curve("a", [0, 1], [2.0, 2.0], sign="B", dotted=True),
    ]
    lines = draw(curves, 60, 12, x_limits=(0, 1)).plain.splitlines()
    of = {sign: [line for line in lines if sign in line] for sign in "AB"}
    assert len(of["A"]) == len(of["B"]) == 1  # both are level
    assert lines.index(of["B"][0]) < lines.index(of["A"][0])
    assert of["A"][0].count("A") >= 3


def test_a_window_has_the_y_axis_of_what_is_in_it():
    curve = Curve("train", [0, 1, 2, 3, 4], [100.0, 1.0, 2.0, 1.0, 100.0])
    outside = Curve("test", [0, 4], [500.0, 500.0], dotted=True)
    drawn = lines(curve, outside, x_limits=(1.5, 2.5), y_range=(0, 4))
    assert [line.split()[0] for line in drawn[:-1] if "┈" in line] == ["2.0", "1.5", "1.0"]


def test_the_cursor_is_a_line_behind_the_curves():
    drawn = lines(FALLING, cursor=2.0)
    columns = {line.index("│") for line in drawn if "│" in line}
    assert len(columns) == 1
    assert "⠈⠑⠢⢄⡀" in drawn[3]


def test_a_cursor_out_of_sight_is_not_drawn():
    assert "│" not in "".join(lines(FALLING, cursor=9.0))


def test_powers_are_a_straight_line_on_two_log_axes():
    curve = Curve("train", [0.0, 1.0, 10.0, 100.0], [5.0, 100.0, 10.0, 1.0])
    drawn = lines(curve, x_limits=(1, 100), x_log=True, y_log=True, width=40, height=9)
    assert drawn[-1].split() == ["1", "10", "100"]
    rows = [line[6:] for line in drawn[:-1]]
    middles = [statistics.mean(i for i, c in enumerate(row) if c not in " ┈") for row in rows]
    apart = [b - a for a, b in pairwise(middles)]
    assert max(apart) - min(apart) < 2  # as many columns from each row to the next


def test_a_million_points_are_drawn_as_a_few_would_be():
    xs = [i / 1_000_000 for i in range(1_000_000)]
    drawn = lines(Curve("train", xs, xs), x_limits=(0, 1))
    rows = [line[6:] for line in drawn[:-1]]
    assert rows[0].rstrip("┈ ").endswith("⠊")
    assert rows[-1].startswith("⣀")
    assert [any(c not in " ┈" for c in row) for row in rows] == [True] * len(rows)
