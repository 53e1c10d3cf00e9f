"""17TRACK: its own digest of body and key signs; status and sub-status become the one dictionary of shipment states.

Both words are those of its API v2 (to v2.4). A sub-status that is not listed here means what its status says. A push
has no id: the same parcel in the same state by the same carrier's event is one event, however often it is pushed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field

from perennial.domain.events import Event, Person, ShipmentData, ShipmentFacts, ShipmentState, ShipmentUpdated
from perennial.domain.values import Id, iso
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.payloads import (
    Delivery,
    Many,
    Maybe,
    Payload,
    Text,
    cut,
    end_of,
    fingerprint,
    instant,
    understanding,
)
from perennial.sources.signatures import require_signature

Events = tuple[Event, ...]
S = ShipmentState

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

UPDATED, STOPPED = "TRACKING_UPDATED", "TRACKING_STOPPED"

STATUSES: Mapping[str, ShipmentState] = {
    "InfoReceived": S.LABEL_CREATED,
    "InTransit": S.IN_TRANSIT,
    "AvailableForPickup": S.READY_FOR_PICKUP,
    "OutForDelivery": S.OUT_FOR_DELIVERY,
    "DeliveryFailure": S.DELIVERY_FAILED,
    "Delivered": S.DELIVERED,
    "Exception": S.EXCEPTION,
    "Expired": S.EXCEPTION,
}
SUBSTATUSES: Mapping[str, ShipmentState] = {
    "InTransit_PickedUp": S.IN_TRANSIT,
    "InTransit_Other": S.IN_TRANSIT,
    "InTransit_Departure": S.IN_TRANSIT,
    "InTransit_Arrival": S.IN_TRANSIT,
    "InTransit_CustomsProcessing": S.IN_TRANSIT,  # a step of each cross-border parcel, and no hold
    "InTransit_CustomsReleased": S.CUSTOMS_CLEARED,
    "InTransit_CustomsRequiringInformation": S.CUSTOMS_HOLD,
    "AvailableForPickup_Other": S.READY_FOR_PICKUP,
    "OutForDelivery_Other": S.OUT_FOR_DELIVERY,
    "DeliveryFailure_Other": S.DELIVERY_FAILED,
    "DeliveryFailure_NoBody": S.DELIVERY_FAILED,
    "DeliveryFailure_Security": S.CUSTOMS_HOLD,  # security, clearance or duties still to be paid
    "DeliveryFailure_Rejected": S.DELIVERY_FAILED,
    "DeliveryFailure_InvalidAddress": S.DELIVERY_FAILED,
    "Delivered_Other": S.DELIVERED,
    "Exception_Other": S.EXCEPTION,
    "Exception_Returning": S.RETURNED,  # on its way back
    "Exception_Returned": S.RETURNED,
    "Exception_NoBody": S.DELIVERY_FAILED,
    "Exception_Security": S.CUSTOMS_HOLD,
    "Exception_Damage": S.EXCEPTION,
    "Exception_Rejected": S.DELIVERY_FAILED,
    "Exception_Delayed": S.DELAYED,
    "Exception_Lost": S.LOST,
    "Exception_Destroyed": S.LOST,
    "Expired_Other": S.EXCEPTION,
}
IGNORED: Mapping[str, str] = {
    "NotFound": "the carrier has not seen the parcel yet",
    "NotFound_InvalidCode": "17TRACK says that the carrier has no such number; check it where it was registered",
    "Exception_Cancel": "the label was cancelled before the parcel was sent",
}
"""Status or sub-status -> why it is no news of the parcel."""


class Status(Payload):
    status: str
    sub_status: Text = None


class Happened(Payload):
    time_utc: Text = None
    time_iso: Text = None


class Window(Payload):
    since: Text = Field(default=None, alias="from")
    to: Text = None


class Metrics(Payload):
    estimated_delivery_date: Maybe[Window] = None


class Provider(Payload):
    key: Id | None = None
    name: Text = None


class Provided(Payload):
    provider: Maybe[Provider] = None


class Providers(Payload):
    providers: Many[Provided] = ()


class Tracked(Payload):
    """Within `track_info`, or beside it: 17TRACK has sent both."""

    latest_status: Maybe[Status] = None
    latest_event: Maybe[Happened] = None
    time_metrics: Maybe[Metrics] = None
    tracking: Maybe[Providers] = None


class Parcel(Tracked):
    number: str
    carrier: Id | None = None
    track_info: Maybe[Tracked] = None


class Push(Payload):
    event: str
    data: Parcel


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Nothing of a push tells when it was sent: there is nothing to be fresh by."""
    signed = (hashlib.sha256(body + b"/" + secret.encode()).hexdigest().encode() for secret in secrets)
    require_signature([headers.get("sign", "").lower()], signed)


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    push = Push.model_validate_json(body)
    if push.event == STOPPED:
        raise Ignored("17TRACK no longer follows this parcel: nothing happened to it")
    if push.event != UPDATED:
        raise NotUnderstood(f"event: Perennial reads {UPDATED} and {STOPPED}; this push is of another kind")
    tracked = _tracked(push.data)
    status = tracked.latest_status
    if status is None:
        raise NotUnderstood("data.track_info.latest_status: a push without the parcel's status")
    return (_updated(push.data, tracked, status, _state(status), store, received_at, body),)


