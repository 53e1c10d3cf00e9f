"""Joined tables: columns of one beside the rows of another, and no row of either that is not accounted for."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.joining import Joined
from perennial.importing.mapping import read_mapping
from perennial.importing.rows import Sheet, sheet_of

MAPPING = read_mapping("""
source: a-shop
tables:
  orders:
    has: [Order, Buyer]
    joins:
      - {table: people, on: Number, by: Buyer, take: {Mail: Email, House: Household}}
      - {table: payments, on: Order, sum: {Paid: [Value, Fee]}}
      - {table: houses, on: House, take: {Town: Town}}
    customer: {email: Mail}
  people: {has: [Number, Email], only_joined: true}
  payments: {has: [Order, Value], only_joined: true}
  houses: {has: [House, Town], only_joined: true}
""")
FILES = {
    "orders.csv": "Order,Buyer\no1,p1\no2,p9\n\no3\n",
    "people.csv": "Number,Email,Household\np1,mia@example.com,h1\np2,bo@example.com,h1\n",
    "payments.csv": "Order,Value,Fee\no1,2.50,0.50\no1,3,\no2,much,1\nonly one\n",
    "houses.csv": "House,Town\nh1,Oslo\nh2,Bergen\n",
}


def opened(text: str) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(text.encode())


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    sheets = [sheet_of(name, opened(text), MAPPING) for name, text in FILES.items()]
    return Joined(MAPPING, sheets, tmp_path / "scratch.db")


def orders(joined: Joined) -> Sheet:
    [sheet] = joined.sheets()
    return sheet


def test_a_row_has_the_columns_that_were_joined_also_by_a_column_that_was_joined_before(joined: Joined) -> None:
    sheet = orders(joined)

    first, *_ = sheet.rows()

    assert dict(zip(sheet.header, first.fields, strict=True)) == {
        "order": "o1", "buyer": "p1", "mail": "mia@example.com", "house": "h1", "paid": "6.00", "town": "Oslo",
    }  # fmt: skip


def test_what_is_not_found_is_blank_and_a_sum_that_cannot_be_read_is_no_number(joined: Joined) -> None:
    _, second, *_ = orders(joined).rows()

    assert list(second.fields) == ["o2", "p9", "", "", "?", ""]


def test_damaged_rows_pass_as_they_are(joined: Joined) -> None:
    *_, blank, short = orders(joined).rows()

    assert (blank.fault, short.fault) == ("a blank line", "1 fields where the header has 2")


def test_rows_that_are_only_joined_are_accounted_for_by_whether_somebody_asked_for_them(joined: Joined) -> None:
    sheet = orders(joined)
    for _ in range(2):
        list(sheet.rows())  # as the cutting does: once to look, once to cut

    found = [(file, verdict.line, verdict.outcome) for file, verdict in joined.verdicts()]

    assert found == [
        ("people.csv", 2, "accepted"),
        ("people.csv", 3, "skipped"),
        ("payments.csv", 2, "accepted"),
        ("payments.csv", 3, "accepted"),
        ("payments.csv", 4, "accepted"),
        ("payments.csv", 5, "refused"),
        ("houses.csv", 2, "accepted"),
        ("houses.csv", 3, "skipped"),
    ]
