"""EasyPost's webhooks: what is trusted, and which of its objects tells of a parcel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import ShipmentState, ShipmentUpdated
from perennial.sources import Forged, Ignored, NotUnderstood, easypost

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"
S = ShipmentState
AT_NOON, AT_ONE = datetime(2026, 6, 8, 12, tzinfo=UTC), datetime(2026, 6, 8, 13, tzinfo=UTC)
END_OF_THE_DAY = datetime(2026, 6, 12, 23, 59, 59, 999000, tzinfo=UTC)


def a_notice(kind: str = "tracker.updated", mode: str = "production", **changes: Any) -> bytes:
    tracker = {
        "object": "Tracker",
        "tracking_code": "EZ4000",
        "status": "in_transit",
        "status_detail": "arrived_at_facility",
        "carrier": "USPS",
        "updated_at": "2026-06-08T13:00:00Z",
        "signed_by": "somebody",
        "est_delivery_date": None,
        "tracking_details": [{"status": "in_transit", "datetime": "2026-06-08T12:00:00Z"}],
    }
    notice = {"id": "evt_1", "object": "Event", "description": kind, "mode": mode, "created_at": "2026-06-08T14:00:00Z"}
    return json.dumps({**notice, "result": tracker | changes}).encode()


def updated(kind: str = "tracker.updated", **changes: Any) -> ShipmentUpdated:
    (event,) = easypost.translate({}, a_notice(kind, **changes), "demo", NOW)
    assert isinstance(event, ShipmentUpdated)
    return event


def test_the_raw_body_is_signed() -> None:
    headers = {name.lower(): value for name, value in signed("easypost", b"{}", {}, SECRET, NOW).items()}

    easypost.verify(headers, b"{}", ["another-secret", SECRET], [NOW])

    bare = {"x-hmac-signature": headers["x-hmac-signature"].removeprefix("hmac-sha256-hex=")}
    for forged, body, secret in ((headers, b"{ }", SECRET), (headers, b"{}", "others"), (bare, b"{}", SECRET)):
        with pytest.raises(Forged):
            easypost.verify(forged, body, [secret], [NOW])
    with pytest.raises(Forged):
        easypost.verify({}, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("written", ["s\u00e9cret-word", "se\u0301cret-word"])
def test_a_secret_signs_the_same_however_its_letters_are_composed(written: str) -> None:
    headers = {name.lower(): value for name, value in signed("easypost", b"{}", {}, written, NOW).items()}

    easypost.verify(headers, b"{}", ["s\u00e9cret-word"], [NOW])
    easypost.verify(headers, b"{}", ["se\u0301cret-word"], [NOW])


@pytest.mark.parametrize(("status", "state"), easypost.STATUSES.items())
def test_a_status_tells_the_state(status: str, state: ShipmentState) -> None:
    assert updated(status=status, status_detail="unknown").data.shipment.state is state
    assert updated(status=status, status_detail=None).data.shipment.state is state


@pytest.mark.parametrize(("detail", "state"), easypost.DETAILS.items())
def test_a_detail_says_more_of_a_parcel_on_its_way(detail: str, state: ShipmentState) -> None:
    assert updated(status="in_transit", status_detail=detail).data.shipment.state is state
    assert updated(status="failure", status_detail=detail).data.shipment.state is state


@pytest.mark.parametrize("status", ["pre_transit", "available_for_pickup", "delivered", "return_to_sender"])
def test_no_detail_changes_what_has_happened(status: str) -> None:
    assert updated(status=status, status_detail="delayed").data.shipment.state is easypost.STATUSES[status]


@pytest.mark.parametrize("status", easypost.IGNORED)
def test_what_is_no_news_of_the_parcel_is_ignored(status: str) -> None:
    with pytest.raises(Ignored):
        updated(status=status)


def test_a_status_that_nobody_knows_waits_for_somebody_who_does() -> None:
    with pytest.raises(NotUnderstood, match=r"result\.status"):
        updated(status="teleported")


@pytest.mark.parametrize("kind", ["tracker.created", "tracker.updated"])
def test_a_tracker_tells_of_its_parcel_and_names_nobody(kind: str) -> None:
    event = updated(kind)

    shipment = event.data.shipment
    assert (event.id, event.time) == ("evt_1:shipment.updated", AT_NOON)
    assert (shipment.tracking, shipment.carrier) == ("EZ4000", "USPS")
    assert "somebody" not in event.to_json()


def test_a_return_that_arrives_at_the_shop_is_no_delivery() -> None:
    assert updated(status="delivered", is_return=True).data.shipment.state is S.RETURNED
    with pytest.raises(Ignored):
        updated(status="in_transit", is_return=True)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("in_transit", "2026-06-08T12:00:00Z"), ("pre_transit", "2026-06-09T12:00:00Z")], AT_NOON),
        ([("in_transit", "2026-06-07T12:00:00Z"), ("in_transit", "2026-06-08T12:00:00Z")], AT_NOON),
        ([("in_transit", "2026-06-08T12:00:00")], AT_NOON),
        ([("in_transit", "soon")], AT_ONE),
        ([], AT_ONE),
        (None, AT_ONE),
    ],
)
def test_the_last_step_that_gave_the_status_tells_when(steps: list[tuple[str, str]] | None, expected: datetime) -> None:
    details = steps and [{"status": status, "datetime": at} for status, at in steps]

    assert updated(tracking_details=details).time == expected


def test_without_any_other_time_the_notice_s_own_counts() -> None:
    assert updated(tracking_details=[], updated_at=None).time == datetime(2026, 6, 8, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-06-12T00:00:00Z", END_OF_THE_DAY),
        ("2026-06-12", END_OF_THE_DAY),
        ("2026-06-12T17:30:00Z", datetime(2026, 6, 12, 17, 30, tzinfo=UTC)),
        ("soon", None),
        (None, None),
    ],
)
def test_a_promised_day_is_kept_until_it_ends(told: str | None, expected: datetime | None) -> None:
    assert updated(est_delivery_date=told).data.shipment.promised_at == expected


def test_what_happens_in_test_mode_happens_to_nobody() -> None:
    with pytest.raises(Ignored, match="test mode"):
        easypost.translate({}, a_notice(mode="test"), "demo", NOW)


@pytest.mark.parametrize("kind", ["batch.updated", "scan_form.created", "insurance.purchased", "refund.successful"])
def test_labels_and_invoices_are_ignored(kind: str) -> None:
    with pytest.raises(Ignored):
        easypost.translate({}, a_notice(kind), "demo", NOW)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", a_notice("drone.landed"), b'{"id": "evt_1", "description": "tracker.updated"}'],
)
def test_what_it_should_not_send_is_kept_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        easypost.translate({}, body, "demo", NOW)
