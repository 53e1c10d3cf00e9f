"""Rows into events: what they say, what is left out, and what is refused for which reason, which names nobody."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest

from perennial.aws import documents
from perennial.domain.events import ConsentChanged, Event, OrderCancelled, OrderPlaced, OrderRefunded, ReviewPosted
from perennial.importing.account import Verdict
from perennial.importing.mapping import Mapping, read_mapping
from perennial.importing.rows import Row, column_name
from perennial.importing.telling import NOBODY, REPEATED, UNDATED, Reciter, Setting, Teller, Told
from tests.builders import an_event, folded

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SETTING = Setting("demo", NOW, b"secret")
LINES = """
source: a-shop
currency: EUR
tables:
  lines:
    has: [No]
    leave_out:
      - {column: No, starts: [C], reason: a credit note}
      - {column: Pieces, at_most: 0, reason: nothing bought}
    customer: {email: Mail, name: Name, country: Land}
    order:
      id: No
      placed_at: On
      status: State
      cancelled: [cancelled]
      refunded: Back
      lines: {quantity: Pieces, price: Each, repeated: leave out}
"""
HEADER = ("No", "Mail", "Name", "Land", "On", "Pieces", "Each", "Sku", "State", "Back")
A_LINE = {
    "No": "A-1", "Mail": "mia@example.com", "Name": "Mia Lund", "Land": "Denmark", "On": "2026-03-01 10:00",
    "Pieces": "2", "Each": "4.50", "Sku": "cup", "State": "", "Back": "",
}  # fmt: skip


def a_teller(text: str = LINES, header: Sequence[str] = HEADER, table: str = "lines") -> Teller:
    mapping = read_mapping(text)
    return Teller(mapping, mapping.tables[table], [column_name(name) for name in header], SETTING)


def rows(*lines: dict[str, str]) -> list[Row]:
    return [Row(line, [{**A_LINE, **said}[name] for name in HEADER]) for line, said in enumerate(lines, start=2)]


def told(*lines: dict[str, str], teller: Teller | None = None) -> Told:
    return (teller or a_teller()).tell(rows(*lines))


def kinds(events: Iterable[Event]) -> list[str]:
    return [event.type for event in events]


def reason(*lines: dict[str, str]) -> tuple[str, str]:
    """Outcome and reason of the first."""
    verdict = told(*lines).verdicts[0]
    return verdict.outcome, verdict.reason


# Orders


def test_the_lines_of_an_order_are_one_order_that_is_marked_as_history():
    [placed] = told({}, {"Sku": "pan", "Pieces": "1", "Each": "20"}).events

    assert isinstance(placed, OrderPlaced)
    assert (placed.id, placed.source, placed.store, placed.history) == ("A-1:placed", "a-shop", "demo", True)
    assert placed.data.order.total is not None
    assert (placed.data.order.total.amount, placed.data.order.total.currency) == (Decimal("29.00"), "EUR")
    assert (placed.data.customer.country, placed.data.order.country) == ("DK", "DK")


def test_the_same_row_is_the_same_event_whenever_it_is_imported():
    later = Teller(
        read_mapping(LINES),
        read_mapping(LINES).tables["lines"],
        [column_name(name) for name in HEADER],
        SETTING._replace(now=NOW.replace(year=2027)),
    )

    assert [event.to_json() for event in told({}).events] == [event.to_json() for event in later.tell(rows({})).events]


def test_a_value_stands_in_whichever_row_of_the_order_has_it():
    [placed] = told({"Mail": "", "Name": ""}, {"Sku": "pan"}).events

    assert placed.data.customer.email == "mia@example.com"


def test_what_a_row_tells_of_a_person_is_cleaned_as_at_the_door():
    teller = a_teller(LINES.replace("email: Mail,", "email: Mail, phone: Sku,"))

    [placed] = told({"Mail": " Mia@EXAMPLE.com", "Sku": "+52 1 55 5555 0134", "Name": "N/A"}, teller=teller).events

    person = placed.data.customer
    assert (person.email, person.phone, person.name) == ("mia@example.com", "+525555550134", None)
    assert {"phone.normalised", "name.dropped"} <= set(person.cleaned)


@pytest.mark.parametrize(("each", "total"), [("0.001", "0.00"), ("0.0049", "0.01"), ("4.5", "9.00")])
def test_a_total_made_of_lines_has_no_more_digits_than_its_currency(each: str, total: str):
    [placed] = told({"Each": each}).events

    assert isinstance(placed, OrderPlaced)
    assert placed.data.order.total is not None
    assert placed.data.order.total.amount == Decimal(total)


def test_every_row_gets_its_verdict():
    verdicts = told({}, {}, {"Sku": "pan", "Pieces": "-1"}, {"Sku": "pot"}).verdicts

    assert sorted(verdicts) == [
        Verdict(2, "accepted"),
        Verdict(3, "skipped", REPEATED),
        Verdict(4, "skipped", "nothing bought"),
        Verdict(5, "accepted"),
    ]


def test_lines_that_are_alike_count_twice_where_the_mapping_keeps_them():
    teller = a_teller(LINES.replace(", repeated: leave out", ""))

    [placed] = told({}, {}, teller=teller).events

    assert isinstance(placed, OrderPlaced)
    assert placed.data.order.total is not None
    assert placed.data.order.total.amount == Decimal("18.00")


def test_an_order_that_was_cancelled_at_an_unknown_time_was_so_after_all_that_is_known():
    placed, cancelled = told({"State": "Cancelled"}).events

    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.time == placed.time


def test_what_was_given_back_is_a_refund_and_nothing_is_none():
    assert kinds(told({"Back": "0.00"}).events) == ["order.placed"]
    refund = told({"Back": "4.50"}).events[-1]
    assert isinstance(refund, OrderRefunded)
    assert refund.data.refund.total.amount == Decimal("4.50")


def test_an_order_of_a_table_with_one_row_each_stands_there_once():
    teller = a_teller("".join(line for line in LINES.splitlines(keepends=True) if "lines: {" not in line))

    again = told({}, {}, {"On": "2026-03-02"}, teller=teller)

    assert kinds(again.events) == ["order.placed"]
    assert [(each.line, each.outcome) for each in again.verdicts] == [(3, "skipped"), (4, "refused"), (2, "accepted")]
    assert again.verdicts[1].reason.startswith("stands on line 2 already")


# What is not taken


@pytest.mark.parametrize(
    ("said", "outcome", "told_of"),
    [
        ({"No": "C1"}, "skipped", "a credit note"),
        ({"Pieces": "0"}, "skipped", "nothing bought"),
        ({"Pieces": "two"}, "refused", "column Pieces: no number"),
        ({"Mail": ""}, "skipped", NOBODY),
        ({"Mail": "n/a"}, "skipped", NOBODY),
        ({"No": ""}, "refused", "column No: nothing stands there"),
        ({"On": ""}, "refused", "column On: nothing stands there"),
        ({"On": "last week"}, "refused", "column On: no time"),
        ({"On": "2026-07-01"}, "refused", "its time lies in the future"),
        ({"On": "1925-03-01"}, "refused", "time"),
        ({"Each": "-1"}, "refused", "amount"),
        ({"Each": "2000000000"}, "refused", "order.total: more than 1,000,000,000 EUR"),
        ({"Back": "3.999"}, "refused", "refund.total: EUR has 2 decimals"),
        ({"Mail": "mia@", "Name": "Mia"}, "skipped", NOBODY),
        ({"Each": ""}, "refused", "column Each of line 2: no number"),
        ({"Name": "M" * 600}, "refused", "name: "),
    ],
)
def test_what_cannot_be_taken_is_told_for_a_reason(said: dict[str, str], outcome: str, told_of: str):
    found, why = reason(said)

    assert found == outcome
    assert told_of in why


@pytest.mark.parametrize("column", ["On", "Pieces", "Each", "Mail", "Name"])
def test_no_reason_repeats_what_stands_in_the_row(column: str):
    secret = "Wanda-Secret" * 60

    assert "Wanda" not in str(told({column: secret}).verdicts)


def test_a_line_that_cannot_be_read_takes_its_whole_order_with_it():
    """Without it the order would be worth too little, and nobody would know."""
    both = told({}, {"Each": "?"})

    assert both.events == []
    assert [verdict.line for verdict in both.verdicts] == [2, 3]
    assert {verdict.reason for verdict in both.verdicts} == {
        "column Each of line 3: no number with '.' before its decimals"
    }


def test_so_does_a_line_of_which_nobody_can_tell_whether_to_leave_it_out():
    both = told({}, {"Pieces": "two"})

    assert both.events == []
    assert {verdict.line: verdict.reason for verdict in both.verdicts} == {
        2: "line 3 of its order cannot be read",
        3: "column Pieces: no number with '.' before its decimals",
    }


def test_damaged_rows_are_refused_and_count_for_all_that_they_swallowed():
    assert a_teller().tell([Row(7, (), "damaged", 30)]).verdicts == [Verdict(7, "refused", "damaged", 30)]


# Customers, consent, reviews

PEOPLE = """
source: a-shop
tables:
  people:
    has: [Mail]
    customer: {email: Mail, first_name: First, last_name: Last, birthday: Born}
    consent: {email: {says: Agrees, granted: [yes], denied: [no], at: Since}}
