"""Mapping files: what a person writes is understood, or refused with the place that is wrong."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from perennial.aws import documents
from perennial.importing.mapping import MOST_CHARACTERS, BadMapping, Mapping, read_mapping
from perennial.importing.values import Unreadable, Values, country

SHIPPED = sorted((documents.root() / "import").glob("*.yaml"))
ORDERS = """
source: a-shop
zone: Europe/Berlin
tables:
  orders:
    has: [No, On]
    customer: {id: Who}
    order: {id: No, placed_at: On}
"""


def values(**said: Any) -> Values:
    return Values(Mapping.model_validate({"source": "a-shop", "format": "events", **said}))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_each_mapping_that_ships_can_be_read(file):
    assert read_mapping(file.read_text(encoding="utf-8")).tables


def test_a_column_may_be_written_alone_or_with_others_that_stand_in_for_it():
    table = read_mapping(ORDERS.replace("id: Who", "id: [Who, Buyer]")).tables["orders"]

    assert table.order is not None
    assert table.order.id.column == ("No",)
    assert table.customer is not None
    assert table.customer.id is not None
    assert table.customer.id.column == ("Who", "Buyer")


def test_words_that_yaml_once_took_for_others_are_text():
    text = ORDERS + "    consent: {email: {says: Agreed, granted: [yes, on], denied: [no, off]}}\n"

    consent = read_mapping(text).tables["orders"].consent["email"]

    assert (consent.granted, consent.denied) == (("yes", "on"), ("no", "off"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (ORDERS.replace("source: a-shop", "source: A shop!"), "source"),
        (ORDERS.replace("Berlin", "Nowhere"), "zone"),
        (ORDERS.replace("placed_at: On", "placed: On"), r"tables\.orders\.order\.placed_at: Field required"),
        (ORDERS.replace("    customer: {id: Who}\n", ""), "say where the customer stands"),
        (ORDERS + "    leave_out: [{column: No, reason: because}]\n", "say when"),
        (ORDERS + "    joins: [{table: people, on: No, take: {a: b}}]\n", "there is no table people"),
        ("source: a-shop\n", "a CSV mapping has tables"),
        ("source: [", "line"),
        ("- a\n- list\n", "mapping"),
        ("#" * (MOST_CHARACTERS + 1), "at most"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(wrong: str, told: str):
    with pytest.raises(BadMapping, match=told):
        read_mapping(wrong)


def test_a_time_without_a_zone_is_the_shops():
    assert values(zone="Europe/Berlin").time("2024-07-01 12:00", "On") == datetime(2024, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2024-07-01 12:00:00 +0200", "2024-07-01T10:00:00Z", "2024-07-01 10:00:00 UTC"])
def test_a_time_that_names_its_zone_is_taken_at_its_word(text: str):
    assert values(zone="Asia/Tokyo").time(text, "On") == datetime(2024, 7, 1, 10, tzinfo=UTC)


def test_dates_are_tried_in_the_order_of_the_mapping():
    both = values(dates=["%d/%m/%Y", "%m/%d/%Y"])

    assert both.time("03/04/2024", "On").date() == date(2024, 4, 3)
    assert both.time("12/31/2024", "On").date() == date(2024, 12, 31)


def test_a_day_is_the_one_that_is_written_in_whatever_zone():
    assert values(zone="Pacific/Auckland").day("1990-05-17", "Born") == date(1990, 5, 17)


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("12.50", ".", "12.50"),
        ("1,234.50", ".", "1234.50"),
        ("1.234,50", ",", "1234.50"),
        ("12,5", ",", "12.5"),
        ("€ 1 234,50", ",", "1234.50"),
        ("-3", ".", "-3"),
        ("1'234.50", ".", "1234.50"),
    ],
)
def test_amounts_are_read_as_the_mapping_writes_them(text: str, decimal: str, number: str):
    assert values(decimal=decimal).number(text, "Total") == Decimal(number)


@pytest.mark.parametrize(("text", "decimal"), [("12,50", "."), ("12.50", ","), ("", "."), ("1.2.3", "."), ("-", ".")])
def test_an_amount_that_could_be_another_is_refused(text: str, decimal: str):
    with pytest.raises(Unreadable, match="column Total: no number"):
        values(decimal=decimal).number(text, "Total")


def test_a_reason_names_the_column_and_not_what_stands_there():
    with pytest.raises(Unreadable) as refused:
        values().time("mia@example.com", "On")

    assert "On" in str(refused.value)
    assert "mia" not in str(refused.value)


@pytest.mark.parametrize(("text", "code"), [("gb", "GB"), ("United Kingdom", "GB"), ("Atlantis", None), ("EU", None)])
def test_countries_are_known_by_code_and_name(text: str, code: str | None):
    assert country(text) == code
