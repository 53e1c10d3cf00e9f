"""Orders and tickets that have left the record, and how an event finds them again.

Each is an item of its own, and so is whose each parcel of such an order is: of a parcel its carrier may know the number
and nothing else (docs/decisions/0020-parcels.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from perennial.domain import events as e
from perennial.domain.customer import Facts, Order, Ticket
from perennial.domain.values import Model


class Carried(Model):
    """Whose a parcel is, of an order that has left the record."""

    id: str
    """Its tracking number."""
    order: str
    """The id of the order that it belongs to."""


Recalled = Order | Ticket
Settled = Recalled | Carried
Ref = tuple[Literal["order", "ticket", "parcel"], str]
"""Names one settled order or ticket by its id, or the order that carries a parcel by the parcel's number."""
Look = Callable[[Sequence[Ref]], Iterable[Settled]]
"""Gives those of these that exist, in any order."""


def ref_of(settled: Settled) -> Ref:
    match settled:
        case Order():
            return "order", settled.id
        case Ticket():
            return "ticket", settled.id
        case Carried():
            return "parcel", settled.id


def has_left(facts: Facts, settled: Settled) -> bool:
    """Is it of something that is not in the record? What came back leaves its item where it was."""
    match settled:
        case Order():
            return settled.id not in facts.orders
        case Ticket():
            return settled.id not in facts.tickets
        case Carried():
            return settled.order not in facts.orders


def among(settled: Mapping[Ref, Settled]) -> Look:
    """Looks there."""
    return lambda refs: [settled[ref] for ref in refs if ref in settled]


def recall(facts: Facts, event: e.Event, look: Look) -> tuple[Recalled, ...]:
    """What the event is about that has left the record: in one look, or two where it names nothing but a parcel."""
    refs = recalls(facts, event)
    if refs and refs[0][0] == "parcel":
        refs = tuple(ref for each in look(refs) if isinstance(each, Carried) for ref in _order(facts, each.order))
    return tuple(each for each in look(refs) if not isinstance(each, Carried)) if refs else ()


def recalls(facts: Facts, event: e.Event) -> tuple[Ref, ...]:
    """What this event may be about that has left the record."""
    match event:
        case (
            e.OrderPlaced() | e.OrderPaid() | e.OrderShipped() | e.OrderDelivered()
            | e.OrderCancelled() | e.OrderRefunded() | e.OrderReturned()
        ):  # fmt: skip
            return _order(facts, event.data.order.id)
        case e.ShipmentUpdated(data=data):
            shipment = data.shipment
            return _order(facts, shipment.order) if shipment.order else _parcel(facts, shipment.tracking)
        case e.ProductActivated(data=data) if data.order:
            return _order(facts, data.order)
        case e.TicketOpened() | e.TicketReplied() | e.TicketResolved() | e.TicketReopened():
            ticket = event.data.ticket.id
            return (("ticket", ticket),) if facts.totals.tickets and ticket not in facts.tickets else ()
        case _:
            return ()


def _order(facts: Facts, order: str) -> tuple[Ref, ...]:
    """Also where this event says that it was placed lately: another vendor may have said otherwise."""
    return (("order", order),) if facts.totals.orders and order not in facts.orders else ()


def _parcel(facts: Facts, tracking: str) -> tuple[Ref, ...]:
    heard_of = (*facts.orders.values(), *facts.strays.values())
    is_known = any(tracking in order.parcels for order in heard_of)
    return (("parcel", tracking),) if facts.totals.orders and not is_known else ()
