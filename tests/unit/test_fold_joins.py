"""Promise 4, fact by fact: where two events tell one fact differently, the same word holds in whatever order they come.

Every order of the few events of each line is tried. tests/mutations takes each of these joins out and looks here.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from perennial.domain.customer import RECENT_ORDERS, RECENT_TICKETS, Facts, Order, Send
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.summary import customer_fields, summary_of
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    a_cart,
    a_play,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    folded,
    parcel,
    placed,
    shipped,
    with_plays,
    written,
)

EARLY, LATE = NOON - HOUR, NOON + DAY
Line = tuple[str, tuple[Event, ...], Any]
"""The fact, two or three events about it, and what it comes to."""


def in_all_orders(*events: Event, policy: Policy | None = None) -> Facts:
    """The facts, which are the same to the byte for all orders of these events."""
    facts = folded(events, policy)
    for order in permutations(events):
        assert written(folded(order, policy)) == written(facts)
    return facts


def named(lines: list[Line]) -> dict[str, Any]:
    return {"argvalues": lines, "ids": [f"{fact}-{number}" for number, (fact, _, _) in enumerate(lines)]}


# Orders


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def refunded(amount: str, at: Any = NOON) -> Event:
    return an_event("order.refunded", at, order={"id": "o-1"}, refund={"id": "r-1", "total": usd(amount)})


def activated(at: Any, **facts: Any) -> Event:
    return an_event("product.activated", at, **facts)


OF_AN_ORDER: list[Line] = [
    ("heard_at", (placed(NOON), an_order_event("paid", EARLY)), EARLY),
    ("heard_at", (placed(NOON), parcel("in_transit", EARLY, order="o-1")), EARLY),
    ("heard_at", (placed(NOON), parcel("in_transit", LATE, order="o-1")), NOON),
    ("heard_at", (placed(NOON), activated(LATE, order="o-1")), NOON),
    ("heard_at", (placed(NOON), activated(EARLY, order="o-1")), EARLY),
    ("placed_at", (placed(NOON), placed(LATE)), NOON),
    ("paid_at", (placed(), an_order_event("paid", LATE), an_order_event("paid", NOON)), NOON),
    ("shipped_at", (placed(), shipped(LATE), shipped(NOON)), NOON),
    ("delivered_at", (placed(), an_order_event("delivered", LATE), an_order_event("delivered", NOON)), NOON),
    ("cancelled_at", (placed(), an_order_event("cancelled", LATE), an_order_event("cancelled", NOON)), NOON),
    ("returned_at", (placed(), an_order_event("returned", LATE), an_order_event("returned", NOON)), NOON),
    ("activated_at", (placed(), activated(LATE, order="o-1"), activated(NOON, order="o-1")), NOON),
    ("name", (placed(name="#2"), an_order_event("paid", name="#1")), "#1"),
    ("cart", (placed(cart="k-2"), an_order_event("paid", cart="k-1")), "k-1"),
    ("promised_at", (placed(promised_at=LATE), an_order_event("paid", promised_at=NOON)), NOON),
]


@pytest.mark.parametrize(("fact", "events", "word"), **named(OF_AN_ORDER))
def test_of_two_words_on_an_order_the_same_one_always_holds(fact: str, events: tuple[Event, ...], word: Any) -> None:
    facts = in_all_orders(*events)

    assert getattr(facts.orders["o-1"], fact) == word


def total(order: Order) -> Decimal:
    assert order.terms is not None
    return order.terms.total.amount


@pytest.mark.parametrize(
    ("said_later", "amount"), [(NOON + MINUTE, "38"), (NOON, "40")], ids=["at two instants", "at one instant"]
)
def test_the_price_told_last_holds_and_of_two_told_at_once_the_same_one(said_later: Any, amount: str) -> None:
    facts = in_all_orders(
        placed(NOON), an_order_event("paid", said_later, total=usd("38")), an_order_event("delivered", LATE)
    )

    assert total(facts.orders["o-1"]) == Decimal(amount)


def test_of_two_amounts_of_one_refund_the_larger_holds() -> None:
    facts = in_all_orders(placed(), refunded("5"), refunded("7", LATE))

    assert facts.orders["o-1"].refunds == {"r-1": Decimal(7)}
    assert facts.orders["o-1"].value == Decimal(33)


def refunded_in_all(amount: str, at: Any = NOON) -> Event:
    """By a source that tells no refund from another."""
    sum_of_all = {"id": "all", "total": usd(amount), "in_all": True}
    return an_event("order.refunded", at, order={"id": "o-1"}, refund=sum_of_all)


@pytest.mark.parametrize(
    ("refunds", "went_back", "number"),
    [
        ([refunded("5"), refunded_in_all("5")], 5, 1),
        ([refunded("5"), refunded_in_all("12")], 12, 1),
        ([refunded("5"), refunded_in_all("3")], 5, 1),
        ([refunded_in_all("3"), refunded_in_all("12", LATE)], 12, 1),
        ([refunded_in_all("12"), refunded_in_all("3", LATE)], 12, 1),
        ([refunded_in_all("0")], 0, 1),
        ([refunded("5")], 5, 1),
        ([], 0, 0),
    ],
)
def test_what_was_told_one_by_one_and_what_was_told_as_a_sum_is_the_same_money(
    refunds: list[Event], went_back: int, number: int
) -> None:
    facts = in_all_orders(placed(), *refunds)

    order = facts.orders["o-1"]
    assert (order.refunded, order.refund_count, order.value) == (went_back, number, Decimal(40) - went_back)
    assert customer_fields(facts, summary_of(facts), frozenset({"refunds"})) == {"refunds": number}


def test_no_stray_is_left_of_an_order_that_is_known() -> None:
    facts = in_all_orders(an_order_event("paid"), parcel("in_transit"), shipped(), placed())

    assert facts.strays == {}


# Parcels


OF_A_PARCEL: list[Line] = [
    ("promised_at", (placed(), parcel("in_transit", promised_at=LATE), parcel("in_transit", promised_at=NOON)), NOON),
    ("promised_at", (placed(), parcel("in_transit", promised_at=NOON, order="o-1")), NOON),
    ("heard_at", (placed(), parcel("in_transit", EARLY)), EARLY),
    ("heard_at", (placed(), parcel("in_transit", LATE)), NOON),
    ("delivered_at", (placed(), parcel("delivered", LATE)), LATE),
    ("delivered_at", (placed(), parcel("delivered", LATE), parcel("delivered", NOON)), NOON),
    ("delivered_at", (placed(), parcel("delivered", LATE), an_order_event("delivered", NOON)), NOON),
]


@pytest.mark.parametrize(("fact", "events", "word"), **named(OF_A_PARCEL))
def test_what_a_carrier_tells_holds_whether_the_shop_named_the_parcel_before_or_after(
    fact: str, events: tuple[Event, ...], word: Any
) -> None:
    facts = in_all_orders(shipped(), *events)

    assert facts.strays == {}
    assert getattr(facts.orders["o-1"], fact) == word


def test_a_parcel_reached_each_state_when_it_first_did() -> None:
    facts = in_all_orders(placed(), shipped(), parcel("in_transit", LATE), parcel("in_transit", NOON + HOUR))

    assert facts.orders["o-1"].parcels["T-1"].states == {"in_transit": NOON + HOUR}


def test_a_shipment_forgets_nothing_of_where_its_parcel_has_been() -> None:
    facts = in_all_orders(placed(), parcel("in_transit", order="o-1"), shipped(LATE))

    assert facts.orders["o-1"].parcels["T-1"].state == "in_transit"


# Tickets


def replied(at: Any, by: str = "agent", **facts: Any) -> Event:
    return a_ticket_event("replied", at, by=by, **facts)


OF_A_TICKET: list[Line] = [
    ("heard_at", (a_ticket_event("opened", NOON), a_ticket_event("resolved", EARLY)), EARLY),
    ("touched_at", (a_ticket_event("opened", NOON), a_ticket_event("resolved", LATE)), LATE),
    ("opened_at", (replied(NOON, opened_at=NOON), replied(LATE, opened_at=EARLY)), EARLY),
    ("opened_at", (a_ticket_event("opened", LATE), a_ticket_event("opened", NOON)), NOON),
    ("opened_at", (a_ticket_event("opened", LATE), replied(LATE, opened_at=NOON)), NOON),
    ("channel", (replied(NOON, channel="email"), replied(LATE, channel="chat")), "chat"),
    ("intent", (replied(NOON, intent="return"), replied(LATE, intent="how-to")), "how-to"),
    ("answered_at", (replied(LATE), replied(NOON), replied(EARLY, by="customer")), NOON),
    ("resolved_at", (a_ticket_event("resolved", LATE), a_ticket_event("resolved", NOON)), LATE),
    ("reopened_at", (a_ticket_event("reopened", LATE), a_ticket_event("reopened", NOON)), LATE),
    ("is_open", (a_ticket_event("resolved", LATE), a_ticket_event("reopened", NOON)), False),
    ("is_open", (a_ticket_event("resolved", NOON), a_ticket_event("reopened", LATE)), True),
]


@pytest.mark.parametrize(("fact", "events", "word"), **named(OF_A_TICKET))
def test_of_two_words_on_a_ticket_the_same_one_always_holds(fact: str, events: tuple[Event, ...], word: Any) -> None:
    facts = in_all_orders(*events)

    assert getattr(facts.tickets["t-1"], fact) == word


# The customer


def says(at: Any = NOON, **person: Any) -> Event:
    return an_event("customer.updated", at, customer={"id": "mia", **person})


def about(fact: str) -> Callable[[Facts], str]:
    return lambda facts: facts.about[fact].value


def sent(at: Any, channel: str = "email") -> Event:
    return an_event("message.sent", at, action="a", channel=channel, purpose="marketing")


OF_THE_CUSTOMER: Mapping[str, tuple[Callable[[Facts], Any], tuple[Event, ...], Any]] = {
    "signed up first": (
        lambda facts: facts.signed_up_at,
        (an_event("customer.signed_up", LATE), an_event("customer.signed_up", NOON)),
        NOON,
    ),
    "deleted first": (
        lambda facts: facts.deleted_at,
        (an_event("customer.deleted", LATE), an_event("customer.deleted", NOON)),
        NOON,
    ),
    "activated first": (lambda facts: facts.activated_at, (activated(LATE), activated(NOON)), NOON),
    "in contact last": (
        lambda facts: facts.contact_at,
        (an_event("product.viewed", LATE), an_event("product.used", NOON)),
        LATE,
    ),
    "the last word": (about("locale"), (says(LATE, locale="es"), says(NOON, locale="zh")), "es"),
    "of two words at once the same": (about("locale"), (says(locale="es"), says(locale="zh")), "zh"),
    "the last consent": (
        lambda facts: facts.consent["marketing/email"].granted,
        (consent(False, LATE), consent(True, NOON)),
        False,
    ),
    "of two consents at once the refusal": (
        lambda facts: facts.consent["marketing/email"].granted,
        (consent(False), consent(True)),
        False,
    ),
    "reachable by all that was ever told": (
        lambda facts: facts.reach,
        (says(phone="+34612345678"), says(LATE, email="mia@example.com"), says(LATE, locale="es")),
        {"email", "sms"},
    ),
    "a cart as it was touched last": (
        lambda facts: facts.carts["k-1"].touched_at,
        (a_cart(LATE), a_cart(NOON)),
        LATE,
    ),
    "sends in the order of time": (
        lambda facts: facts.sends,
        (sent(NOON + MINUTE), sent(NOON, "sms")),
        (Send("sms", "marketing", NOON), Send("email", "marketing", NOON + MINUTE)),
    ),
}


@pytest.mark.parametrize(("fact", "events", "word"), OF_THE_CUSTOMER.values(), ids=OF_THE_CUSTOMER.keys())
def test_of_two_words_on_a_customer_the_same_one_always_holds(
    fact: Callable[[Facts], Any], events: tuple[Event, ...], word: Any
) -> None:
    facts = in_all_orders(*events)

    assert fact(facts) == word


def test_what_a_play_watches_for_happened_when_it_last_did() -> None:
    policy = with_plays(a_play(on="order.delivered", after="3d", unless="review.posted"))

    facts = in_all_orders(
        an_event("review.posted", LATE, id="v-1", rating=3), an_event("review.posted", NOON, id="v-2", rating=3),
        policy=policy,
    )  # fmt: skip

    assert facts.latest == {"review.posted": LATE}


# What leaves the record


def history(number: int) -> list[Event]:
    return [placed(NOON + day * DAY, order=f"o-{day:02d}") for day in range(number)]


@pytest.mark.parametrize("late", range(RECENT_ORDERS + 1))
def test_whichever_order_is_told_last_those_placed_last_stay(late: int) -> None:
    orders = history(RECENT_ORDERS + 1)

    facts = folded([*orders[:late], *orders[late + 1 :], orders[late]])

    assert written(facts) == written(folded(orders))
    assert "o-00" not in facts.orders
    assert summary_of(facts).moments == {"first_order": NOON, "last_order": NOON + RECENT_ORDERS * DAY}


def test_which_orders_stay_is_told_by_their_placing_and_not_by_when_they_were_heard_of() -> None:
    orders = history(RECENT_ORDERS + 1)

    facts = folded([an_order_event("paid", NOON - 99 * DAY, order=f"o-{RECENT_ORDERS:02d}"), *orders])

    assert "o-00" not in facts.orders


def test_an_order_that_comes_back_into_the_record_is_counted_once() -> None:
    orders = history(RECENT_ORDERS + 2)

    facts = folded([*orders, an_order_event("returned", order="o-00"), an_order_event("paid", order="o-00")])

    assert (facts.totals.orders, facts.totals.purchases, facts.totals.returns) == (2, 2, 1)


def test_what_was_settled_first_and_last_is_remembered_by_time() -> None:
    older = [placed(NOON - day * DAY, order=f"old-{day}") for day in (3, 1, 9)]

    totals = folded([*history(RECENT_ORDERS), *older]).totals

    assert (totals.first_at, totals.last_at) == (NOON - 9 * DAY, NOON - DAY)


@pytest.mark.parametrize("late", range(RECENT_TICKETS + 1))
def test_whichever_ticket_is_told_last_those_touched_last_stay(late: int) -> None:
    tickets = [a_ticket_event("opened", NOON + day * DAY, ticket=f"t-{day}") for day in range(RECENT_TICKETS + 1)]

    facts = folded(
        [
            *tickets[:late],
            *tickets[late + 1 :],
            tickets[late],
            a_ticket_event("resolved", NOON + 99 * DAY, ticket="t-0"),
        ]
    )

    assert "t-1" not in facts.tickets
    assert facts.tickets["t-0"].opened_at == NOON
    assert facts.totals.tickets == 1
