import pytest

from tui.meters import (
    Series,
    area,
    bytes_of,
    in_one_line,
    meters,
    packed,
    part_of,
    rate,
    share,
    sparkline,
    squeezed,
)


def test_a_sparkline_shows_the_newest_at_the_right_and_a_gap_for_the_unknown():
    assert sparkline([0.0, None, 0.5, 1.0], 6) == "  ▁ ▅█"
    assert sparkline([0.0, None, 0.5, 1.0], 2) == "▅█"
    assert sparkline([0.5], 0) == ""


def test_a_sparkline_stays_within_its_bars_for_fractions_out_of_range():
    assert sparkline([-0.2, 1.4], 2) == "▁█"  # a GPU may draw more than its limit for a moment


def test_without_a_past_a_bar_shows_what_is_now():
    assert Series([], 0.5).draw(8).plain == "████░░░░"
    assert Series([], 0.0).draw(4).plain == "░░░░"
    assert Series([], 1.3).draw(4).plain == "████"


def test_what_is_unknown_has_no_bar_at_all():
    assert Series([], None).draw(4).plain == "    "


@pytest.mark.parametrize("used", [0, 2**20, 60 * 2**30, None])
def test_a_part_is_as_wide_as_any_other_part_of_the_same_whole(used):
    assert len(bytes_of(used, int(79.6 * 2**30))) == len(" 1.9 / 79.6 GiB")


def test_parts_and_wholes_have_units_and_dashes():
    assert bytes_of(int(1.9 * 2**30), int(79.6 * 2**30)) == " 1.9 / 79.6 GiB"
    assert bytes_of(2**20, 512 * 2**20) == "  1.0 / 512.0 MiB"
    assert bytes_of(None, None) == "  – / – GiB"
    assert part_of(91, 700, "W") == " 91 / 700 W"
    assert part_of(412.4, None, "W") == "412 / – W"


def test_a_share_of_nothing_is_unknown():
    assert share(1, 0) is None
    assert share(None, 2) is None
    assert share(1, 2) == 0.5


def test_more_cores_than_columns_are_averaged():
    assert squeezed([0.0, 1.0, 0.5, 0.5, 1.0], 3) == [0.5, 0.5, 1.0]
    assert squeezed([0.1, 0.2], 3) == [0.1, 0.2]


def test_columns_beside_the_meters_fall_away_before_the_graph_does():
    rows = [("util", Series([], 1.0), "50 %"), ("mem", Series([], 0.0), "1 / 2")]
    beside = [("temp 54 °C", "sm 1 MHz"), ("fan –", "mem 2 MHz")]
    lines, columns = meters(rows, beside, 45)
    assert [line.plain for line in lines] == [
        "util  " + "█" * 11 + " 50 %   temp 54 °C  sm 1 MHz",
        "mem   " + "░" * 11 + " 1 / 2  fan –       mem 2 MHz",
    ]
    assert columns == 2
    assert meters(rows, beside, 41)[1] == 1
    lines, columns = meters(rows, beside, 20)
    assert (lines[0].plain, columns) == ("util  ████████ 50 %", 0)


def test_one_line_keeps_the_first_values_and_gives_what_is_left_to_graph_and_name():
    series = Series([], 1.0)
    values = ["50 %", "1 / 2", "60 W"]

    def line(width):
        return in_one_line("0", series, values, "H100 80GB", width)[0].plain

    assert line(40) == "0 ████████  50 %  1 / 2  60 W  H100 80GB"
    assert line(25) == "0 ████  50 %  1 / 2  60 W"
    assert line(24) == "0  50 %  1 / 2  60 W"
    assert line(16) == "0  50 %  1 / 2"
    assert in_one_line("0", series, values, "", 16)[1] == 2


def test_a_graph_over_several_lines_fills_from_below():
    assert area([0.0, None, 0.5, 0.75, 1.0, 1.4], 7, 2) == [
        "    ▄██",
        " ▁ ████",
    ]
    assert area([0.5], 0, 2) == ["", ""]


def test_texts_are_packed_into_as_many_lines_as_they_need():
    assert packed(["aa", "bb", "cc"], 7) == ["aa   bb", "cc"]
    assert packed(["longer than that"], 4) == ["longer than that"]
    assert packed([], 4) == []


def test_rates_are_equally_wide():
    assert [rate(r) for r in (None, 0, 2.5e9)] == ["         –", "     0 B/s", " 2.3 GiB/s"]
