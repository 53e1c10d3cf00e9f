"""17TRACK's pushes: what is trusted, and how its statuses become one dictionary of states."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import Event, ShipmentState, ShipmentUpdated
from perennial.sources import Forged, Ignored, NotUnderstood, seventeentrack

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-key"
S = ShipmentState


def a_track(status: str = "InTransit", sub_status: str | None = "InTransit_Other", **changes: Any) -> dict[str, Any]:
    track = {
        "latest_status": {"status": status, "sub_status": sub_status, "sub_status_descr": None},
        "latest_event": {"time_utc": "2026-06-08T12:00:00Z", "time_iso": "2026-06-08T20:00:00+08:00"},
        "time_metrics": {"estimated_delivery_date": {"source": "Official", "from": None, "to": None}},
        "tracking": {
            "providers": [
                {"provider": {"key": 190094, "name": "4PX"}, "events_hash": 1},
                {"provider": {"key": 100002, "name": "UPS"}, "events_hash": 2},
            ]
        },
    }
    return track | changes


def a_push(track: dict[str, Any], event: str = "TRACKING_UPDATED", **changes: Any) -> bytes:
    data = {"number": "YT2616", "carrier": 100002, "param": None, "tag": "vip", "track_info": track}
    return json.dumps({"event": event, "data": data | changes}).encode()


def translated(track: dict[str, Any], **changes: Any) -> tuple[Event, ...]:
    return seventeentrack.translate({}, a_push(track, **changes), "demo", NOW)


def updated(track: dict[str, Any]) -> ShipmentUpdated:
    (event,) = translated(track)
    assert isinstance(event, ShipmentUpdated)
    return event


def test_body_and_key_are_digested_together() -> None:
    headers = {name.lower(): value for name, value in signed("17track", b"{}", {}, SECRET, NOW).items()}

    seventeentrack.verify(headers, b"{}", ["another-key", SECRET], [NOW])
    seventeentrack.verify({"sign": headers["sign"].upper()}, b"{}", [SECRET], [NOW])

    for forged, body, key in (
        (headers, b"{ }", SECRET),
        (headers, b"{}", "a-key-of-others"),
        ({"sign": headers["sign"][:-1]}, b"{}", SECRET),
        ({}, b"{}", SECRET),
    ):
        with pytest.raises(Forged):
            seventeentrack.verify(forged, body, [key], [NOW])


def test_a_key_is_no_part_of_the_body() -> None:
    """The slash stands between them: a key that begins as the body ends must not be another body's."""
    headers = {name.lower(): value for name, value in signed("17track", b"{}", {}, SECRET, NOW).items()}

    with pytest.raises(Forged):
        seventeentrack.verify(headers, b"{}/", [SECRET], [NOW])


@pytest.mark.parametrize(("status", "state"), seventeentrack.STATUSES.items())
def test_a_status_alone_tells_the_state(status: str, state: ShipmentState) -> None:
    assert updated(a_track(status, None)).data.shipment.state is state
    assert updated(a_track(status, f"{status}_SomethingNew")).data.shipment.state is state


@pytest.mark.parametrize(
    ("sub_status", "state"),
    [
        ("InTransit_PickedUp", S.IN_TRANSIT),
        ("InTransit_CustomsProcessing", S.IN_TRANSIT),
        ("InTransit_CustomsReleased", S.CUSTOMS_CLEARED),
        ("InTransit_CustomsRequiringInformation", S.CUSTOMS_HOLD),
        ("DeliveryFailure_Security", S.CUSTOMS_HOLD),
        ("DeliveryFailure_Rejected", S.DELIVERY_FAILED),
        ("Exception_Other", S.EXCEPTION),
        ("Exception_Security", S.CUSTOMS_HOLD),
        ("Exception_Returning", S.RETURNED),
        ("Exception_Returned", S.RETURNED),
        ("Exception_Rejected", S.DELIVERY_FAILED),
        ("Exception_Damage", S.EXCEPTION),
        ("Exception_Delayed", S.DELAYED),
        ("Exception_Lost", S.LOST),
        ("Exception_Destroyed", S.LOST),
    ],
)
def test_a_sub_status_tells_more_than_its_status(sub_status: str, state: ShipmentState) -> None:
    assert updated(a_track(sub_status.partition("_")[0], sub_status)).data.shipment.state is state


