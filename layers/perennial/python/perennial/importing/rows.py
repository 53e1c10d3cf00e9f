"""A file as rows: unpacked, decoded, and cut into fields, each row with the number of the line it begins on.

What a spreadsheet leaves behind is read: byte order marks, UTF-16, Latin-1, semicolons, line breaks within quotes. A
row that is damaged is a row with a fault, and the next one is read.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from perennial.importing.mapping import EVENTS, Mapping

SAMPLE = 64 * 1024
"""Bytes that are looked at to tell an encoding and a delimiter."""
LONGEST_LINE = 1_200_000
"""Characters. No event is longer, nor any row; a line without end would fill the memory."""
BLANK = "a blank line"
_GZIP = b"\x1f\x8b"
_DELIMITERS = ",;\t|"
_NOT_DECODED = re.compile(r"[\ud800-\udfff]")
"""What `surrogateescape` makes of bytes that the encoding does not know."""

Open = Callable[[], BinaryIO]


class NoTable(Exception):
    """The file is none of the mapping's tables: its header lacks their columns. Says which it looked for."""


class Row(NamedTuple):
    line: int
    """The line of the file that it begins on; the header is line 1."""
    fields: Sequence[str]
    fault: str | None = None
    """Why it cannot be read, in words that name nobody."""
    lines: int = 1
    """How many rows of the file it stands for: more than one where a quote was never closed."""


class Sheet(NamedTuple):
    """One file and the table that it is."""

    name: str
    table: str
    header: tuple[str, ...]
    """As `column_name` writes them."""
    rows: Callable[[], Iterator[Row]]
    """Reads it from the start, as often as asked."""


def column_name(written: str) -> str:
    """Header and mapping agree on a column whatever its capitals and blanks are."""
    return " ".join(written.split()).casefold()


def sheet_of(name: str, open_file: Open, mapping: Mapping) -> Sheet:
    """The file as the table whose columns its header has. Raises `NoTable`."""
    is_json = mapping.format == "events"  # which is UTF-8, unless somebody says otherwise
    encoding = _encoding(open_file, "utf-8" if is_json and mapping.encoding == "auto" else mapping.encoding)
    if is_json:
        return Sheet(name, EVENTS, ("event",), lambda: _event_rows(_text(open_file, encoding)))
    delimiter, header = _layout(_text(open_file, encoding), mapping.delimiter)
    for table, meaning in mapping.tables.items():
        if {column_name(column) for column in meaning.has} <= set(header):
            return Sheet(name, table, header, lambda: _csv_rows(_text(open_file, encoding), delimiter, len(header)))
    wanted = "; or ".join(f"{table}: {', '.join(each.has)}" for table, each in mapping.tables.items())
    raise NoTable(f"{name}: the header has not the columns of {wanted}")


def _text(open_file: Open, encoding: str) -> Iterator[str]:
    """The file's lines, with their line ends."""
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    with _unpacked(open_file()) as raw, io.TextIOWrapper(raw, encoding, errors=errors, newline="") as text:
        while line := text.readline(LONGEST_LINE):
            yield line


def _unpacked(raw: BinaryIO) -> BinaryIO:
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[type-var]
    packed = buffered.peek(2)[:2] == _GZIP
    return gzip.open(buffered) if packed else buffered  # type: ignore[return-value]


def _encoding(open_file: Open, declared: str) -> str:
    """The declared one; else by its mark, by the zero bytes of UTF-16, by whether it is UTF-8; else Windows' own."""
    with _unpacked(open_file()) as raw:
        sample = raw.read(SAMPLE)
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if declared != "auto":
        return "utf-8-sig" if declared == "utf-8" else declared
    if sample[1:200:2].count(0) > len(sample[1:200:2]) // 2:
        return "utf-16-le"
    return "utf-8-sig" if _is_utf_8(sample) else "cp1252"


def _is_utf_8(sample: bytes) -> bool:
    whole = sample[: sample.rfind(b"\n")] if len(sample) == SAMPLE and b"\n" in sample else sample
    try:
        whole.decode()
    except UnicodeDecodeError:
        return False
    return True


def _layout(text: Iterator[str], declared: str) -> tuple[str, tuple[str, ...]]:
    """The delimiter and the header. A quoted header may go over several lines."""
    first = next(text, "")
    delimiter = max(_DELIMITERS, key=first.count) if declared == "auto" else declared
    try:
        header = next(csv.reader(_before(first, text), delimiter=delimiter), [])
    except csv.Error:
        header = []
    return delimiter, tuple(map(column_name, header))


def _before(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _csv_rows(text: Iterator[str], delimiter: str, width: int) -> Iterator[Row]:
    """All rows but the header. A row that the reader chokes on, as on a quote never closed, is one with a fault."""
    reader = csv.reader(text, delimiter=delimiter)
    next(reader, None)
    while True:
        begins = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            rows = reader.line_num - begins + 1
            yield Row(begins, (), "a field without end: a quote was opened and never closed", rows)
        else:
            fault = _fault(fields, width)
            yield Row(begins, () if fault else fields, fault)


def _fault(fields: Sequence[str], width: int) -> str | None:
    if len(fields) != width:
        return f"{len(fields)} fields where the header has {width}" if fields else BLANK
    if any(not field.isascii() and _NOT_DECODED.search(field) for field in fields):
        return "bytes that are not of the file's encoding: name the right one in the mapping"
    return None


def _event_rows(text: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(text, start=1):
        stripped = line.strip()
        is_broken = not stripped.isascii() and _NOT_DECODED.search(stripped)
        fault = "bytes that are not UTF-8" if is_broken else None if stripped else BLANK
        yield Row(number, () if fault else (stripped,), fault)


# As parts carry them


def packed_row(row: Row) -> bytes:
    """A line of JSON."""
    text = json.dumps((row.line, list(row.fields), row.fault, row.lines), ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def unpacked_rows(part: bytes) -> Iterator[Row]:
    """Those of a part, in its order."""
    return (Row(*json.loads(line)) for line in part.split(b"\n") if line)
