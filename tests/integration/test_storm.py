"""Vendors repeat themselves and keep no order: a webhook fifty times at once, among its siblings, in ten orders."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.local.client import Client
from infra.local.clock import HouseClock
from infra.local.house import House
from infra.local.signing import signed
from infra.local.state import State
from perennial.aws.store import Store

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
TIMES, VARIANTS, AT_ONCE = 50, 10, 16

Delivery = tuple[str, str, dict[str, Any]]
"""Topic, the vendor's id of the event, body."""


def an_order(customer: int, **said: Any) -> dict[str, Any]:
    return {
        "id": 9_000_000_000_000_000_000 + customer,
        "name": f"#{customer}",
        "created_at": "2026-06-15T10:00:00Z",
        "processed_at": "2026-06-15T10:00:00Z",
        "updated_at": "2026-06-15T10:00:00Z",
        "total_price": "99.00",
        "currency": "USD",
        "financial_status": "pending",
        "customer": {"id": 8_000_000_000_000_000_000 + customer, "email": f"storm{customer}@example.com"},
        "shipping_address": {"country_code": "GB"},
        "line_items": [{"id": 1, "product_id": 7, "quantity": 1, "title": "Mirror"}],
        **said,
    }


def deliveries(customer: int) -> list[Delivery]:
    """One order's webhooks: the first comes fifty times, its siblings twice each."""
    order = an_order(customer)["id"]
    paid = {"financial_status": "paid", "updated_at": "2026-06-15T10:05:00Z"}
    parcel = {
        "id": 1,
        "order_id": order,
        "status": "success",
        "created_at": "2026-06-15T11:00:00Z",
        "updated_at": "2026-06-15T11:00:00Z",
        "tracking_number": f"1Z{customer}",
        "tracking_company": "UPS",
    }
    refund = {
        "id": 5,
        "order_id": order,
        "created_at": "2026-06-15T11:30:00Z",
        "transactions": [{"id": 6, "kind": "refund", "status": "success", "amount": "9.00", "currency": "USD"}],
    }
    siblings: list[Delivery] = [
        ("orders/paid", "paid", an_order(customer, **paid)),
        ("orders/updated", "updated", an_order(customer, **paid)),
        ("fulfillments/create", "fulfilled", parcel),
        ("refunds/create", "refunded", refund),
    ]
    return [("orders/create", "created", an_order(customer))] * TIMES + siblings * 2


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    state = State(tmp_path / "house")
    state.folder.mkdir()
    HouseClock(state.clock).set_to(NOON)
    with House(state) as running:
        yield running


def post(house: House, customer: int, delivery: Delivery) -> int:
    topic, event, said = delivery
    body = json.dumps(said).encode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Event-Id": f"{event}-{customer}"}
    secret = house.keys.webhooks["shopify"][0]
    signature = signed("shopify", body, headers, secret, house.wall())
    return Client(house.stack).post("/webhooks/shopify/demo", body, signature).status


def the_record(house: House, customer: int) -> Any:
    """What is kept of the customer, less what differs by design: ids, and at which moment what was decided."""
    (found,) = Client(house.stack).get("/customers", email=f"storm{customer}@example.com")["customers"]
    record = Store(house.table).load([found["id"]])[found["id"]].customer
    own = {"id", "stage_since", "label_since", "band_since", "fired", "score", "parts", "due_at"}
    text = record.model_dump_json(exclude=own)
    for name, stands_for in (
        (an_order(customer)["id"], "ORDER"),
        (f"1Z{customer}", "PARCEL"),
        (f"#{customer}", "#NAME"),
    ):
        text = text.replace(str(name), stands_for)
    told = json.loads(text)
    told["facts"]["sends"] = [send[:2] for send in told["facts"]["sends"]]
    return told


def test_fifty_deliveries_at_once_in_ten_orders_have_one_effect(house: House) -> None:
    shuffled = random.Random(50)
    storm = []
    for customer in range(VARIANTS):
        variant = deliveries(customer)
        shuffled.shuffle(variant)
        storm += [(customer, delivery) for delivery in variant]

    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(lambda each: post(house, *each), storm))
    house.wait_until_quiet()

    assert set(answers) == {200}
    records = [the_record(house, customer) for customer in range(VARIANTS)]
    assert records == records[:1] * VARIANTS
    mail = [json.loads(file.read_text()) for file in house.state.mail.glob("[!.]*.json")]
    sent = sorted((message["to"], message["template"]) for message in mail)
    assert sent == sorted(
        (f"storm{customer}@example.com", template)
        for customer in range(VARIANTS)
        for template in ("thank_you", "dispatched")
    )
    assert house.dead_letters() == {}
