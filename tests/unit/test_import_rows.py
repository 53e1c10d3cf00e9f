"""Files as merchants have them: every row is read or named with its fault, whatever wrote the file."""

import gzip
import io
from collections.abc import Callable

import pytest

from perennial.importing.mapping import Mapping, read_mapping
from perennial.importing.rows import BLANK, NoTable, Row, packed_row, sheet_of, unpacked_rows

MAPPING = """
source: a-shop
tables:
  people: {has: [Email, Full Name], customer: {email: Email}}
"""


def a_mapping(text: str = MAPPING) -> Mapping:
    return read_mapping(text)


def rows_of(content: bytes, mapping: Mapping | None = None) -> list[Row]:
    return list(sheet_of("people.csv", opened(content), mapping or a_mapping()).rows())


def opened(content: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(content)


def test_each_row_knows_the_line_that_it_begins_on():
    found = rows_of(b'Email,Full Name\na@b.example,"Ana\nMaria"\nc@d.example,Bo\n')

    assert found == [Row(2, ["a@b.example", "Ana\nMaria"]), Row(4, ["c@d.example", "Bo"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_is_told_from_the_file(encoding: str):
    found = rows_of("Email,Full Name\r\nana@b.example,Åse Müller\r\n".encode(encoding))

    assert [row.fields for row in found] == [["ana@b.example", "Åse Müller"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header(delimiter: str):
    found = rows_of(f"Email{delimiter}Full Name\na@b.example{delimiter}Bo\n".encode())

    assert [row.fields for row in found] == [["a@b.example", "Bo"]]


def test_a_packed_file_is_unpacked():
    assert rows_of(gzip.compress(b"Email,Full Name\na@b.example,Bo\n")) == [Row(2, ["a@b.example", "Bo"])]


def test_columns_are_found_whatever_their_capitals_and_blanks():
    assert rows_of(b" EMAIL ,full  name\na@b.example,Bo\n") == [Row(2, ["a@b.example", "Bo"])]


def test_a_row_with_a_field_too_many_is_a_fault_and_the_next_is_read():
    wrong, right = rows_of(b"Email,Full Name\na@b.example,Bo,more\nc@d.example,Cy\n")

    assert wrong == Row(2, (), "3 fields where the header has 2")
    assert right == Row(3, ["c@d.example", "Cy"])


def test_a_blank_line_is_told_as_one():
    assert rows_of(b"Email,Full Name\n\na@b.example,Bo\n")[0] == Row(2, (), BLANK)


def test_bytes_of_another_encoding_are_a_fault_of_their_row():
    content = b"Email,Full Name\n" + b"a@b.example,Bo\n" * 10_000 + b"c@d.example,\xe5se\n"
    declared = a_mapping(MAPPING + "encoding: utf-8\n")

    last = rows_of(content, declared)[-1]

    assert last.fields == ()
    assert last.fault is not None
    assert last.fault.startswith("bytes that are not of the file's encoding")


def test_a_quote_that_is_never_closed_takes_no_more_than_it_must_and_all_of_it_is_accounted_for():
    after = 20_000
    content = b'Email,Full Name\na@b.example,"Bo\n' + b"c@d.example,Cy\n" * after

    found = rows_of(content)

    assert found[0].fault == "a field without end: a quote was opened and never closed"
    assert found[0].lines > 1
    assert found[-1].fields == ["c@d.example", "Cy"]
    assert sum(row.lines for row in found) == after + 1


def test_a_file_of_another_kind_is_refused_with_the_columns_that_were_looked_for():
    with pytest.raises(NoTable, match=r"people\.csv: .*people: Email, Full Name"):
        rows_of(b"Name,Age\nBo,4\n")


def test_lines_of_events_are_read_as_they_are():
    events = a_mapping("source: a-shop\nformat: events\n")

    found = rows_of(b'{"a":1}\n\n{"b":"\xff"}\n{"c":3}', events)

    assert found == [
        Row(1, ('{"a":1}',)),
        Row(2, (), BLANK),
        Row(3, (), "bytes that are not UTF-8"),
        Row(4, ('{"c":3}',)),
    ]


def test_a_part_carries_rows_as_they_were():
    rows = [Row(2, ["Åse", 'a "b"\n', "\x1f"]), Row(5, (), BLANK), Row(6, (), "damaged", 7)]

    found = list(unpacked_rows(b"".join(map(packed_row, rows))))

    assert [(row.line, list(row.fields), row.fault, row.lines) for row in found] == [
        (row.line, list(row.fields), row.fault, row.lines) for row in rows
    ]
