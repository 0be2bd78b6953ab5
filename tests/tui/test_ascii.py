import io
import sys

import pytest
from rich.cells import cell_len

from tui.ascii import enable, encoded, encoding_of_screen, to_ascii


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("╭─ loss ━━ ─╮", "+- loss -- -+"),
        ("⠁⠤⣿⠀", "'.: "),
        ("cpu ▁▄█ 54 °C", "cpu _=# 54 oC"),
        ("résumé", "resume"),
        ("猫 is two wide", "?? is two wide"),
        ("lenet · 6×28", "lenet . 6x28"),
    ],
)
def test_characters_are_replaced_by_what_looks_like_them(text, alike):
    assert to_ascii(text) == alike


def test_every_character_of_the_plane_keeps_its_width():
    odd = [
        hex(code)
        for code in range(0x80, 0x10000)
        if not 0xD800 <= code < 0xE000 and cell_len(to_ascii(chr(code))) != cell_len(chr(code))
    ]
    assert odd == []


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def test_a_stream_writes_what_its_encoding_has_and_the_rest_in_ascii(monkeypatch):
    latin, utf8 = stream("latin-1"), stream("utf-8")
    monkeypatch.setattr(sys, "stdout", latin)
    monkeypatch.setattr(sys, "stderr", utf8)
    enable()
    for out in (latin, utf8):
        out.write("é ●")
    assert latin.buffer.getvalue() == "é o".encode("latin-1")
    assert utf8.buffer.getvalue() == "é ●".encode()
    enable(everywhere=True)
    utf8.write("é ●")
    assert utf8.buffer.getvalue().endswith(b"e o")


def test_the_dashboard_writes_as_the_terminal_reads(monkeypatch):
    monkeypatch.setattr(sys, "__stderr__", stream("ascii"))
    assert encoded("╭─╮") == b"+-+"
    monkeypatch.setattr(sys, "__stderr__", stream("utf-8"))
    assert encoded("╭─╮\ud800") == "╭─╮?".encode()
    assert encoding_of_screen() == "utf-8"
    monkeypatch.setattr(sys, "__stderr__", None)
    assert encoding_of_screen() == "utf-8"