"""


def people(*fields: str, extra: str = "") -> list[Event]:
    header = ("Mail", "First", "Last", "Born", "Agrees", "Since", "Joined")
    return a_teller(PEOPLE + extra, header, "people").tell([Row(2, fields)]).events


def test_what_has_no_date_is_older_than_all_that_we_were_told_ourselves():
    known, consent = people("mia@example.com", "Mia", "Lund", "1990-05-17", "YES", "", "")

    assert (known.type, known.time, known.data.customer.name) == ("customer.updated", UNDATED, "Mia Lund")
    assert isinstance(consent, ConsentChanged)
    assert (consent.time, consent.data.granted, consent.data.channel) == (UNDATED, True, "email")


def test_a_consent_with_a_date_is_of_that_date_and_an_unknown_word_says_nothing():
    *_, denied = people("mia@example.com", "", "", "", "no", "2025-01-01", "")

    assert isinstance(denied, ConsentChanged)
    assert (denied.time.year, denied.data.granted) == (2025, False)
    assert kinds(people("mia@example.com", "", "", "", "perhaps", "", "")) == ["customer.updated"]


def test_who_joined_on_a_date_signed_up_then():
    [signed_up] = people("mia@example.com", "", "", "", "", "", "2024-02-03", extra="    signed_up_at: Joined\n")

    assert (signed_up.type, signed_up.time) == ("customer.signed_up", datetime(2024, 2, 3, tzinfo=UTC))


def test_the_id_of_what_is_told_of_a_person_tells_nobody_who_they_are():
    """A hash that everybody can make of an address is that address to whoever has a list of them."""
    ids = {
        event.id
        for secret in (b"one", b"other")
        for event in Teller(
            read_mapping(PEOPLE),
            read_mapping(PEOPLE).tables["people"],
            ("mail",),
            SETTING._replace(secret=secret),
        )
        .tell([Row(2, ("mia@example.com",))])
        .events
    }

    assert len(ids) == 2


def test_a_review_keeps_its_words_and_its_order():
    text = """
