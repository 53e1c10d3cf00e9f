"""AfterShip Tracking: signed over the raw body; tag and subtag become the one dictionary of shipment states.

Subtags are AfterShip's "delivery sub-statuses" (2020 to 2026-07); one that is not listed here means what its tag says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from perennial.domain.events import (
    Event,
    OrderData,
    OrderDelivered,
    OrderFacts,
    Person,
    ShipmentData,
    ShipmentFacts,
    ShipmentState,
    ShipmentUpdated,
)
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
    end_of,
    fingerprint,
    instant,
    locale,
    understanding,
)
from perennial.sources.signatures import hmac_sha256_base64, require_signature

Events = tuple[Event, ...]
S = ShipmentState

HEADERS: frozenset[str] = frozenset({"as-webhook-version"})
MEDIA_TYPES: frozenset[str] = frozenset()

TAGS: Mapping[str, ShipmentState] = {
    "InfoReceived": S.LABEL_CREATED,
    "InTransit": S.IN_TRANSIT,
    "OutForDelivery": S.OUT_FOR_DELIVERY,
    "AvailableForPickup": S.READY_FOR_PICKUP,
    "AttemptFail": S.DELIVERY_FAILED,
    "Delivered": S.DELIVERED,
    "Exception": S.EXCEPTION,
    "Expired": S.EXCEPTION,
}
SUBTAGS: Mapping[str, ShipmentState] = {
    "InTransit_005": S.CUSTOMS_CLEARED,
    "OutForDelivery_002": S.READY_FOR_PICKUP,
    "Exception_002": S.DELIVERY_FAILED,  # the customer has moved
    "Exception_003": S.DELIVERY_FAILED,  # the customer refused it
    "Exception_004": S.CUSTOMS_HOLD,
    "Exception_005": S.DELAYED,  # outside causes
    "Exception_007": S.DELIVERY_FAILED,  # wrong address
    "Exception_008": S.DELIVERY_FAILED,  # not picked up
    "Exception_010": S.RETURNED,  # on its way back
    "Exception_011": S.RETURNED,
    "Exception_013": S.LOST,
    "Exception_016": S.DELAYED,  # within the carrier's network
    "Exception_017": S.DELAYED,  # weather
    "Exception_018": S.CUSTOMS_HOLD,  # papers missing
    "Exception_019": S.DELAYED,  # late flight
    "Exception_021": S.LOST,  # destroyed or discarded
}
"""Handing over to customs (InTransit_006) is a step of each cross-border parcel, and no hold."""

PENDING = "Pending"
"""Registered, and not seen by the carrier yet."""
BUYER = "buyer"


class Checkpoint(Payload):
    checkpoint_time: Text = None
    tag: Text = None


class Estimate(Payload):
    """`datetime` until it was renamed for the model-based estimate."""

    datetime: Text = None
    estimated_delivery_date: Text = None


class Recipient(Payload):
    role: Text = None
    name: Text = None
    email: Text = None
    phone_number: Text = None
    language: Text = None


class Tracking(Payload):
    tracking_number: Text = None
    slug: Text = None
    tag: str
    subtag: Text = None
    order_id: Id | None = None
    order_number: Id | None = None
    emails: Many[str] = ()
    smses: Many[str] = ()
    customers: Many[Recipient] = ()
    language: Text = None
    checkpoints: Many[Checkpoint] = ()
    order_promised_delivery_date: Text = None
    expected_delivery: Text = None
    first_estimated_delivery: Maybe[Estimate] = None
    latest_estimated_delivery: Maybe[Estimate] = None
    aftership_estimated_delivery_date: Maybe[Estimate] = None
    shipment_direction: Text = None
    return_to_sender: bool | None = None


class Update(Payload):
    event_id: Text = None
    msg: Tracking
    ts: Time = None


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """`ts` is within the body and tells when it happened, not when it was sent: nothing to be fresh by."""
    given = headers.get("aftership-hmac-sha256")
    require_signature([given], (hmac_sha256_base64(secret, body) for secret in secrets))


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    update = Update.model_validate_json(body)
    tracking = update.msg
    if tracking.tag == PENDING:
        raise Ignored("the carrier has not seen the parcel yet")
    if tracking.tracking_number is None:
        raise NotUnderstood("msg.tracking_number: a shipment without its number")
    state = _state(tracking)
    happened_at = _happened_at(update) or received_at
    delivery = Delivery("aftership", update.event_id or fingerprint(body), store, happened_at, body)
    return _events(delivery, tracking, tracking.tracking_number, state)


def _events(delivery: Delivery, tracking: Tracking, number: str, state: ShipmentState) -> Events:
    """The parcel's state and, at the end, that the order arrived: where the order is known by its id."""
    person = _buyer(tracking)
    shipment = ShipmentFacts(
        tracking=number,
        carrier=tracking.slug,
        state=state,
        order=tracking.order_id,
        order_name=tracking.order_number,
        promised_at=_promised_at(tracking),
    )
    updated = delivery.event(ShipmentUpdated, None, ShipmentData(customer=person, shipment=shipment))
    if state is not S.DELIVERED or tracking.order_id is None:
        return (updated,)
    order = OrderFacts(id=tracking.order_id, name=tracking.order_number)
    return (updated, delivery.event(OrderDelivered, None, OrderData(customer=person, order=order)))


def _state(tracking: Tracking) -> ShipmentState:
    """A parcel on its way back to the shop never counts as delivered to the customer."""
    if tracking.tag not in TAGS:
        raise NotUnderstood("msg.tag: a delivery status that Perennial does not know")
    state = SUBTAGS.get(tracking.subtag or "", TAGS[tracking.tag])
    if not (tracking.return_to_sender or (tracking.shipment_direction or "").lower() == "return"):
        return state
    if state is S.DELIVERED or tracking.return_to_sender:
        return S.RETURNED
    raise Ignored("a return on its way: it tells when it has arrived")


def _buyer(tracking: Tracking) -> Person:
    """Who ordered, not who receives: a present goes to somebody else."""
    people = (each for each in tracking.customers if each.role in (None, BUYER))
    buyer = next(people, Recipient())
    return Person(
        email=buyer.email or next(iter(tracking.emails), None),
        phone=buyer.phone_number or next(iter(tracking.smses), None),
        name=cut(buyer.name, LONGEST_SHORT_TEXT),
        locale=locale(buyer.language or tracking.language),
    )


def _happened_at(update: Update) -> datetime | None:
    """The last checkpoint's time where it has a zone, else AfterShip's own; local times without one count as UTC."""
    last = update.msg.checkpoints[-1] if update.msg.checkpoints else Checkpoint()
    seen = instant(last.checkpoint_time) if last.tag in (None, update.msg.tag) else None
    if seen and seen.tzinfo:
        return seen
    return update.ts or (seen.replace(tzinfo=UTC) if seen else None)


def _promised_at(tracking: Tracking) -> datetime | None:
    """The shop's promise, else the first estimate given, else a later one. A day is kept until it ends."""
    first, latest = tracking.first_estimated_delivery, tracking.latest_estimated_delivery
    modelled = tracking.aftership_estimated_delivery_date
    said = (
        tracking.order_promised_delivery_date,
        first.datetime if first else None,
        tracking.expected_delivery,
        latest.datetime if latest else None,
        modelled.estimated_delivery_date if modelled else None,
    )
    return next((end for each in said if (end := end_of(each))), None)
