import pytest
import torch
from rich.console import Console
from rich.text import Text

from tui.images import (
    HALF,
    Tile,
    beside,
    caption,
    fit,
    from_values,
    grid,
    image_lines,
    needs_ramp,
)


def grey(*rows):
    return torch.tensor([rows], dtype=torch.uint8)


def plain(lines):
    return [line.plain for line in lines]


def colours(line: Text, at: int):
    """The two pixels in one character of a line: above, below."""
    style = next(span.style for span in line.spans if span.start <= at < span.end)
    return tuple(c and c.triplet and tuple(c.triplet) for c in (style.color, style.bgcolor))


def test_a_grey_image_without_colours_is_a_ramp_from_dark_to_bright():
    row = [0, 28, 56, 84, 112, 140, 168, 196, 224, 255]
    assert plain(image_lines(grey(row, row), ramp=True)) == [" .:-=+*#%@"]


def test_two_rows_share_a_line_and_their_mean_is_drawn():
    image = grey([255, 0], [255, 255], [128, 0])  # means 255, 127.5; 128 and 0 alone
    assert plain(image_lines(image, ramp=True)) == ["@=", "= "]


def test_green_is_brighter_than_blue_in_a_ramp():
    image = torch.zeros(3, 2, 3, dtype=torch.uint8)
    for x in range(3):
        image[x, :, x] = 255
    assert plain(image_lines(image, ramp=True)) == [":+."]


def test_half_blocks_have_two_pixels_in_each_character():
    [line] = image_lines(grey([0, 200], [100, 50]), ramp=False)
    assert line.plain == HALF * 2
    assert colours(line, 0) == ((0, 0, 0), (100, 100, 100))
    assert colours(line, 1) == ((200, 200, 200), (50, 50, 50))


def test_equal_neighbours_are_one_span_and_the_last_odd_row_has_no_ground():
    image = torch.tensor([[[9, 9, 9]], [[8, 8, 8]], [[7, 7, 7]]], dtype=torch.uint8)
    [line] = image_lines(image, ramp=False)
    assert line.plain == HALF * 3
    assert len(line.spans) == 1
    assert colours(line, 2) == ((9, 8, 7), None)


def test_a_small_image_is_enlarged_in_whole_multiples():
    found = fit(grey([0, 1], [2, 3]), columns=5, lines=9)
    assert found.tolist() == [[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]]


@pytest.mark.parametrize("shape", [(1, 100, 40), (3, 40, 100), (1, 1, 500), (3, 500, 1)])
def test_a_large_image_is_reduced_until_it_fits(shape):
    image = torch.full(shape, 7, dtype=torch.uint8)
    found = fit(image, columns=20, lines=8)
    assert found.shape[1] <= 16
    assert found.shape[2] <= 20
    assert found.unique().tolist() == [7]


def test_values_without_a_minus_are_grey_from_zero():
    assert from_values(torch.tensor([[[0.0, 0.5, 2.0]]])).tolist() == [[[0, 64, 255]]]


def test_values_of_both_signs_are_amber_above_and_blue_below():
    found = from_values(torch.tensor([[[1.0, 0.0, -1.0]]]))
    assert found[:, 0].T.tolist() == [[255, 175, 95], [0, 0, 0], [95, 175, 255]]


def test_three_channels_are_a_colour_image_over_their_whole_range():
    found = from_values(torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1))
    assert found.flatten().tolist() == [0, 128, 255]


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_values_that_are_all_zero_or_no_numbers_are_black(channels):
    for value in (0.0, float("nan"), float("inf")):
        assert from_values(torch.full((channels, 2, 2), value)).unique().tolist() == [0]


def test_blocks_of_different_heights_stand_side_by_side():
    left, right = [Text("ab"), Text("c")], [Text("1"), Text("22"), Text("333")]
    assert plain(beside([left, right], gap=1)) == ["ab 1", "c  22", "   333"]


def tile(side: int, text: str = ""):
    return Tile(torch.full((1, side, side), 255, dtype=torch.uint8), caption(text) if text else ())


def test_a_grid_fills_the_width_with_images_and_captions_below():
    found = plain(grid([tile(2, "one"), tile(2, "two")], 10, 3, ramp=True, smallest=4, narrowest=4))
    assert found == ["@@@@  @@@@", "@@@@  @@@@", "one   two "]


def test_images_are_as_large_as_columns_and_lines_allow():
    found = plain(grid([tile(28)] * 4, 80, 60, ramp=True))
    assert found[0] == "  ".join(["@" * 28] * 2)  # 2 by 2: three in a row would be no larger
    assert len(found) == 14 + 1 + 14
    assert plain(grid([tile(28)] * 4, 80, 16, ramp=True))[0] == "  ".join(["@" * 18] * 4)


def test_a_grid_that_cannot_fit_is_small_and_longer():
    found = plain(grid([tile(28, "x")] * 30, 80, 10, ramp=True))
    assert max(map(len, found)) == 4 * 16 + 3 * 2
    assert len(found) == 8 * 10 - 1  # 8 rows of 8 lines, a caption and a gap


@pytest.mark.parametrize("count", [1, 2, 5, 16, 64])
@pytest.mark.parametrize("side", [1, 3, 5, 8, 28, 300])
@pytest.mark.parametrize("columns", [20, 80, 121])
def test_no_grid_is_wider_than_the_terminal_and_every_image_is_there(count, side, columns):
    found = plain(grid([tile(side, "abcdef")] * count, columns, 24, ramp=True, narrowest=6))
    assert max(map(len, found)) <= columns
    assert sum(line.count("abcdef") for line in found) == count


def test_an_empty_grid_is_nothing():
    assert grid([], 80, 24, ramp=True) == []


def test_captions_cannot_command_the_terminal_and_are_cut_to_their_image():
    [*_, last] = plain(grid([tile(16, "x\x1b[2J" + "y" * 40)], 16, 9, ramp=True))
    assert last == "x�[2Jyyyyyyyyyy…"


@pytest.mark.parametrize(
    ("system", "no_color", "encoding", "ramp"),
    [
        ("truecolor", False, "utf-8", False),
        ("256", False, "utf-8", False),
        ("standard", False, "utf-8", True),
        (None, False, "utf-8", True),
        ("truecolor", True, "utf-8", True),
        ("truecolor", False, "ascii", True),
    ],
)
def test_half_blocks_need_256_colours_and_unicode(system, no_color, encoding, ramp):
    class Terminal(Console):
        encoding = ""

    Terminal.encoding = encoding
    assert needs_ramp(Terminal(color_system=system, no_color=no_color)) is ramp


def test_256_colours_get_the_nearest_colour():
    out = Console(color_system="256", force_terminal=True, width=10)
    with out.capture() as capture:
        out.print(image_lines(grey([255], [0]), ramp=False)[0])
    assert capture.get() == "\x1b[38;5;231;48;5;16m▀\x1b[0m\n"
