"""The ordinary customer: one life, told as a shop, a carrier and a help desk tell it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import Event, parse_event
from perennial.domain.policy import Policy

STORE = "demo"
BIRTH = datetime(2026, 3, 2, 10, tzinfo=UTC)
LIFE = timedelta(days=60)
"""How long the events of one life last."""
THE_LIFE = (
    "sign-up, 5 product views, a cart, an order placed, paid and updated, its fulfilment, 3 states of its parcel, "
    "delivery, a ticket with a reply and its end, a survey"
)


def life(number: int, born: datetime = BIRTH) -> Iterator[Event]:
    """The events of `THE_LIFE`, in order; personal data in them as the vendors repeat it."""
    who = {"ids": {"shopify": f"69400955{number:06d}"}, "email": f"mia.{number}@example.com"}
    known = {**who, "first_name": "Mia", "name": "Mia Sánchez", "phone": f"+346{number:08d}", "country": "ES"}
    person = {**known, "locale": "es-ES", "time_zone": "Europe/Madrid", "address": "Calle Mayor 1, 28013 Madrid"}
    for count, (days, kind, data) in enumerate(_story(str(number))):
        customer = {} if "shipment" in data and kind == "shipment.updated" else {"customer": _said(kind, person, who)}
        yield _event(f"{number}-{count}", kind, born + timedelta(days=days), {**customer, **data})


def chapters(count: int) -> list[Event]:
    """So many lives as one customer's: an order every 25 days, in the order of time."""
    events = (event for number in range(count) for event in life(number, BIRTH + number * timedelta(days=25)))
    return sorted(events, key=lambda event: event.time)


def a_typical_customer(policy: Policy) -> tuple[Customer, Event]:
    """Two orders, a ticket, a survey, views, and what waits for its time; and the event that comes next."""
    customer = Customer(id="c0123456789abcdef01234567", store=STORE)
    events = [event for event in chapters(2) if _is_ordinary(event)]
    delivered = max((event for event in events if event.type == "order.delivered"), key=lambda event: event.time)
    for event in events[: events.index(delivered)]:
        customer = decide(customer, event, policy, event.time).customer
    return customer, delivered


def _is_ordinary(event: Event) -> bool:
    """Not everybody writes a ticket with each order: here the first has one."""
    return event.id.startswith("0-") or not event.type.startswith(("ticket.", "survey."))


def _story(number: str) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """Days since birth, event type, data."""
    price = {"amount": "89.90", "currency": "EUR"}
    items = [{"product": f"p-{n}", "quantity": 1, "name": "Fitness mirror", "price": "44.95"} for n in range(2)]
    order = {"id": f"55{number}", "name": f"#{number}", "total": price, "country": "ES", "cart": f"cart-{number}"}
    full = {"order": {**order, "items": items, "promised_at": (BIRTH + timedelta(days=12)).isoformat()}}
    parcel = {"tracking": f"1Z{number}", "carrier": "ups", "order": order["id"]}
    ticket = {"id": f"t-{number}", "channel": "email", "order": order["id"]}
    cart = {"id": f"cart-{number}", "total": price, "url": f"https://shop.example.com/cart/{number}", "items": items}
    yield 0.0, "customer.signed_up", {}
    for view in range(3):
        yield 0.01 + view / 100, "product.viewed", {"product": f"p-{view}"}
    yield 0.1, "cart.abandoned", {"cart": cart}
    yield 0.2, "order.placed", full
    yield 0.21, "order.paid", full
    yield 0.3, "order.placed", full
    yield 1.0, "order.shipped", {**full, "shipment": {"tracking": parcel["tracking"], "carrier": "ups"}}
    for day, state in ((2.0, "in_transit"), (5.0, "customs_cleared"), (7.0, "out_for_delivery")):
        yield day, "shipment.updated", {"shipment": {**parcel, "state": state}}
    yield 7.3, "order.delivered", {"order": {"id": order["id"], "name": order["name"]}}
    yield 9.0, "ticket.opened", {"ticket": {**ticket, "subject": "How do I mount it?", "text": "The screws differ."}}
    yield 9.2, "ticket.replied", {"ticket": {**ticket, "by": "agent", "text": "Please use the longer pair."}}
    yield 10.0, "ticket.resolved", {"ticket": {**ticket, "by": "agent"}}
    yield 12.0, "survey.answered", {"survey": "csat", "score": 5, "ticket": ticket["id"], "text": "Quick and kind."}
    for view in range(2):
        yield 30.0 + 20 * view, "product.viewed", {"product": f"p-{view}"}


def _said(kind: str, person: dict[str, Any], who: dict[str, Any]) -> dict[str, Any]:
    """A shop repeats all it knows with each order; a web page knows its visitor's id, a help desk an address."""
    if kind.startswith("product."):
        return {"ids": who["ids"]}
    return {"email": person["email"], "name": person["name"]} if kind.startswith(("ticket.", "survey.")) else person


def _event(ref: str, kind: str, time: datetime, data: dict[str, Any]) -> Event:
    said = {"id": ref, "source": "open/bench", "store": STORE, "type": kind, "time": time.isoformat(), "data": data}
    return parse_event(json.dumps(said))
