"""AfterShip's webhooks: what is trusted, and how carriers' words become one dictionary of states."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import Event, ShipmentState
from perennial.sources import Forged, Ignored, NotUnderstood, aftership

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"
TOLD_AT = 1780920000
"""2026-06-08T12:00:00Z"""


def a_tracking(**changes: Any) -> dict[str, Any]:
    tracking = {
        "id": "0000",
        "tracking_number": "YT2616",
        "slug": "yunexpress",
        "tag": "InTransit",
        "subtag": "InTransit_001",
        "order_id": "6121873809410004711",
        "order_number": "#1001",
        "checkpoints": [],
    }
    return tracking | changes


def translated(ts: int | None = TOLD_AT, **changes: Any) -> tuple[Event, ...]:
    payload = {"event": "tracking_update", "event_id": "evt", "msg": a_tracking(**changes), "ts": ts}
    return aftership.translate({}, json.dumps(payload).encode(), "demo", NOW)


def test_the_raw_body_is_signed() -> None:
    headers = {name.lower(): value for name, value in signed("aftership", b"{}", {}, SECRET, NOW).items()}

    aftership.verify(headers, b"{}", ["another-secret", SECRET], [NOW])

    with pytest.raises(Forged):
        aftership.verify(headers, b"{ }", ["another-secret", SECRET], [NOW])
    with pytest.raises(Forged):
        aftership.verify({}, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize(
    ("tag", "subtag", "state"),
    [
        ("InfoReceived", "InfoReceived_001", ShipmentState.LABEL_CREATED),
        ("InTransit", "InTransit_001", ShipmentState.IN_TRANSIT),
        ("InTransit", "InTransit_006", ShipmentState.IN_TRANSIT),
        ("InTransit", "InTransit_005", ShipmentState.CUSTOMS_CLEARED),
        ("InTransit", "InTransit_099", ShipmentState.IN_TRANSIT),
        ("InTransit", None, ShipmentState.IN_TRANSIT),
        ("OutForDelivery", "OutForDelivery_001", ShipmentState.OUT_FOR_DELIVERY),
        ("AvailableForPickup", "AvailableForPickup_001", ShipmentState.READY_FOR_PICKUP),
        ("AttemptFail", "AttemptFail_002", ShipmentState.DELIVERY_FAILED),
        ("Delivered", "Delivered_003", ShipmentState.DELIVERED),
        ("Exception", "Exception_001", ShipmentState.EXCEPTION),
        ("Exception", "Exception_004", ShipmentState.CUSTOMS_HOLD),
        ("Exception", "Exception_005", ShipmentState.DELAYED),
        ("Exception", "Exception_011", ShipmentState.RETURNED),
        ("Exception", "Exception_013", ShipmentState.LOST),
        ("Exception", "Exception_018", ShipmentState.CUSTOMS_HOLD),
        ("Expired", "Expired_001", ShipmentState.EXCEPTION),
    ],
)
def test_tag_and_subtag_tell_the_state(tag: str, subtag: str | None, state: ShipmentState) -> None:
    updated = translated(tag=tag, subtag=subtag)[0]

    assert updated.data.shipment.state is state


def test_a_parcel_is_known_by_number_order_and_carrier() -> None:
    (updated,) = translated()

    shipment = updated.data.shipment
    assert updated.id == "evt:shipment.updated"
    assert (shipment.tracking, shipment.carrier) == ("YT2616", "yunexpress")
    assert (shipment.order, shipment.order_name) == ("6121873809410004711", "#1001")


def test_a_delivered_parcel_delivers_its_order() -> None:
    updated, delivered = translated(tag="Delivered", subtag="Delivered_001")

    assert delivered.type == "order.delivered"
    assert (delivered.data.order.id, delivered.time) == ("6121873809410004711", updated.time)


def test_without_the_order_s_id_only_the_parcel_is_told() -> None:
    assert [event.type for event in translated(tag="Delivered", order_id=None)] == ["shipment.updated"]


def test_a_return_that_arrives_at_the_shop_is_no_delivery() -> None:
    (updated,) = translated(tag="Delivered", subtag="Delivered_001", shipment_direction="return")

    assert updated.data.shipment.state is ShipmentState.RETURNED
    with pytest.raises(Ignored):
        translated(tag="InTransit", shipment_direction="return")


def test_a_parcel_turned_around_is_on_its_way_back() -> None:
    assert translated(return_to_sender=True)[0].data.shipment.state is ShipmentState.RETURNED


@pytest.mark.parametrize(
    ("checkpoint_time", "expected"),
    [
        ("2026-06-07T08:00:00+08:00", datetime(2026, 6, 7, 0, tzinfo=UTC)),
        ("2026-06-07T08:00:00", datetime(2026, 6, 8, 12, tzinfo=UTC)),
        ("last tuesday", datetime(2026, 6, 8, 12, tzinfo=UTC)),
        (None, datetime(2026, 6, 8, 12, tzinfo=UTC)),
    ],
)
def test_a_checkpoint_s_time_counts_where_it_has_a_zone(checkpoint_time: str | None, expected: datetime) -> None:
    checkpoints = [{"checkpoint_time": checkpoint_time, "tag": "InTransit"}]

    assert translated(checkpoints=checkpoints)[0].time == expected


def test_without_any_other_a_local_time_counts_as_utc() -> None:
    checkpoints = [{"checkpoint_time": "2026-06-07T08:00:00", "tag": "InTransit"}]

    assert translated(ts=None, checkpoints=checkpoints)[0].time == datetime(2026, 6, 7, 8, tzinfo=UTC)
    assert translated(ts=None)[0].time == NOW


def test_a_checkpoint_of_another_state_is_not_this_one_s_time() -> None:
    checkpoints = [{"checkpoint_time": "2026-06-01T08:00:00Z", "tag": "InfoReceived"}]

    assert translated(checkpoints=checkpoints)[0].time == datetime(2026, 6, 8, 12, tzinfo=UTC)


def test_a_promised_day_lasts_until_it_ends() -> None:
    promised = translated(order_promised_delivery_date="2026-06-12", expected_delivery="2026-06-20")[0]

    assert promised.data.shipment.promised_at == datetime(2026, 6, 12, 23, 59, 59, 999000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_estimated_delivery", {"datetime": "2026-06-12T18:00:00+02:00"}),
        ("expected_delivery", "2026-06-12T16:00:00"),
        ("latest_estimated_delivery", {"datetime": "2026-06-12T16:00:00Z"}),
        ("aftership_estimated_delivery_date", {"estimated_delivery_date": "2026-06-12T16:00:00Z"}),
    ],
)
def test_an_estimate_is_a_promise_where_none_was_given(field: str, value: object) -> None:
    estimated = translated(**{field: value, "order_promised_delivery_date": "soon"})[0]

    assert estimated.data.shipment.promised_at == datetime(2026, 6, 12, 16, tzinfo=UTC)


def test_the_buyer_is_told_and_not_who_receives_the_present() -> None:
    receiver = {"role": "receiver", "email": "friend@example.com"}
    buyer = {"role": "buyer", "email": "ana@example.com", "phone_number": "+525512345678", "language": "es"}

    person = translated(customers=[receiver, buyer], emails=["other@example.com"])[0].data.customer

    assert (person.email, person.phone, person.locale) == ("ana@example.com", "+525512345678", "es")
    assert translated(customers=[receiver])[0].data.customer.email is None


def test_emails_and_numbers_of_older_versions_are_read() -> None:
    person = translated(emails=["ana@example.com"], smses=["+525512345678"])[0].data.customer

    assert (person.email, person.phone) == ("ana@example.com", "+525512345678")


def test_a_parcel_nobody_has_seen_yet_is_ignored() -> None:
    with pytest.raises(Ignored):
        translated(tag="Pending", subtag="Pending_001")


@pytest.mark.parametrize(("change", "path"), [({"tag": "Teleported"}, "msg.tag"), ({"tracking_number": ""}, "number")])
def test_what_cannot_be_read_is_kept(change: dict[str, Any], path: str) -> None:
    with pytest.raises(NotUnderstood, match=path):
        translated(**change)


def test_without_an_event_id_the_body_is_the_id() -> None:
    body = json.dumps({"msg": a_tracking(), "ts": TOLD_AT}).encode()

    assert aftership.translate({}, body, "demo", NOW) == aftership.translate({}, body, "demo", NOW)