source: a-shop
tables:
  reviews:
    has: [Id]
    customer: {id: Who}
    review: {id: {all: [Order, Id]}, at: On, rating: Stars, order: Order, title: Title, text: Text}
"""
    header = ("Id", "Who", "Order", "On", "Stars", "Title", "Text")

    [review] = (
        a_teller(text, header, "reviews")
        .tell([Row(2, ("r1", "mia", "A-1", "2026-03-09", "4", "Fine", "I like it"))])
        .events
    )

    assert isinstance(review, ReviewPosted)
    assert (review.id, review.data.id, review.data.rating) == ("review:A-1:r1", "A-1:r1", 4.0)
    assert (review.data.order, review.data.text) == ("A-1", "Fine\nI like it")


# Exports that are ready-made


def shipped(name: str, table: str, *lines: dict[str, str]) -> Told:
    mapping: Mapping = read_mapping((documents.root() / "import" / f"{name}.yaml").read_text())
    header = tuple(dict.fromkeys(key for line in lines for key in line))
    numbers = count(2)
    found = [Row(next(numbers), [line.get(key, "") for key in header]) for line in lines]
    names = [column_name(key) for key in header]
    return Teller(mapping, mapping.tables[table], names, SETTING).tell(found)


def test_shopifys_orders_hold_their_id_and_customer_in_the_first_row_only():
    first = {
        "Name": "#1001", "Email": "mia@example.com", "Financial Status": "partially_refunded",
        "Paid at": "2026-03-01 10:00:05 +0100", "Fulfilled at": "2026-03-02 09:00:00 +0100", "Currency": "EUR",
        "Total": "34.50", "Created at": "2026-03-01 10:00:00 +0100", "Lineitem quantity": "2", "Lineitem name": "Cup",
        "Lineitem price": "7.25", "Lineitem sku": "", "Shipping Country": "DK", "Refunded Amount": "7.25",
        "Id": "6018239873312", "Billing Name": "Mia Lund",
    }  # fmt: skip
    second = {"Name": "#1001", "Email": "mia@example.com", "Lineitem quantity": "1", "Lineitem name": "Pan",
              "Lineitem price": "20.00"}  # fmt: skip

    found = shipped("shopify-orders", "orders", first, second)

    assert kinds(found.events) == ["order.placed", "order.paid", "order.shipped", "order.refunded"]
    [placed, *_, refunded] = found.events
    assert isinstance(placed, OrderPlaced)
    assert isinstance(refunded, OrderRefunded)
    assert refunded.data.refund.in_all
    order = placed.data.order
    assert (order.id, order.name, order.country) == ("6018239873312", "#1001", "DK")
    assert order.total is not None
    assert order.total.amount == Decimal("34.50")
    assert placed.time == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert [verdict.outcome for verdict in found.verdicts] == ["accepted", "accepted"]


def test_a_refund_of_an_export_and_the_same_by_webhook_are_the_same_money():
    row = {"Name": "#1001", "Email": "mia@example.com", "Financial Status": "partially_refunded", "Currency": "EUR",
           "Total": "34.50", "Created at": "2026-03-01 10:00:00 +0100", "Refunded Amount": "7.25", "Id": "60182",
           "Lineitem quantity": "1", "Lineitem name": "Pan", "Lineitem price": "34.50"}  # fmt: skip
    money = {"amount": "7.25", "currency": "EUR"}
    by_webhook = an_event("order.refunded", order={"id": "60182"}, refund={"id": "9001", "total": money})
    imported = shipped("shopify-orders", "orders", row).events

    alone, before, after = (
        folded(events).orders["60182"] for events in (imported, [by_webhook, *imported], [*imported, by_webhook])
    )

    assert before == after
    assert (after.refund_count, after.value) == (alone.refund_count, alone.value)
    assert alone.refunded > 0


def test_shopifys_customers_are_known_by_the_id_that_its_webhooks_use():
    found = shipped(
        "shopify-customers",
        "customers",
        {
            "Customer ID": "'207119551", "First Name": "Mia", "Last Name": "Lund", "Email": "mia@example.com",
            "Accepts Email Marketing": "yes", "Accepts SMS Marketing": "no", "Default Address Country Code": "DK",
        },
    )  # fmt: skip

    assert found.events[0].data.customer.ids == {"shopify": "207119551"}
    assert [(each.data.channel, each.data.granted) for each in found.events if isinstance(each, ConsentChanged)] == [
        ("email", True),
        ("sms", False),
    ]


def test_woocommerces_orders_of_guests_are_found_by_their_email():
    row = {
        "order_id": "512", "order_number": "512", "date": "2026-03-01 10:00:00", "status": "failed",
        "order_total": "20.00", "refunded_total": "0", "order_currency": "EUR", "customer_id": "0",
        "billing_email": "mia@example.com", "billing_first_name": "Mia", "billing_country": "DK",
    }  # fmt: skip

    placed, cancelled = shipped("woocommerce-orders", "orders", row).events

    assert (placed.data.customer.ids, placed.data.customer.email) == ({}, "mia@example.com")
    assert cancelled.type == "order.cancelled"


def test_woocommerces_orders_may_have_a_row_for_each_item():
    order = {
        "order_id": "512", "date": "2026-03-01 10:00:00", "status": "completed", "order_total": "27.25",
        "order_currency": "EUR", "customer_id": "9", "billing_email": "mia@example.com",
    }  # fmt: skip
    cup = {**order, "item_name": "Cup", "item_product_id": "71", "item_quantity": "1"}
    pan = {**order, "item_name": "Pan", "item_product_id": "72", "item_quantity": "1"}

    [placed] = shipped("woocommerce-orders", "orders", cup, pan).events

    assert isinstance(placed, OrderPlaced)
    assert placed.data.order.total is not None
    assert placed.data.order.total.amount == Decimal("27.25")
    assert placed.data.customer.ids == {"woocommerce": "9"}


def test_woocommerces_customers_signed_up_when_the_shop_says():
    row = {"Name": "Mia Lund", "Email": "mia@example.com", "Sign up": "2024-02-03 10:00:00", "Country / Region": "DK"}

    [signed_up] = shipped("woocommerce-customers", "customers", row).events

    assert (signed_up.type, signed_up.data.customer.country) == ("customer.signed_up", "DK")


# Canonical events

VIEWED = (
    '{"id": "v-1", "source": "site", "type": "product.viewed", "time": "2026-03-01T10:00:00Z", '
    '"data": {"customer": {"id": "mia"}}}'
)


def test_a_line_of_events_says_what_it_would_say_at_the_door_and_that_it_is_history():
    [event] = Reciter(SETTING).tell([Row(1, (VIEWED,))]).events

    assert (event.type, event.source, event.history) == ("product.viewed", "open/site", True)


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        VIEWED.replace("product.viewed", "message.sent"),
        VIEWED.replace("2026-03-01", "2026-09-01"),
        VIEWED.replace('"id": "mia"', '"name": {"Wanda": 1}'),
    ],
)
def test_a_line_that_the_door_would_not_take_is_refused_for_a_reason_that_names_nobody(line: str):
    [verdict] = Reciter(SETTING).tell([Row(1, (line,))]).verdicts

    assert verdict.outcome == "refused"
    assert verdict.reason
    assert "Wanda" not in verdict.reason
