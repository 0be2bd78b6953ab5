import math

import pytest

from tui.format import (
    age,
    clip,
    clip_start,
    clock,
    count,
    duration,
    percent,
    safe_text,
    score,
    shape,
    size,
    told_apart,
)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain [bold] text", "plain [bold] text"),
        ("\x1b[2J\x07\x9b", "�[2J��"),
        ("a\tb\nc\rd", "a b c d"),
        ("right\u202eleft\u200b", "right�left�"),
        ("\ud800", "�"),
        ("ünïcödé 猫", "ünïcödé 猫"),
    ],
)
def test_nothing_that_a_terminal_obeys_stays_in_a_text(text, safe):
    assert safe_text(text) == safe


def test_a_text_is_clipped_by_the_columns_that_it_takes():
    assert clip("Ankle boot", 10) == "Ankle boot"
    assert clip("Ankle boots", 10) == "Ankle boo…"
    assert clip("猫猫猫猫", 5) == "猫猫…"
    assert clip("\x1b[2J", 3) == "�[…"


def test_a_path_is_clipped_at_its_beginning():
    assert clip_start("a/b.png", 7) == "a/b.png"
    assert clip_start("folder/b.png", 7) == "…/b.png"
    assert clip_start("猫猫猫猫", 5) == "…猫猫"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (count(61706), "61.7 K"),
        (count(1.82e9), "1.82 G"),
        (count(None), "–"),
        (size(312), "312 B"),
        (size(3.1 * 2**20), "3.1 MiB"),
        (duration(0.214), "214 ms"),
        (duration(125), "2 m 05 s"),
        (clock(3725), "1:02:05"),
        (percent(0.9342), "93.4 %"),
        (percent(None), "–"),
        (shape((6, 28, 28)), "6×28×28"),
        (shape(()), "–"),
    ],
)
def test_numbers_are_written_for_people(text, found):
    assert text == found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (-5, "now"), (59, "now"), (60, "1 m"), (7200, "2 h"), (9e4, "1 d"), (4e7, "1 y")],
)
def test_an_age_is_rough(seconds, text):
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.93421, "0.9342"), (1.0, "1.0000"), (-0.17051, "-0.171"), (-12.3456, "-12.35"),
     (-12345.6, "-12346"), (-1.5e9, "-2e+09"), (math.nan, "nan")],
)  # fmt: skip
def test_a_score_has_as_many_decimals_as_six_columns_hold(value, text):
    assert score(value) == text


@pytest.mark.parametrize(
    ("names", "columns", "shown"),
    [
        (("brave-otter", "shy-lynx"), 8, ["brave-o…", "shy-lynx"]),  # a beginning is enough
        (("rates-lr-1", "rates-lr-12"), 8, ["rates…-1", "rates…12"]),
        (("sweep-1", "sweep-2"), 3, ["s…1", "s…2"]),
        (("猫猫猫猫1", "猫猫猫猫2"), 6, ["猫猫…1", "猫猫…2"]),
        (("same-same", "same-same"), 5, ["same…", "same…"]),
        (("ab", "ac"), 1, ["…", "…"]),
        (("\x1b[2Jaaaaaa1", "\x1b[2Jaaaaaa2"), 6, ["\ufffd[2J…1", "\ufffd[2J…2"]),
        ((), 8, []),
    ],
)
def test_names_that_begin_alike_are_cut_in_the_middle(names, columns, shown):
    found = told_apart(names, columns)
    assert [found[name] for name in names] == shown
