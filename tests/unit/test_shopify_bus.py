"""Shopify's partner bus: an envelope of EventBridge is opened, and what is in it is read like a webhook."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.sources import NotUnderstood, shopify, shopify_bus
from tests.builders import SAME_EVERY_TIME
from tests.unit.test_source_shopify import an_order

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
METADATA = {
    "Content-Type": "application/json",
    "X-Shopify-Topic": "orders/create",
    "X-Shopify-Shop-Domain": "Demo-Store.myshopify.com",
    "X-Shopify-Hmac-SHA256": "not looked at",
    "X-Shopify-Event-Id": "e-1",
    "X-Shopify-Triggered-At": "2026-06-15T11:59:58.123456789Z",
    "X-Shopify-Order-Id": None,
}


def an_envelope(payload: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "5c5b2a0e-0000-4000-8000-000000000001",
        "detail-type": "shopifyWebhook",
        "source": "aws.partner/shopify.com/123456789/perennial",
        "account": "123456789012",
        "time": "2026-06-15T11:59:59Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {"metadata": {**METADATA, **metadata}, "payload": payload},
    }


def unwrapped(envelope: Any) -> shopify_bus.Unwrapped:
    return shopify_bus.unwrapped(json.dumps(envelope))


def test_what_the_bus_brings_is_the_delivery_that_would_have_come_over_https() -> None:
    order = an_order()
    headers = {"x-shopify-topic": "orders/create", "x-shopify-event-id": "e-1"}
    headers["x-shopify-triggered-at"] = METADATA["X-Shopify-Triggered-At"] or ""

    found = unwrapped(an_envelope(order))

    assert (found.store, found.headers) == ("demo-store", headers)
    over_https = shopify.translate(headers, json.dumps(order).encode(), found.store, NOW)
    assert shopify.translate(found.headers, found.body, found.store, NOW) == over_https


def test_headers_are_found_however_they_are_written() -> None:
    envelope = an_envelope({})
    envelope["detail"]["metadata"] = {name.lower(): value for name, value in METADATA.items()}

    assert unwrapped(envelope).headers["x-shopify-topic"] == "orders/create"


def test_ids_beyond_javascript_stay_exact_through_the_bus() -> None:
    assert b"6121873809410004711" in unwrapped(an_envelope(an_order())).body


@pytest.mark.parametrize(
    "domain",
    [None, "", "shop.example.com", ".myshopify.com", "demo.myshopify.com.evil.example", "demo_1.myshopify.com"],
)
def test_a_delivery_of_no_shop_is_not_understood(domain: str | None) -> None:
    with pytest.raises(NotUnderstood, match="X-Shopify-Shop-Domain"):
        unwrapped(an_envelope({}, **{"X-Shopify-Shop-Domain": domain}))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"detail-type": "Scheduled Event"}, "detail-type"),
        ({"detail": None}, "detail"),
        ({"detail": {"payload": {}}}, "detail.metadata"),
        ({"detail": {"metadata": {}}}, "detail.payload"),
    ],
)
def test_another_event_of_the_bus_is_not_understood(change: dict[str, Any], path: str) -> None:
    with pytest.raises(NotUnderstood, match=path):
        unwrapped({**an_envelope({}), **change})


@settings(SAME_EVERY_TIME, max_examples=100)
@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(json.dumps))
def test_nothing_else_comes_out_whatever_the_message_is(message: str) -> None:
    with pytest.raises(NotUnderstood):
        shopify_bus.unwrapped(message)
