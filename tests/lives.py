"""Strategies for hypothesis: any life of a customer, as a list of events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from perennial.domain.customer import RECENT_CARTS, RECENT_ORDERS, RECENT_TICKETS
from perennial.domain.events import Event
from tests.builders import DAY, HOUR, NOON, a_ticket_event, an_event, an_order_event, parcel, placed, shipped

instants = st.integers(0, 400 * 24).map(lambda hours: NOON + hours * HOUR)
ORDERS, TICKETS = RECENT_ORDERS + 4, RECENT_TICKETS + 3


def bought(number: int) -> datetime:
    """Vendors agree on when an order was placed."""
    return NOON + number * 9 * DAY


@st.composite
def order_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Event:
    number, at = draw(st.integers(1, ORDERS)), draw(instants)
    order, said = f"o-{number}", draw(st.sampled_from(("", "said"))) and {"placed_at": bought(number)}
    amount = draw(st.sampled_from(("10", "10.0", "12.50", "0")))
    money = {"total": {"amount": amount, "currency": draw(st.sampled_from(("USD", "EUR", "XXX")))}} if said else {}
    kind = draw(
        st.sampled_from(("placed", "placed", "paid", "delivered", "cancelled", "returned", "refunded", "shipped"))
    )
    match kind:
        case "placed":
            return an_order_event(kind, at, order=order, placed_at=bought(number), name=f"#{at.hour % 2}", **money)
        case "shipped":
            return shipped(at, order=order, tracking=f"T-{number}")
        case _:
            return an_order_event(kind, at, order=order, cart=f"k-{number}", **money)


@st.composite
def parcel_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Event:
    number, state = draw(st.integers(1, ORDERS)), draw(st.sampled_from(("in_transit", "customs_hold", "delivered")))
    named = {"order": f"o-{number}"}
    return parcel(state, draw(instants), tracking=f"T-{number}", **named)


@st.composite
def ticket_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Event:
    kind = draw(st.sampled_from(("opened", "replied", "resolved", "reopened")))
    facts = {"by": draw(st.sampled_from(("customer", "agent"))), "sentiment": draw(st.none() | st.floats(-1, 1))}
    facts |= {"channel": draw(st.sampled_from(("chat", "email"))), "intent": draw(st.sampled_from(("return", "how")))}
    if opened := draw(st.none() | instants):
        facts["opened_at"] = opened
    return a_ticket_event(kind, draw(instants), ticket=f"t-{draw(st.integers(1, TICKETS))}", **facts)


@st.composite
def other_events(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Event:
    at, channel = draw(instants), draw(st.sampled_from(("email", "sms")))
    person = {"locale": draw(st.sampled_from(("en", "es"))), "country": draw(st.sampled_from(("ES", "US")))}
    message = {"action": "a-1", "channel": channel, "purpose": draw(st.sampled_from(("service", "marketing")))}
    kinds: dict[str, dict[str, Any]] = {
        "cart.abandoned": {"cart": {"id": f"k-{draw(st.integers(1, RECENT_CARTS + 3))}"}},
        "survey.answered": {"survey": "csat", "score": draw(st.integers(1, 5))},
        "review.posted": {"id": "v", "rating": draw(st.integers(1, 5)), "sentiment": draw(st.floats(-1, 1))},
        "product.viewed": {},
        "product.used": {},
        "product.activated": {"order": draw(st.sampled_from((None, "o-1", f"o-{ORDERS}")))},
        "customer.signed_up": {"customer": {"id": "mia", "birthday": "1990-02-28", **person}},
        "customer.updated": {"customer": {"id": "mia", "phone": "+34 612345678", **person}},
        "customer.deleted": {},
        "consent.changed": {"channel": channel, "granted": draw(st.booleans())},
        "message.sent": message,
        "message.bounced": message,
        "message.complained": message,
        "message.opened": message,
        "recommendation.clicked": {"recommendation": "r-1"},
    }
    kind = draw(st.sampled_from(sorted(kinds)))
    return an_event(kind, at, **kinds[kind])


A_LONG_LIFE = [
    *(placed(bought(number), order=f"o-{number}") for number in range(1, ORDERS + 1)),
    *(a_ticket_event("opened", ticket=f"t-{number}") for number in range(1, TICKETS + 1)),
]
a_life = st.lists(st.one_of(order_events(), parcel_events(), ticket_events(), other_events()), min_size=5, max_size=30)
