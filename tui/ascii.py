"""Text for terminals that have ASCII alone: every character by one that looks like it.

Each keeps its width, so that tables, borders and curves stay where they are. `enable` makes it the
way in which the standard streams write what their encoding does not have.
"""

import codecs
import io
import os
import sys
from typing import Annotated
from unicodedata import normalize

import typer
from rich.cells import cell_len

ERRORS = "nnlab-ascii"  # the name of the error handler
UPPER, LOWER = 0b0001_1011, 0b1110_0100  # the dots of a braille character, U+2800 and more

ALIKE = dict(
    zip(
        "▁▂▃▄▅▆▇█░▒▓▀■●•◆◉○◌★✔✘▲▼▸▶►◂◀↑↓→←·×–—…‖“”‘’°±²µ≈≤≥Δ┈╴╶╸╺━═▔╍┅",
        '_.-=+*%#.:%"#o*o*oo*vx^v>>><<^v><.x--~|""\'\'o~2u~<>D-------=---',
        strict=False,
    )
)


class _Table(dict[int, str]):
    """For str.translate; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = chr(code) if code < 128 else _alike(chr(code))
        return found


def _alike(character: str) -> str:
    code = ord(character)
    if character in ALIKE:
        return ALIKE[character]
    if 0x2800 < code <= 0x28FF:
        dots = code - 0x2800
        return ":" if dots & UPPER and dots & LOWER else "'" if dots & UPPER else "."
    if 0x2500 <= code <= 0x257F:
        return "-" if character in "─┄╌" else "|" if character in "│┃┆┇┊┋╎╏║╵╷╹╻" else "+"
    if 0x2580 <= code <= 0x259F:  # parts of blocks, at the sides
        return "|"
    width = cell_len(character)
    plain = "".join(c for c in normalize("NFKD", character) if " " <= c <= "~")
    return plain if plain and len(plain) == width else "?" * width


_TABLE = _Table()
# An empty braille character is a blank.
_TABLE[0x2800] = " "


def to_ascii(text: str) -> str:
    """`text` with every character that ASCII lacks replaced."""
    return text.translate(_TABLE)


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return to_ascii(error.object[error.start : error.end]), error.end


codecs.register_error(ERRORS, _replace)


def enable(*, everywhere: bool = False) -> None:
    """Write what a stream's encoding lacks by what looks like it; `everywhere` all but ASCII.

    So it is on the Linux console, whose font lacks most of it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            console = os.environ.get("TERM") == "linux" and stream.isatty()
            encoding = "ascii" if everywhere or console else None
            stream.reconfigure(encoding=encoding, errors=ERRORS)


def encoding_of_screen() -> str:
    """What the terminal understands to which the standard error goes: that of an app."""
    return getattr(sys.__stderr__, "encoding", None) or "utf-8"


def encoded(text: str) -> bytes:
    """`text` as the terminal understands it, to which the standard error goes."""
    return text.encode(encoding_of_screen(), ERRORS)


def _ascii(wanted: bool) -> bool:
    if wanted:
        enable(everywhere=True)
    return wanted


Ascii = Annotated[
    bool,
    typer.Option(
        "--ascii",
        help="Draw with ASCII alone; so it is where the terminal has no more.",
        envvar="NNLAB_ASCII",
        callback=_ascii,
        is_eager=True,
        rich_help_panel="The screen",
    ),
]