@pytest.mark.parametrize("sub_status", seventeentrack.SUBSTATUSES)
def test_each_sub_status_belongs_to_a_status(sub_status: str) -> None:
    assert sub_status.partition("_")[0] in seventeentrack.STATUSES


@pytest.mark.parametrize(
    ("status", "sub_status"),
    [("NotFound", "NotFound_Other"), ("NotFound", "NotFound_InvalidCode"), ("Exception", "Exception_Cancel")],
)
def test_what_is_no_news_of_the_parcel_is_ignored(status: str, sub_status: str) -> None:
    with pytest.raises(Ignored):
        translated(a_track(status, sub_status))


def test_a_status_that_nobody_knows_waits_for_somebody_who_does() -> None:
    with pytest.raises(NotUnderstood, match="latest_status"):
        translated(a_track("Teleported", "Delivered_Other"))


def test_a_parcel_is_known_by_its_number_and_by_nothing_that_the_merchant_tagged_it_with() -> None:
    event = updated(a_track())

    shipment = event.data.shipment
    assert (shipment.tracking, shipment.carrier) == ("YT2616", "UPS")
    assert (shipment.order, shipment.order_name) == (None, None)
    assert event.id == "YT2616:100002:InTransit_Other:2026-06-08T12:00:00.000Z:shipment.updated"


def test_what_stands_beside_the_track_is_read_as_well() -> None:
    event = translated({}, **a_track("Delivered", "Delivered_Other"))[0]

    assert isinstance(event, ShipmentUpdated)
    assert event.data.shipment.state is S.DELIVERED
    assert event.time == datetime(2026, 6, 8, 12, tzinfo=UTC)


def test_the_same_news_pushed_again_is_the_same_event_and_other_news_is_another() -> None:
    again, later = updated(a_track()), updated(a_track("OutForDelivery", "OutForDelivery_Other"))

    assert updated(a_track(time_metrics=None)).id == again.id
    assert later.id != again.id


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"time_utc": "2026-06-08T12:00:00Z"}, datetime(2026, 6, 8, 12, tzinfo=UTC)),
        ({"time_utc": None, "time_iso": "2026-06-08T20:00:00+08:00"}, datetime(2026, 6, 8, 12, tzinfo=UTC)),
        (
            {"time_utc": "2026-06-08T20:00:00", "time_iso": "2026-06-08T20:00:00+08:00"},
            datetime(2026, 6, 8, 12, tzinfo=UTC),
        ),
        ({"time_utc": None, "time_iso": "2026-06-08T20:00:00"}, datetime(2026, 6, 8, 20, tzinfo=UTC)),
        ({"time_utc": "last tuesday"}, NOW),
        ({"time_utc": "0001-01-01T00:00:00+14:00"}, NOW),
        (None, NOW),
    ],
)
def test_a_time_with_a_zone_is_believed_first(told: dict[str, Any] | None, expected: datetime) -> None:
    assert updated(a_track(latest_event=told)).time == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({"from": "2026-06-10", "to": "2026-06-12"}, datetime(2026, 6, 12, 23, 59, 59, 999000, tzinfo=UTC)),
        ({"from": "2026-06-10T18:00:00+02:00", "to": None}, datetime(2026, 6, 10, 16, tzinfo=UTC)),
        ({"from": None, "to": None}, None),
        (None, None),
    ],
)
def test_the_window_s_end_is_the_promise(window: dict[str, Any] | None, expected: datetime | None) -> None:
    metrics = {"estimated_delivery_date": window}

    assert updated(a_track(time_metrics=metrics)).data.shipment.promised_at == expected


def test_a_carrier_without_a_name_goes_by_its_number() -> None:
    assert updated(a_track(tracking=None)).data.shipment.carrier == "100002"


def test_a_parcel_that_is_no_longer_followed_is_no_news() -> None:
    with pytest.raises(Ignored):
        translated({}, event="TRACKING_STOPPED")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"event": "TRACKING_UPDATED"}', b'{"event": "SOLD_OUT", "data": {"number": "1"}}', a_push({})],
)
def test_what_it_should_not_send_is_kept_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        seventeentrack.translate({}, body, "demo", NOW)
