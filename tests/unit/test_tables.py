"""Tables for people: no cell is a formula, numbers are numbers, and a reader of CSV gets back what was written."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.admin.tables import BYTE_ORDER_MARK, harmless, table
from tests.properties.strategies import examples

SIGNS = "=+-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
SPACES = " \t\r\n\u00a0\u2003\u200b\u202e\ufeff\"'`"
PARTS = ",;|\t\r\n\u2028"


def is_formula(cell: str) -> bool:
    """As the most willing spreadsheet would see it: past anything that cannot be seen, past quotes."""
    seen = cell.lstrip(SPACES.replace("'", "") + "\x00\x07\x1b")
    return seen.startswith(tuple(SIGNS))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", ["", *SPACES, ' "', "\x00", "\x1b", "\u200b \t"])
def test_no_cell_begins_with_a_formula_whatever_stands_before_it(sign: str, before: str) -> None:
    hostile = f"{before}{sign}HYPERLINK(1)"

    assert not is_formula(harmless(hostile))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("behind", ["", " ", '"', '" '])
def test_no_formula_begins_where_another_country_s_spreadsheet_parts_a_cell(part: str, behind: str) -> None:
    told = harmless(f"Ana{part}{behind}=cmd|' /C calc'!A0")

    assert not any(is_formula(piece) for piece in told.split(part))


@examples(400)
@given(st.text(st.sampled_from([*SIGNS, *SPACES, *PARTS, "a", "1", "\x00"]), max_size=12))
def test_whatever_the_words_no_piece_of_them_is_a_formula(words: str) -> None:
    pieces = [harmless(words)]
    for part in PARTS:
        pieces = [piece for each in pieces for piece in each.split(part)]

    assert not any(is_formula(piece) for piece in pieces)


@pytest.mark.parametrize(
    "words", ["Ana Ruiz", "O'Brien", "Müller-Lüdenscheidt", "a***@e***.com", "王小明", "3 = 3", ""]
)
def test_plain_words_are_left_as_they_are(words: str) -> None:
    assert harmless(words) == words


def test_numbers_are_numbers_below_zero_too() -> None:
    rows = [[-5, 1.5, Decimal("-12.30"), Decimal("1E+3"), None, datetime(2026, 6, 15, 12, tzinfo=UTC), "-5"]]

    assert table(["a", "b", "c", "d", "e", "f", "g"], rows) == (
        "\ufeffa,b,c,d,e,f,g\r\n-5,1.5,-12.30,1000,,2026-06-15T12:00:00.000Z,'-5\r\n"
    )


@examples(100)
@given(st.lists(st.tuples(st.text(max_size=9), st.integers()), max_size=5))
def test_who_reads_it_as_csv_gets_back_each_cell(rows: list[tuple[str, int]]) -> None:
    read = list(csv.reader(StringIO(table(["word", "number"], rows).removeprefix(BYTE_ORDER_MARK), newline="")))

    assert read == [["word", "number"], *([harmless(word), str(number)] for word, number in rows)]
