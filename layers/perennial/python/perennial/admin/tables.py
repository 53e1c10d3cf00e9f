"""Tables for people: CSV after RFC 4180 in which no cell is a formula, whoever chose its words.

A spreadsheet computes a cell that begins with = + - @, or with their full-width twins, also behind blanks and quotes.
And it may part cells where we do not: by the semicolon or the tab of another country, at the end of a line. So an
apostrophe stands wherever a formula could begin in a text; it tells a spreadsheet that text follows. Numbers are
numbers: what is a number here is written as one, below zero too.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO

from perennial.domain.values import iso

MEDIA_TYPE = "text/csv; charset=utf-8"
BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads the letters of most of our customers as something else; `utf-8-sig` reads past it."""
Cell = str | int | float | Decimal | datetime | None
_BEHIND = r"[\s\"'`\u00ad\u034f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]*"
"""Blanks, quotes and what cannot be seen."""
_BEGINS = r"[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
"""A formula: = + - @, minus, and their small and full-width twins."""
_PARTS = r"[,;|\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029]"
"""What some spreadsheet takes for the end of a cell or a line."""
_FORMULA = re.compile(rf"(?:^|(?<={_PARTS}))(?={_BEHIND}{_BEGINS})")
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A whole table: the byte order mark, a line of columns, and the rows."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return BYTE_ORDER_MARK + text.getvalue()


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return harmless(cell)
        case datetime():
            return iso(cell)
        case Decimal():
            return f"{cell:f}"
        case _:
            return str(cell)


def harmless(text: str) -> str:
    """The text with an apostrophe wherever a formula could begin, and without control characters."""
    return _FORMULA.sub("'", _UNSEEN.sub("", text))
