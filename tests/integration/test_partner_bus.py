"""Shopify's partner bus in the laptop house: what EventBridge puts on the queue becomes a customer."""

import json
from pathlib import Path

import pytest

from infra.local.client import Client
from infra.local.house import House
from infra.local.state import STORE, State
from perennial.aws.queues import Message
from tests.unit.test_shopify_bus import an_envelope
from tests.unit.test_source_shopify import an_order

QUEUE = "PartnerBusQueue"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "house")


def brought(house: House, *messages: str) -> None:
    house.queues.send(QUEUE, [Message(each) for each in messages])
    house.wait_until_quiet()


def test_what_the_bus_brings_becomes_a_customer_and_what_comes_twice_is_one(state: State) -> None:
    domain = {"X-Shopify-Shop-Domain": f"{STORE}.myshopify.com"}
    order = an_order(created_at=None, processed_at=None)
    with House(state) as house:
        brought(house, *[json.dumps(an_envelope(order, **domain, **{"X-Shopify-Triggered-At": None}))] * 2)

        [found] = Client(house.stack).get("/customers", email="ana@example.com")["customers"]
        timeline = Client(house.stack).get(f"/customers/{found['id']}/timeline")["entries"]

    assert found["orders"] == 1
    assert [each["type"] for each in timeline] == ["order.placed"]


def test_what_the_shop_sent_and_nobody_reads_waits_in_quarantine(state: State) -> None:
    domain = {"X-Shopify-Shop-Domain": f"{STORE}.myshopify.com", "X-Shopify-Topic": "orders/create"}
    with House(state) as house:
        brought(house, json.dumps(an_envelope({"id": None}, **domain)))

        [entry] = Client(house.stack).get("/quarantine")["entries"]

    assert (entry["source"], entry["store"]) == ("shopify", STORE)
    assert entry["reason"].startswith("id: ")
