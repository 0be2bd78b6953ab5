import math

import pytest

from tui.format import (
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
    ("value", "text"),
    [(0.93421, "0.9342"), (1.0, "1.0000"), (-0.17051, "-0.171"), (-12.3456, "-12.35"),
     (-12345.6, "-12346"), (-1.5e9, "-2e+09"), (math.nan, "nan")],
)  # fmt: skip
def test_a_score_has_as_many_decimals_as_six_columns_hold(value, text):
    assert score(value) == text
