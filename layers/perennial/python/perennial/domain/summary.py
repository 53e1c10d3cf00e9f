"""What rules and score read of the facts: sums over the orders in the record and those that have left it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from perennial.domain.conditions import FACT_FIELDS, Scalar
from perennial.domain.customer import Facts, Order
from perennial.domain.policy import Moment


class Summary(NamedTuple):
    purchases: int
    moments: dict[Moment, datetime]
    """When it was, for those that ever were."""


def summary_of(facts: Facts) -> Summary:
    placed = [order.placed_at for order in facts.orders.values() if order.placed_at and order.counts]
    totals = facts.totals
    purchases = totals.purchases + len(placed)
    if totals.purchases:
        placed += [at for at in (totals.first_at, totals.last_at) if at]
    moments: dict[Moment, datetime] = {}
    if placed:
        moments["first_order"], moments["last_order"] = min(placed), max(placed)
    if facts.contact_at:
        moments["last_contact"] = facts.contact_at
    if facts.signed_up_at:
        moments["signed_up"] = facts.signed_up_at
    return Summary(purchases, moments)


def value_of(facts: Facts) -> Decimal:
    """What all orders brought, in base currency, net of refunds."""
    return sum((order.value for order in facts.orders.values()), facts.totals.value)


def is_activated(facts: Facts) -> bool:
    return (
        facts.activated_at is not None
        or facts.totals.activated > 0
        or any(order.activated_at for order in facts.orders.values())
        or any(order.activated_at for order in facts.strays.values())
    )


def open_carts(facts: Facts) -> int:
    """Those that became no order; whatever became of the order."""
    return len(facts.carts.keys() - {order.cart for order in facts.orders.values()})


def customer_fields(facts: Facts, summary: Summary, named: frozenset[str]) -> dict[str, Scalar]:
    """The fields of `customer` that conditions name, of those that only events change."""
    return {name: _FIELDS[name](facts, summary) for name in named if name in _FIELDS}


def _is_open(order: Order) -> bool:
    return order.counts and order.delivered_at is None


def _is_returned(order: Order) -> bool:
    return order.returned_at is not None


def _granted(facts: Facts, key: str) -> bool:
    consent = facts.consent.get(key)
    return consent is not None and consent.granted


def _word(facts: Facts, field: str) -> str:
    known = facts.about.get(field)
    return known.value if known else ""


_FIELDS: Mapping[str, Callable[[Facts, Summary], Scalar]] = {
    "orders": lambda facts, summary: summary.purchases,
    "value": lambda facts, summary: float(value_of(facts)),
    "refunds": lambda facts, summary: facts.totals.refunds + sum(each.refund_count for each in facts.orders.values()),
    "returns": lambda facts, summary: facts.totals.returns + sum(map(_is_returned, facts.orders.values())),
    "open_orders": lambda facts, summary: sum(map(_is_open, facts.orders.values())),
    "tickets": lambda facts, summary: facts.totals.tickets + len(facts.tickets),
    "open_tickets": lambda facts, summary: sum(ticket.is_open for ticket in facts.tickets.values()),
    "carts": lambda facts, summary: open_carts(facts),
    "views": lambda facts, summary: facts.counts.get("view", 0),
    "uses": lambda facts, summary: facts.counts.get("use", 0),
    "activated": lambda facts, summary: is_activated(facts),
    "signed_up": lambda facts, summary: facts.signed_up_at is not None,
    "country": lambda facts, summary: _word(facts, "country"),
    "locale": lambda facts, summary: _word(facts, "locale"),
    "consent_email": lambda facts, summary: _granted(facts, "marketing/email"),
    "consent_sms": lambda facts, summary: _granted(facts, "marketing/sms"),
}
assert _FIELDS.keys() == FACT_FIELDS.keys(), "each field a policy may name has one meaning"