def _updated(
    parcel: Parcel, tracked: Tracked, status: Status, state: ShipmentState, store: str, at: datetime, body: bytes
) -> ShipmentUpdated:
    happened = _happened_at(tracked.latest_event or Happened())
    mark = iso(happened) if happened else fingerprint(body)
    name = ":".join((parcel.number, parcel.carrier or "", status.sub_status or status.status, mark))
    shipment = ShipmentFacts(
        tracking=parcel.number,
        carrier=cut(_carrier(parcel, tracked), 100),
        state=state,
        promised_at=_promised_at(tracked),
    )
    delivery = Delivery("17track", name, store, happened or at, body)
    return delivery.event(ShipmentUpdated, None, ShipmentData(customer=Person(), shipment=shipment))


def _tracked(parcel: Parcel) -> Tracked:
    """Each part from where it stands."""
    within = parcel.track_info or Tracked()
    return Tracked(
        latest_status=within.latest_status or parcel.latest_status,
        latest_event=within.latest_event or parcel.latest_event,
        time_metrics=within.time_metrics or parcel.time_metrics,
        tracking=within.tracking or parcel.tracking,
    )


def _state(status: Status) -> ShipmentState:
    """The sub-status tells more than the status."""
    words = [word for word in (status.sub_status, status.status) if word]
    if reason := next((IGNORED[word] for word in words if word in IGNORED), None):
        raise Ignored(reason)
    if status.status not in STATUSES:
        raise NotUnderstood("data.track_info.latest_status.status: a status that Perennial does not know")
    return SUBSTATUSES.get(status.sub_status or "", STATUSES[status.status])


def _happened_at(event: Happened) -> datetime | None:
    """A local time without a zone counts as UTC: hours off, and better than the hour of the push."""
    times = [time for text in (event.time_utc, event.time_iso) if (time := instant(text))]
    zoned = next((time for time in times if time.tzinfo), None)
    return zoned or (times[0].replace(tzinfo=UTC) if times else None)


def _promised_at(tracked: Tracked) -> datetime | None:
    """The end of the window that is promised."""
    metrics = tracked.time_metrics or Metrics()
    window = metrics.estimated_delivery_date or Window()
    return next((end for text in (window.to, window.since) if (end := end_of(text))), None)


def _carrier(parcel: Parcel, tracked: Tracked) -> str | None:
    """By its name where one is told; 17TRACK's number of it otherwise."""
    providers = [each.provider for each in (tracked.tracking or Providers()).providers if each.provider]
    own = (each.name for each in providers if each.key == parcel.carrier and each.name)
    return next(own, None) or next((each.name for each in providers if each.name), parcel.carrier)
