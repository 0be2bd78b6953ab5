import pytest
from small_data import finish

from core.datasets import csv_file
from core.datasets.csv_file import read_csv
from core.errors import DataError


@pytest.fixture
def read(tmp_path):
    """A function that writes text or bytes into a file and reads that as a table."""

    def write_and_read(content):
        path = tmp_path / "t.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return finish(read_csv(path))[0]

    return write_and_read


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_usual_separator_and_line_end_is_understood(read, separator, end):
    rows = [["a", "b c", "d"], ["1", " x ", "3"], ["4", '"y\ny"', "6"]]
    table = read(end.join(separator.join(row) for row in rows))
    assert table.columns == {"a": ["1", "4"], "b c": ["x", "y\ny"], "d": ["3", "6"]}
    assert table.lines == [2, 3]


def test_a_byte_order_mark_and_empty_lines_are_no_cells(read):
    table = read(b"\xef\xbb\xbf\n\na,b\n1,2\n\n,\n3,4\n")
    assert table.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert table.lines == [4, 7]


def test_separators_within_quotes_do_not_count(read):
    assert list(read('"a,b,c,d";e;f\n1;2;3\n').columns) == ["a,b,c,d", "e", "f"]


def test_a_comma_is_a_decimal_point_where_semicolons_separate(read):
    assert read("a;b\n3,5;x\n").number("3,5") == 3.5
    assert read("a,b\n1,2\n").number("3,5") is None


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1", 1.0), ("-2.5e3", -2500.0), (".5", 0.5), ("nan", None), ("inf", None), ("1_000", None),
     ("", None), ("abc", None), ("1e40", None), ("0x1f", None)],
)  # fmt: skip
def test_what_is_a_number(read, cell, number):
    assert read("a,b\n1,2\n").number(cell) == number


def test_columns_without_a_name_are_left_out_and_counted(read):
    table = read(",a,b\n0,1,2\n1,3,4\n")  # as pandas writes its row numbers
    assert list(table.columns) == ["a", "b"]
    assert table.unnamed == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no rows: it is empty"),
        ("\n\n", "no rows"),
        ("a,b\n", "no rows below its header"),
        ("a,b\n1,2\n3\n", "Line 3 of .* has 1 field, and its header 2"),
        ('a,b\n"1\n1",2\n\n3,4,5\n', "Line 5 of .* has 3 fields, and its header 2"),
        ("a,b,a\n1,2,3\n", "more than one column called 'a'"),
        ("1,2\n3,4\n", "names no columns: it begins with 1"),
        ('a,b\n1,"2\n3,4\n', "cannot be read from line 2 on"),
        ("a,b\n1," + "x" * 200_000, "field larger than field limit"),
        (b"a,b\n1,caf\xe9\n", "not UTF-8 text: byte 0xe9 in line 2"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8 text: byte 0xff in line 1"),
        (b"a,b\n1,\x00\n", "zero byte in line 2"),
    ],
)
def test_what_is_no_table_is_one_clear_error(read, content, problem):
    with pytest.raises(DataError, match=problem) as raised:
        read(content)
    assert raised.value.fix


def test_a_huge_file_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr(csv_file, "MOST_BYTES", 5)
    with pytest.raises(DataError, match="kept in memory"):
        read("a,b\n1,2\n")


def test_a_file_that_cannot_be_read_is_explained(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        finish(read_csv(tmp_path / "none.csv"))


def test_reading_takes_a_while_and_says_so(read, tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "NEWS", 0)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    said = finish(read_csv(path))[1]
    assert [(p.doing, p.done, p.unit) for p in said] == [
        ("reading t.csv", 1, "lines"),
        ("reading t.csv", 2, "lines"),
    ]
