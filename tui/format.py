"""Numbers and names for people: 3.1 GiB, 2 m 05 s, 93.4 %, and text that cannot harm a terminal."""

import math
import unicodedata
from functools import cache

from rich.cells import cell_len, set_cell_size

DASH = "–"  # what is not known
# Letters and marks without a width: joiners, fillers of Hangul, Khmer's vowels that show nothing.
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"


def safe_text(text: object, limit: int = 2000) -> str:
    """`text` with everything that a terminal could obey made visible as U+FFFD.

    Control characters (C0, C1, DEL), bidirectional and zero-width marks, and lone surrogates go;
    tabs and line ends become spaces. Markup is not touched: callers print without markup.
    """
    found = str(text)[:limit]
    return found if found.isascii() and found.isprintable() else "".join(_safe(c) for c in found)


def clip(text: object, columns: int) -> str:
    """`text`, safe, in at most so many columns of a terminal, with … where its end is missing."""
    found = safe_text(text)
    return found if cell_len(found) <= columns else f"{set_cell_size(found, columns - 1)}…"


def clip_start(text: object, columns: int) -> str:
    """The same with … where its beginning is missing: the end of a path says more."""
    found = safe_text(text)
    if cell_len(found) <= columns:
        return found
    while cell_len(found) > columns - 1:
        found = found[1:]
    return f"…{found}"


@cache
def told_apart(names: tuple[str, ...], columns: int) -> dict[str, str]:
    """Each of `names` in at most so many columns: its end missing as with `clip`, if they still
    differ then, else its middle, with as long an end as tells most of them apart."""

    def splits_a_number(end: int) -> bool:
        return end > 0 and any(name[-end : 2 - end or None].isdigit() for name in names)

    best: dict[str, str] = {}
    for end in sorted((0, *range(2, columns)), key=splits_a_number):
        found = {name: _without_middle(name, columns, end) for name in names}
        if len(set(found.values())) > len(set(best.values())):
            best = found
        if len(set(best.values())) == len(best):
            break
    return best


def _without_middle(name: str, columns: int, end: int) -> str:
    if not end or cell_len(safe_text(name)) <= columns:
        return clip(name, columns)
    tail = clip_start(name, end)
    return clip(name, columns - cell_len(tail) + 1)[:-1] + tail


def _safe(char: str) -> str:
    if char in "\t\n\r":
        return " "
    # Cc: control, Cf: format (bidi, zero width), Cs: surrogates, Zl/Zp: line separators
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in INVISIBLE
    return "\ufffd" if hidden else char


def count(number: float | None) -> str:
    """61706 -> "61.7 K", 416_520 -> "417 K", 1.82e9 -> "1.82 G", None -> a dash."""
    if number is None:
        return DASH
    for unit in ("", " K", " M", " G", " T"):
        if abs(number) < 999.5 or unit == " T":
            digits = 0 if not unit or abs(number) >= 100 else 1 if abs(number) >= 10 else 2
            return f"{number:.{digits}f}{unit}"
        number /= 1000
    raise AssertionError


def size(number: float | None) -> str:
    """Bytes in powers of 1024: "312 B", "3.1 MiB", "79.6 GiB", None -> a dash."""
    if number is None:
        return DASH
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(number) < 1023.5 or unit == "TiB":
            digits = 0 if unit == "B" or abs(number) >= 100 else 1
            return f"{number:.{digits}f} {unit}"
        number /= 1024
    raise AssertionError


def duration(seconds: float | None) -> str:
    """0.214 -> "214 ms", 4.25 -> "4.2 s", 125 -> "2 m 05 s", 7500 -> "2 h 05 m", days above."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def age(seconds: float | None) -> str:
    """How long ago, roughly: "now", "5 m", "3 h", "24 d", "2 y", None -> a dash."""
    if seconds is None:
        return DASH
    for unit, length in (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"


def clock(seconds: float | None) -> str:
    """A countdown: 11 -> "0:11", 3725 -> "1:02:05", None -> a dash."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{rest // 60}:{rest % 60:02d}"


def score(value: float, columns: int = 6) -> str:
    """An accuracy or R²: 0.93421 -> "0.9342", -0.17051 -> "-0.171", -12345.6 -> "-12346".

    With fewer decimals where four have no room, and an exponent where none has.
    """
    texts = (f"{value:.{digits}f}" for digits in (4, 3, 2, 1, 0))
    return next((text for text in texts if len(text) <= columns), f"{value:.0e}")


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.9342 -> "93.4 %", None -> a dash."""
    return DASH if fraction is None else f"{fraction * 100:.{digits}f} %"


def shape(sizes: tuple[int, ...] | None) -> str:
    """(6, 28, 28) -> "6×28×28", () and None -> a dash."""
    return "×".join(map(str, sizes)) if sizes else DASH
