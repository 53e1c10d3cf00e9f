"""AfterShip Returns: a product of its own with a secret of its own; it tells when goods are back at the shop.

Its tracking of parcels is `perennial.sources.aftership`. What a customer asks for, and how the shop answers, is told
by the return's later steps; here it counts when the goods were received, or the return was settled without them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from perennial.domain.events import Event, OrderFacts, OrderReturned, Person, ReturnData
from perennial.domain.values import Id
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    Delivery,
    Many,
    Maybe,
    Payload,
    Text,
    Time,
    cut,
    understanding,
)
from perennial.sources.signatures import hmac_sha256_base64, require_signature

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

BACK = frozenset({"return.receiving.created", "return.resolved"})
"""The goods arrived at the shop; or it settled the return, which it may do without them."""
IGNORED: Mapping[str, str] = {
    "return.submitted": "a return was asked for; it counts when the goods are back",
    "return.approved": "a return was allowed; it counts when the goods are back",
    "return.rejected": "a return was refused: the customer keeps the goods",
    "return.expired": "a return was never sent: the customer keeps the goods",
    "return.shipment.provided": "a label for the way back",
    "return.shipments.provided": "labels for the way back",
    "return.shipment.recorded": "the customer's own label for the way back",
    "return.shipment.updated": "a parcel on its way back; the return tells when it was received",
    "return.dropoff.created": "a code to hand the goods over with",
    "return.dropoff.updated": "the goods were handed over; the return tells when they were received",
    "return.dropoff.shipment.updated": "a parcel on its way back; the return tells when it was received",
    "return.restock.created": "the shop's stock, which tells nothing about a customer",
    "return.exchange.order.created": "the shop tells of the order that was made for the exchange itself",
}
OLDER = frozenset({"return.created", "return.updated"})
"""Of the version before 2023, in which only the status tells what happened."""
BACK_STATUSES = frozenset({"received", "done"})
ON_THE_WAY_STATUSES = frozenset({"submitted", "approved", "shipped", "rejected", "expired"})


class Buyer(Payload):
    emails: Many[str] = ()


class Order(Payload):
    external_id: Id | None = None
    order_number: Id | None = None
    order_name: Text = None
    customer: Maybe[Buyer] = None


class ReturnedItem(Payload):
    reason: Text = None


class Return(Payload):
    id: Id
    status: Text = None
    order: Order
    return_items: Many[ReturnedItem] = ()


class Kind(Payload):
    id: Id
    event: str
    created_at: Time = None


class Notice(Kind):
    data: Return


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Nothing that is signed tells when it was sent: there is nothing to be fresh by."""
    given = headers.get("as-signature-hmac-sha256")
    require_signature([given], (hmac_sha256_base64(secret, body) for secret in secrets))


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    kind = Kind.model_validate_json(body)
    if kind.event in IGNORED:
        raise Ignored(IGNORED[kind.event])
    if kind.event.startswith("warranty."):
        raise Ignored("a warranty claim: Perennial keeps none")
    if kind.event not in BACK | OLDER:
        raise NotUnderstood("event: AfterShip Returns sends an event that Perennial does not know")
    returned = Notice.model_validate_json(body).data
    if kind.event in OLDER:
        _require_back(returned)
    delivery = Delivery("aftership_returns", kind.id, store, kind.created_at or received_at, body)
    return (delivery.event(OrderReturned, None, _facts(returned)),)


def _require_back(returned: Return) -> None:
    if returned.status in ON_THE_WAY_STATUSES:
        raise Ignored("a return that is not back at the shop yet")
    if returned.status not in BACK_STATUSES:
        raise NotUnderstood("data.status: a status of a return that Perennial does not know")


def _facts(returned: Return) -> ReturnData:
    order = returned.order
    if order.external_id is None:
        raise NotUnderstood("data.order.external_id: a return of an order that the shop has no id for")
    reasons = dict.fromkeys(item.reason for item in returned.return_items if item.reason)
    return ReturnData(
        customer=Person(email=next(iter((order.customer or Buyer()).emails), None)),
        order=OrderFacts(id=order.external_id, name=cut(order.order_name or order.order_number, 100)),
        reason=cut(", ".join(reasons) or None, LONGEST_SHORT_TEXT),
    )
