"""Codes of colours and styles: only those that change something.

Textual ends every piece of text by a reset, and begins the next one with all of its colours: three
quarters of the bytes of a frame.
"""

import re
from typing import NamedTuple

CODES = re.compile(r"\x1b\[([\d;]*)m")
FOREGROUND = re.compile(r"3[0-79]|9[0-7]")
BACKGROUND = re.compile(r"4[0-79]|10[0-7]")
MOVES = re.compile(r"(?:\r?\n|\x1b\[\d*(?:;\d*)?H)*")  # that draw nothing
BLANK = re.compile(r"(?: |\r?\n|\x1b\[\d*(?:;\d*)?H)*")  # of which one sees the ground
LINES = {"4", "7", "9", "21"}  # unless it is underlined, reversed or struck through
LINE_BREAK = re.compile(r"\r?\n(?=\x1b\[\d+;\d+H)")  # before the cursor goes elsewhere anyway


class Look(NamedTuple):
    """How a terminal draws what comes next; each part is a part of the code that sets it."""

    attributes: frozenset[str] = frozenset()
    foreground: str = "39"
    background: str = "49"


PLAIN = Look()


def with_fewer_codes(text: str) -> str:
    """The same picture in fewer bytes. `text` begins with the look of a reset, and ends so."""
    first, *rest = CODES.split(LINE_BREAK.sub("", text))
    parts = [first]
    shown = wanted = PLAIN
    for codes, words in zip(rest[::2], rest[1::2], strict=True):
        wanted = _changed(wanted, codes)
        needed = wanted
        if MOVES.fullmatch(words):
            needed = shown
        elif BLANK.fullmatch(words) and not LINES & (shown.attributes | wanted.attributes):
            needed = shown._replace(background=wanted.background)
        if needed != shown:
            parts.append(_change(shown, needed))
            shown = needed
        parts.append(words)
    if shown != wanted:
        parts.append(_change(shown, wanted))
    return "".join(parts)


def _changed(look: Look, codes: str) -> Look:
    """The look after a code, such as "1;38;2;95;175;255"."""
    left = codes.split(";")
    attributes, foreground, background = look
    while left:
        code = left.pop(0)
        if code in ("38", "48"):
            more = 4 if left[:1] == ["2"] else 2
            color = ";".join([code, *left[:more]])
            del left[:more]
            if code == "38":
                foreground = color
            else:
                background = color
        elif code in ("", "0"):
            attributes, foreground, background = PLAIN
        elif FOREGROUND.fullmatch(code):
            foreground = code
        elif BACKGROUND.fullmatch(code):
            background = code
        else:
            attributes = attributes | {code}
    return Look(attributes, foreground, background)


def _change(shown: Look, wanted: Look) -> str:
    """The shortest code from one look to another."""
    if wanted == PLAIN:
        return "\x1b[0m"
    codes = []
    if not shown.attributes <= wanted.attributes:
        codes, shown = ["0"], PLAIN
    codes += sorted(wanted.attributes - shown.attributes)
    codes += [wanted.foreground] * (wanted.foreground != shown.foreground)
    codes += [wanted.background] * (wanted.background != shown.background)
    return f"\x1b[{';'.join(codes)}m"
