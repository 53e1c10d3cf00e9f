"""AfterShip Returns' webhooks: what is trusted, and when a return counts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.domain.events import OrderReturned
from perennial.sources import Forged, Ignored, NotUnderstood, aftership, aftership_returns

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECRET = "the-current-secret"


def a_notice(event: str = "return.receiving.created", **changes: Any) -> bytes:
    returned = {
        "id": "r-1",
        "rma_number": "RMA1001",
        "approval_status": "approved",
        "order": {
            "external_id": "6121873809410004711",
            "order_number": "1001",
            "order_name": "#1001",
            "customer": {"emails": ["ana@example.com"]},
        },
        "return_items": [{"reason": "Too small"}, {"reason": None}, {"reason": "Too small"}, {"reason": "Torn"}],
    }
    told = {"id": "evt", "event": event, "created_at": "2026-06-14T08:00:00Z", "modified": {}}
    return json.dumps({**told, "data": returned | changes}).encode()


def returned(event: str = "return.receiving.created", **changes: Any) -> OrderReturned:
    (told,) = aftership_returns.translate({}, a_notice(event, **changes), "demo", NOW)
    assert isinstance(told, OrderReturned)
    return told


def test_the_raw_body_is_signed_in_a_header_of_its_own() -> None:
    headers = {name.lower(): value for name, value in signed("aftership_returns", b"{}", {}, SECRET, NOW).items()}

    aftership_returns.verify(headers, b"{}", ["another-secret", SECRET], [NOW])

    for forged, body, secret in ((headers, b"{ }", SECRET), (headers, b"{}", "others"), ({}, b"{}", SECRET)):
        with pytest.raises(Forged):
            aftership_returns.verify(forged, body, [secret], [NOW])


def test_a_signature_of_returns_opens_no_door_of_tracking_nor_the_other_way_round() -> None:
    of_returns = {name.lower(): value for name, value in signed("aftership_returns", b"{}", {}, SECRET, NOW).items()}
    of_tracking = {name.lower(): value for name, value in signed("aftership", b"{}", {}, SECRET, NOW).items()}

    with pytest.raises(Forged):
        aftership.verify(of_returns, b"{}", [SECRET], [NOW])
    with pytest.raises(Forged):
        aftership_returns.verify(of_tracking, b"{}", [SECRET], [NOW])


@pytest.mark.parametrize("event", ["return.receiving.created", "return.resolved"])
def test_goods_that_are_back_return_their_order(event: str) -> None:
    told = returned(event)

    assert (told.id, told.time) == ("evt:order.returned", datetime(2026, 6, 14, 8, tzinfo=UTC))
    assert (told.data.order.id, told.data.order.name) == ("6121873809410004711", "#1001")
    assert (told.data.customer.email, told.data.reason) == ("ana@example.com", "Too small, Torn")


@pytest.mark.parametrize("event", aftership_returns.IGNORED)
def test_each_step_before_that_is_ignored_with_a_reason(event: str) -> None:
    with pytest.raises(Ignored):
        returned(event)


@pytest.mark.parametrize("event", ["return.created", "return.updated"])
def test_in_the_older_version_the_status_tells(event: str) -> None:
    for status in ("received", "done"):
        assert returned(event, status=status).type == "order.returned"
    for status in ("submitted", "approved", "shipped", "rejected", "expired"):
        with pytest.raises(Ignored):
            returned(event, status=status)
    with pytest.raises(NotUnderstood):
        returned(event, status="vanished")


def test_an_order_without_a_name_goes_by_its_number() -> None:
    assert returned(order={"external_id": 5, "order_number": 1001}).data.order.name == "1001"


def test_a_return_of_an_order_that_the_shop_does_not_know_waits_for_a_person() -> None:
    with pytest.raises(NotUnderstood, match="external_id"):
        returned(order={"order_number": "1001"})


def test_a_return_without_a_time_happened_when_it_was_told() -> None:
    (told,) = aftership_returns.translate({}, a_notice().replace(b'"2026-06-14T08:00:00Z"', b"null"), "demo", NOW)

    assert told.time == NOW


def test_warranties_are_ignored() -> None:
    with pytest.raises(Ignored):
        returned("warranty.created")


@pytest.mark.parametrize("body", [b"", b"{}", a_notice("return.eaten"), a_notice(order=None)])
def test_what_it_should_not_send_is_kept_with_a_reason(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        aftership_returns.translate({}, body, "demo", NOW)
