"""EasyPost: its trackers tell where a parcel is; everything else that it sends is about labels and invoices.

Status and status detail become the one dictionary of shipment states. A detail that is not listed here means what its
status says. What happens in EasyPost's test mode happens to nobody.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time

from pydantic import Field

from perennial.domain.events import Event, Person, ShipmentData, ShipmentFacts, ShipmentState, ShipmentUpdated
from perennial.domain.values import Id
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.payloads import Delivery, Many, Payload, Text, Time, cut, end_of, instant, understanding
from perennial.sources.signatures import require_signature

Events = tuple[Event, ...]
S = ShipmentState

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

TRACKER_EVENTS = frozenset({"tracker.created", "tracker.updated"})
OTHER_OBJECTS = frozenset(
    {
        "batch", "claim", "insurance", "order", "payment", "payment_log", "pickup", "refund", "report", "scan_form",
        "shipment", "shipment_report",
    }
)  # fmt: skip
"""What stands before the dot of the events that tell the shop of its own labels, and nothing of a customer."""

STATUSES: Mapping[str, ShipmentState] = {
    "pre_transit": S.LABEL_CREATED,
    "in_transit": S.IN_TRANSIT,
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "available_for_pickup": S.READY_FOR_PICKUP,
    "delivered": S.DELIVERED,
    "return_to_sender": S.RETURNED,
    "failure": S.DELIVERY_FAILED,
}
DETAILS: Mapping[str, ShipmentState] = {
    "address_correction": S.DELIVERY_FAILED,
    "arrived_at_pickup_location": S.READY_FOR_PICKUP,
    "awaiting_information": S.EXCEPTION,
    "damaged": S.EXCEPTION,
    "delayed": S.DELAYED,
    "delivery_exception": S.DELIVERY_FAILED,
    "expired": S.EXCEPTION,
    "held": S.EXCEPTION,
    "lost": S.LOST,
    "missorted": S.DELAYED,
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "refused": S.DELIVERY_FAILED,
    "return": S.RETURNED,
    "transit_exception": S.EXCEPTION,
    "weather_delay": S.DELAYED,
}
OPEN = frozenset({"in_transit", "out_for_delivery", "failure"})
"""Of these a detail says more; the others have said it all."""
IGNORED: Mapping[str, str] = {
    "unknown": "the carrier has not seen the parcel yet",
    "cancelled": "the label was cancelled before the parcel was sent",
    "error": "EasyPost cannot follow this parcel; the carrier said nothing",
}
"""Status -> why it is no news of the parcel."""


class Detail(Payload):
    datetime: Text = None
    status: Text = None


class Tracker(Payload):
    tracking_code: str
    status: str
    status_detail: Text = None
    carrier: Text = None
    est_delivery_date: Text = None
    is_return: bool | None = None
    tracking_details: Many[Detail] = ()
    updated_at: Time = None


class Notice(Payload):
    id: Id
    kind: str = Field(alias="description")
    mode: Text = None
    created_at: Time = None


class TrackerNotice(Notice):
    result: Tracker


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Secrets are normalised (NFKD) before they sign; nothing that is signed tells when it was sent."""
    require_signature([headers.get("x-hmac-signature")], (_signature(secret, body) for secret in secrets))


def _signature(secret: str, body: bytes) -> bytes:
    key = unicodedata.normalize("NFKD", secret).encode()
    return b"hmac-sha256-hex=" + hmac.digest(key, body, hashlib.sha256).hex().encode()


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    notice = Notice.model_validate_json(body)
    if notice.mode == "test":
        raise Ignored("EasyPost's test mode: nothing of it happened to anybody")
    if notice.kind.partition(".")[0] in OTHER_OBJECTS:
        raise Ignored("it tells of a label, an invoice or the like, and not of a parcel on its way")
    if notice.kind not in TRACKER_EVENTS:
        raise NotUnderstood("description: an event of EasyPost's that Perennial does not know")
    tracker = TrackerNotice.model_validate_json(body).result
    happened = _happened_at(tracker) or tracker.updated_at or notice.created_at or received_at
    delivery = Delivery("easypost", notice.id, store, happened, body)
    return (delivery.event(ShipmentUpdated, None, _shipment(tracker)),)


def _shipment(tracker: Tracker) -> ShipmentData:
    shipment = ShipmentFacts(
        tracking=tracker.tracking_code,
        carrier=cut(tracker.carrier, 100),
        state=_state(tracker),
        promised_at=_promised_at(tracker),
    )
    return ShipmentData(customer=Person(), shipment=shipment)


def _state(tracker: Tracker) -> ShipmentState:
    """A parcel on its way back to the shop never counts as delivered to the customer."""
    if tracker.status in IGNORED:
        raise Ignored(IGNORED[tracker.status])
    if tracker.status not in STATUSES:
        raise NotUnderstood("result.status: a status that Perennial does not know")
    if tracker.is_return and tracker.status != "delivered":
        raise Ignored("a return on its way: it tells when it has arrived")
    if tracker.is_return:
        return S.RETURNED
    state = STATUSES[tracker.status]
    return DETAILS.get(tracker.status_detail or "", state) if tracker.status in OPEN else state


def _happened_at(tracker: Tracker) -> datetime | None:
    """When the last of its steps was that gave it this status."""
    times = (instant(step.datetime) for step in reversed(tracker.tracking_details) if step.status == tracker.status)
    seen = next((time for time in times if time), None)
    return seen if seen is None or seen.tzinfo else seen.replace(tzinfo=UTC)


def _promised_at(tracker: Tracker) -> datetime | None:
    """A day is written as its midnight, and kept until it ends."""
    promised = end_of(tracker.est_delivery_date)
    if promised and promised.timetz() == time(tzinfo=UTC):
        return datetime.combine(promised.date(), time.max, tzinfo=UTC)
    return promised
