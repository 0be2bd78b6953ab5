"""A CSV file as columns of text, whole or not at all.

What spreadsheets and programs write is understood: UTF-8 with or without a byte order mark, fields
separated by commas, semicolons, tabs or bars, quotes as in RFC 4180.
"""

import csv
import io
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from core.errors import DataError
from core.events import Progress

SEPARATORS = ",;\t|"
MOST_BYTES = 256 * 2**20  # a table is kept in memory, where a cell takes ten times its text
NEWS = 0.2  # seconds between two reports
MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "?"})


@dataclass(frozen=True)
class CsvTable:
    """The cells of a file, without space around them."""

    path: Path
    columns: dict[str, list[str]]  # by name, in their order
    lines: list[int]  # of the file, from 1: where each row begins
    separator: str
    unnamed: int = 0  # columns without a name, left out

    def __len__(self) -> int:
        return len(self.lines)

    def number(self, cell: str) -> float | None:
        """The number in `cell`; None if there is none, or one that nothing can be learned from.

        Where semicolons separate the fields, a comma is a decimal point.
        """
        if self.separator == ";":
            cell = cell.replace(",", ".")
        try:
            value = float(cell)
        except ValueError:
            return None
        # "nan", "inf" and Python's own "1_000" are no numbers of a table.
        return value if abs(value) < 1e30 and "_" not in cell else None


def read_csv(path: Path) -> Generator[Progress, None, CsvTable]:
    """All rows of the file at `path`. Empty lines are skipped.

    Raises DataError for whatever is not a table with a header.
    """
    text = _read_text(path)
    separator = _separator(text)
    # The module's own limit, 128 KiB, is there for lines that no quote ends.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    total = text.count("\n") + 1
    names: list[str] = []
    columns: list[list[str]] = []
    lines: list[int] = []
    begins, told = 1, perf_counter()
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                if not names:
                    names = _check_header(path, [cell.strip() for cell in row])
                    columns = [[] for _ in names]
                else:
                    if len(row) != len(names):
                        raise DataError(
                            f"Line {begins} of {path} has {len(row)} field{'s' * (len(row) != 1)}, "
                            f"and its header {len(names)}.",
                            "Give every row a field for each column, and put quotes around text "
                            f"with {_spoken(separator)} in it.",
                        )
                    for column, cell in zip(columns, row, strict=True):
                        column.append(cell.strip())
                    lines.append(begins)
            begins = reader.line_num + 1
            if perf_counter() - told > NEWS:
                yield Progress(f"reading {path.name}", reader.line_num, total, "lines")
                told = perf_counter()
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read from line {begins} on: {error}.",
            "Look for a quote that is not closed.",
        ) from None
    if not lines:
        raise DataError(
            f"{path} has no rows{' below its header' if names else ': it is empty'}.",
            "A table has a line with the names of its columns, then a line for each row.",
        )
    named = {name: cells for name, cells in zip(names, columns, strict=True) if name}
    return CsvTable(path, named, lines, separator, len(names) - len(named))


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"{path} has {size / 2**20:,.0f} MiB; a table is kept in memory and may have "
                f"{MOST_BYTES // 2**20} MiB.",
                "Take a part of its rows: head -n 1000000 keeps the first million.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise DataError(
            f"{path} is not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}.",
            f"Convert it: iconv -f {'UTF-16' if wide else 'WINDOWS-1252'} -t UTF-8 "
            f"{path.name} > utf8-{path.name}",
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(
            f"{path} is no text: there is a zero byte in line {line}.",
            "Save the table as CSV in UTF-8.",
        )
    return text


def _separator(text: str) -> str:
    """What separates the names in the first line that has any: whatever occurs there most often.

    csv.Sniffer guesses from the letters of the whole text, and takes some of them for separators.
    """
    header = text.lstrip().partition("\n")[0]
    unquoted = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=unquoted.count)


def _check_header(path: Path, names: list[str]) -> list[str]:
    """The names, "" for columns that have none. Raises DataError."""
    if all(_is_number(name) for name in names):
        raise DataError(
            f"The first line of {path} names no columns: it begins with {names[0][:20]}.",
            "Put a line with the names of the columns above it.",
        )
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise DataError(
            f"{path} has more than one column called {', '.join(map(repr, twice[:5]))}.",
            "Rename them in the first line.",
        )
    return names


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _spoken(separator: str) -> str:
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[separator]
