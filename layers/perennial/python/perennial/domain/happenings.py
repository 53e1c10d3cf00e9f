"""What an event brought about, as plays see it: an order that is now known, a parcel that reached a state.

Vendors tell the same thing several times and in any order, so plays do not begin with events but with what became
true: the difference between the facts before and after. What leaves no fact of its own begins with its event.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from perennial.domain import events as e
from perennial.domain.conditions import Scalar
from perennial.domain.consent import ConsentRules, needs_confirmation
from perennial.domain.customer import NO_PARCEL, Facts, Order, Ticket
from perennial.domain.fold import Folded
from perennial.domain.settled import Recalled
from perennial.domain.summary import Summary
from perennial.domain.values import iso

SUBJECT = ("order", "order_name", "cart", "ticket", "tracking", "carrier", "state", "product", "consent", "said_at")
"""What a message may be about; kept on the wait and handed to the template."""

ORDER_STATES = (
    ("order.paid", "paid_at"),
    ("order.shipped", "shipped_at"),
    ("order.delivered", "delivered_at"),
    ("order.cancelled", "cancelled_at"),
    ("order.returned", "returned_at"),
    ("product.activated", "activated_at"),
)
"""Event type -> the field of an order that tells when it happened."""
_DAY = 86_400


class Happening(NamedTuple):
    type: str
    about: str
    """Which one: the order, the parcel and its state, the ticket; or the event itself."""
    at: datetime
    fields: Mapping[str, Scalar]


def happenings(
    before: Facts,
    folded: Folded,
    recalled: tuple[Recalled, ...],
    event: e.Event,
    summary: Summary,
    wanted: Container[str],
    rules: ConsentRules,
) -> Iterator[Happening]:
    """Everything that became true with this event, each once in a customer's life.

    Of events that leave no fact, only the `wanted` types. rules: which consent is to be confirmed.
    """
    after = folded.facts
    if after.orders is not before.orders or after.strays is not before.strays:
        yield from _of_orders(before, folded, recalled, event, summary)
    if after.tickets is not before.tickets:
        yield from _of_tickets(before, folded, recalled, event)
    yield from _of_customer(before, after, event, wanted, rules)


def _of_orders(
    before: Facts, folded: Folded, recalled: tuple[Recalled, ...], event: e.Event, summary: Summary
) -> Iterator[Happening]:
    orders = {**before.orders, **{each.id: each for each in recalled if isinstance(each, Order)}}
    heard_of = (*orders.values(), *before.strays.values())
    left = (each for each in folded.settled if isinstance(each, Order))
    for order in (*folded.facts.orders.values(), *left):
        if (was := orders.get(order.id)) is not order:
            fields = _order_fields(order, summary)
            yield from _of_order(was, order, fields, event)
            if was is None or was.parcels is not order.parcels:
                yield from _of_parcels(heard_of, order, fields, event)
    for key, stray in folded.facts.strays.items():
        if before.strays.get(key) is not stray:
            yield from _of_parcels(heard_of, stray, {} if key.startswith("~") else {"order": key}, event)


def _of_tickets(before: Facts, folded: Folded, recalled: tuple[Recalled, ...], event: e.Event) -> Iterator[Happening]:
    tickets = {**before.tickets, **{each.id: each for each in recalled if isinstance(each, Ticket)}}
    left = (each for each in folded.settled if isinstance(each, Ticket))
    for ticket in (*folded.facts.tickets.values(), *left):
        if (had := tickets.get(ticket.id)) is not ticket:
            yield from _of_ticket(had, ticket, event)


def _of_order(was: Order | None, order: Order, fields: Mapping[str, Scalar], event: e.Event) -> Iterator[Happening]:
    if was is None and order.placed_at:
        yield Happening("order.placed", order.id, order.placed_at, fields)
    for kind, state in ORDER_STATES:
        at = getattr(order, state)
        if at and (was is None or getattr(was, state) is None):
            yield Happening(kind, order.id, at, fields)
    for refund in _new_refunds(was, order):
        yield Happening("order.refunded", f"{order.id}/{refund}", event.time, fields)


def _new_refunds(was: Order | None, order: Order) -> Iterable[str]:
    """By id. Money that was told as a sum and is told one by one too went back once."""
    told_in_all = was.given_back if was else None
    if order.given_back is not None and told_in_all is None and not order.refunds:
        return ("all",)
    is_known = told_in_all is not None and sum(order.refunds.values()) <= told_in_all
    return () if is_known else sorted(order.refunds.keys() - (was.refunds.keys() if was else set()))


def _of_parcels(
    heard_of: Iterable[Order], order: Order, fields: Mapping[str, Scalar], event: e.Event
) -> Iterator[Happening]:
    """States that no order was known to have for that parcel: what was heard before its order was, is told once too."""
    carrier = event.data.shipment.carrier if isinstance(event.data, e.ShipmentData | e.ShippedData) else None
    for tracking, parcel in order.parcels.items():
        told_before = {state for each in heard_of for state in each.parcels.get(tracking, NO_PARCEL).states}
        for state, at in parcel.states.items():
            if state not in told_before:
                told = {"tracking": tracking, "state": state.value, **({"carrier": carrier} if carrier else {})}
                yield Happening("shipment.updated", f"{order.id}/{state.value}", at, {**fields, **told})


def _order_fields(order: Order, summary: Summary) -> dict[str, Scalar]:
    fields: dict[str, Scalar] = {"order": order.id}
    if order.name:
        fields["order_name"] = order.name
    if order.terms:
        fields["total"] = float(order.terms.total.amount if order.terms.base is None else order.terms.base)
        fields["currency"] = order.terms.total.currency
        if order.terms.country:
            fields["country"] = order.terms.country
    if order.counts and order.placed_at == summary.moments.get("first_order"):
        fields["first"] = True
    if order.promised_at and order.delivered_at:
        fields["days_late"] = (order.delivered_at - order.promised_at).total_seconds() / _DAY
    return fields


def _of_ticket(had: Ticket | None, ticket: Ticket, event: e.Event) -> Iterator[Happening]:
    fields: dict[str, Scalar] = {"ticket": ticket.id}
    fields |= {name: value for name in ("channel", "intent") if (value := getattr(ticket, name))}
    if had is None:
        yield Happening("ticket.opened", ticket.id, ticket.started_at, fields)
    if ticket.resolved_at and not ticket.is_open and (had is None or had.resolved_at != ticket.resolved_at):
        by = {"by": ticket.resolved_by} if ticket.resolved_by else {}
        yield Happening("ticket.resolved", ticket.id, ticket.resolved_at, {**fields, **by})
    if ticket.reopened_at and ticket.is_open and (had is None or had.reopened_at != ticket.reopened_at):
        yield Happening("ticket.reopened", f"{ticket.id}/{_mark(event)}", ticket.reopened_at, fields)


def _of_customer(
    before: Facts, after: Facts, event: e.Event, wanted: Container[str], rules: ConsentRules
) -> Iterator[Happening]:
    if after.signed_up_at and before.signed_up_at is None:
        yield Happening("customer.signed_up", "sign-up", after.signed_up_at, {})
    if after.activated_at and before.activated_at is None:
        yield Happening("product.activated", "activation", after.activated_at, {})
    for cart in after.carts.values():
        had = before.carts.get(cart.id)
        if had is None or had.touched_at != cart.touched_at:
            fields: dict[str, Scalar] = {"cart": cart.id}
            if cart.base is not None:
                fields["total"] = float(cart.base)
            yield Happening("cart.abandoned", cart.id, cart.touched_at, fields)
    if event.type in wanted and event.type in _ONLY_EVENTS:
        fields = _consent_fields(event, after, rules) if isinstance(event, e.ConsentChanged) else _plain_fields(event)
        yield Happening(event.type, _mark(event), event.time, fields)


_ONLY_EVENTS = frozenset(
    {
        "ticket.replied", "survey.answered", "review.posted", "product.viewed", "product.used", "customer.updated",
        "customer.deleted", "consent.changed", "message.sent", "message.delivered", "message.opened",
        "message.clicked", "message.bounced", "message.complained", "message.replied", "message.failed",
        "recommendation.clicked", "points.earned", "points.spent", "points.adjusted", "points.expired", "agent.acted",
    }
)  # fmt: skip


def _plain_fields(event: e.Event) -> dict[str, Scalar]:
    data = event.data
    if isinstance(data, e.TicketData):
        return {"ticket": data.ticket.id, **({"intent": data.ticket.intent} if data.ticket.intent else {})}
    names = ("survey", "score", "rating", "purpose", "channel", "keyword", "product", "order", "ticket", "points")
    found = {name: getattr(data, name, None) for name in names}
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float | str)}


def _consent_fields(event: e.ConsentChanged, after: Facts, rules: ConsentRules) -> dict[str, Scalar]:
    said = event.data
    return {
        "granted": said.granted,
        "channel": said.channel,
        "purpose": said.purpose,
        "unconfirmed": said.granted and needs_confirmation(after, said.purpose, said.channel, rules),
        "consent": f"{said.purpose}/{said.channel}",
        "said_at": iso(event.time),
    }


def _mark(event: e.Event) -> str:
    """The event's own identity, short."""
    return hashlib.blake2b(f"{event.source}\x1f{event.id}".encode(), digest_size=9).hexdigest()
