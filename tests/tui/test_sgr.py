import random

import pyte
import pytest

from tui.sgr import with_fewer_codes

STYLES = [
    *("1", "2;31", "38;2;95;175;255;48;2;16;18;22", "1;38;5;9", "97;100", "3;4;44", "7"),
    *("48;2;1;2;3", "39;41", "31;49", ""),
]


def seen(text: str) -> list[list[object]]:
    """What each place of a terminal shows; the colour of a blank is that of its ground."""
    screen = pyte.Screen(100, 20)
    pyte.Stream(screen).feed(text)
    places = [[screen.buffer[y][x] for x in range(100)] for y in range(6)]
    return [
        [
            c._replace(fg="", bold=False, italics=False)
            if c.data == " " and not (c.reverse or c.underscore)
            else c
            for c in line
        ]
        for line in places
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_picture_is_the_same(seed):
    draw = random.Random(seed)
    text = ""
    for _ in range(40):
        text += f"\x1b[{draw.choice(STYLES)}m{draw.choice('ab ')}\x1b[0m"
        if draw.random() < 0.3:
            text += f"\r\n\x1b[{draw.randint(1, 5)};{draw.randint(1, 15)}H"
    assert seen(with_fewer_codes(text)) == seen(text)


def test_what_stays_is_not_said_again():
    ground = "48;2;16;18;22"
    frame = f"\x1b[1;31;{ground}ma\x1b[0m\x1b[1;31;{ground}mb\x1b[0m\x1b[1;32;{ground}mc\x1b[0m"
    assert with_fewer_codes(frame) == f"\x1b[1;31;{ground}mab\x1b[32mc\x1b[0m"


def test_other_sequences_stay_as_they_are():
    text = "\x1b[?2026h\x1b[?25l\x1b[1mA\x1b[0m\x1b[?2026l"
    assert with_fewer_codes(text) == text
