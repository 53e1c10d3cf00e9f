"""WooCommerce sends each webhook once. Whatever is lost on the way, its API tells; and nothing happens twice.

Four hundred orders live through a morning. Their webhooks come in by the door, signed; one in twenty is lost, some come
twice. The shop is asked over HTTP. The engine, its journals and its queues are the real ones, on SQLite.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from infra.local.signing import signed
from perennial.aws.bookmarks import TableBookmarks
from perennial.aws.journals import TableJournals
from perennial.domain.customer import Customer, Order
from perennial.ingest import Ingest
from perennial.reconciling import ENOUGH_MS, SETTLED, Reconciler, Report
from perennial.vendor_api import Api
from tests.builders import HOUR, MINUTE, NOON, an_event
from tests.house import SECRET, House
from tests.shops import Fault, Shop, an_account, gmt, seconds, served

ORDERS, CUSTOMERS = 400, 150
EVERY = 10 * MINUTE
APART = 16 * MINUTE
"""Between two changes of one order: longer than the shop waits to be asked, so that each state is there to be seen."""
LOST, TWICE = 0.05, 0.1
FOUND_OUT = {"version", "stage_since", "label_since", "band_since"}
WEBHOOK_SECRET = "the webhook's secret"


@dataclass(frozen=True)
class Change:
    at: datetime
    order: int
    fields: dict[str, Any]


def a_life(order: int, chance: random.Random) -> Iterator[Change]:
    """Placed, paid or not yet, and then shipped, refunded or called off."""
    at = NOON + seconds(chance.randrange(60 * 60))
    buyer = order % CUSTOMERS + 1
    person = {"first_name": "Mia", "email": f"mia-{buyer}@shop.example", "country": "DE"}
    account = {"customer_id": buyer if buyer % 2 else 0}  # every second one is a guest, known by their email
    first = {**account, "billing": person, "date_created_gmt": gmt(at)}
    is_paid = chance.random() < 0.7
    paid = {"status": "processing", "date_paid_gmt": gmt(at)}
    yield Change(at, order, first | (paid if is_paid else {"status": "on-hold", "date_paid_gmt": None}))
    for fields in _rest(chance, is_paid):
        at += APART + seconds(chance.randrange(1_200))
        moment = {name: gmt(at) for name, value in fields.items() if value == "now"}
        yield Change(at, order, fields | moment)


def _rest(chance: random.Random, is_paid: bool) -> Iterator[dict[str, Any]]:
    if not is_paid:
        if chance.random() < 0.3:
            yield {"status": "cancelled"}
            return
        yield {"status": "processing", "date_paid_gmt": "now"}
    if chance.random() < 0.7:
        yield {"status": "completed", "date_completed_gmt": "now"}
        if chance.random() < 0.2:
            yield {"status": "refunded", "refunds": [{"id": chance.randrange(10**9), "total": "-40.00"}]}


class OneSecret:
    def of(self, source: str, store: str) -> tuple[str, ...]:
        return (WEBHOOK_SECRET,)

    def refresh(self) -> bool:
        return False


class OneStore:
    def stores(self, source: str) -> tuple[str, ...]:
        return ("demo",)


class World:
    """A house, a shop, what lies between them, and the time."""

    def __init__(self, api: Api, shop: Shop, loses: bool, seed: int = 1) -> None:
        self.house, self.shop = House(), shop
        self.door = Ingest(OneSecret(), self.house.ingest.lanes, self.house.ingest.quarantine, self.house.clock)
        journals = TableJournals(self.house.store, SECRET)
        bookmarks = TableBookmarks(self.house.table)  # type: ignore[arg-type]
        clock = self.house.clock
        self.reconciler = Reconciler(OneStore(), lambda *_: api, bookmarks, journals, self.door, clock)
        self.chance, self.loses = random.Random(seed), loses
        self.lost: list[Change] = []
        self.reports: list[Report] = []

    def lives(self, story: list[Change], *, asks: bool) -> None:
        """Each change happens, its webhook comes or does not, and the shop is asked every ten minutes, or never."""
        next_run = NOON + EVERY
        for change in story:
            while asks and next_run <= change.at:
                self.asks(next_run)
                next_run += EVERY
            payload = self.shop.change(change.order, change.at, **change.fields)
            self.house.clock.time = change.at + seconds(5)
            self._sends(change, payload)

    def asks(self, now: datetime) -> Report:
        self.house.clock.time = now
        self.reports.append(self.reconciler.run(lambda: 10 * ENOUGH_MS))
        self.house.settles()
        return self.reports[-1]

    def ends(self, at: datetime) -> None:
        """Time passes, and everybody is judged at one and the same moment."""
        self.house.clock.time = at
        known = [loaded.customer.id for loaded in self.house.everybody()]
        self.house.passes(at)
        for number in range(1, CUSTOMERS + 1):
            person = {"email": f"mia-{number}@shop.example"}
            assert self.house.hears(an_event("product.viewed", at, event_id=f"end-{number}", customer=person)) == {}
        assert len(known) == len(self.house.everybody())

    def _sends(self, change: Change, payload: dict[str, Any]) -> None:
        times = 0 if self.loses and self.chance.random() < LOST else 1 + (self.chance.random() < TWICE)
        if not times:
            self.lost.append(change)
        topic = "order.created" if change.fields.get("date_created_gmt") else "order.updated"
        body = json.dumps(payload).encode()
        headers = signed("woocommerce", body, {"X-WC-Webhook-Topic": topic}, WEBHOOK_SECRET, change.at)
        for _ in range(times):
            assert self.door.receive("woocommerce", "demo", headers, body).body["quarantined"] == []
        self.house.settles()

    def records(self) -> dict[str, dict[str, Any]]:
        """Every customer's record, but for when what is true was found out: that may be ten minutes later."""
        records = (each.customer.model_dump(mode="json", exclude=FOUND_OUT) for each in self.house.everybody())
        return {record["id"]: {**record, "fired": sorted(record["fired"])} for record in records}

    def asked_for(self) -> Counter[tuple[str, str]]:
        """What senders would send, each action id once: who, and which play."""
        actions = {action.id: action for action in self.house.actions}
        return Counter((each.customer, each.play) for each in actions.values())


@pytest.fixture(scope="module")
def story() -> list[Change]:
    chance = random.Random(20_261_122)
    changes = [change for order in range(1, ORDERS + 1) for change in a_life(order, chance)]
    return sorted(changes, key=lambda change: (change.at, change.order))


END = NOON + 6 * HOUR


@pytest.fixture(scope="module")
def without_loss(story: list[Change]) -> World:
    shop = Shop()
    world = World(shop, shop, loses=False)
    world.lives(story, asks=False)
    world.ends(END)
    return world


def test_with_one_webhook_in_twenty_lost_everybody_ends_as_if_none_had_been(
    story: list[Change], without_loss: World
) -> None:
    shop = Shop()
    with served(shop) as api:
        world = World(api, shop, loses=True)
        world.lives(story, asks=True)
        for number in range(3):
            world.asks(END - 30 * MINUTE + number * EVERY)
        world.ends(END)

    assert len(world.lost) > 20
    assert world.records() == without_loss.records()
    assert world.asked_for() == without_loss.asked_for()
    assert all(report.failed == {} for report in world.reports)


def test_after_one_poll_nothing_is_missing_and_nothing_doubled(story: list[Change]) -> None:
    shop = Shop()
    with served(shop) as api:
        world = World(api, shop, loses=True)
        world.asks(NOON - EVERY)
        world.lives(story, asks=False)
        missing = missing_events(world)
        report = world.asks(story[-1].at + SETTLED + seconds(2))

    assert missing
    assert report.repaired == missing, "what was missing, and nothing else"
    assert sum(report.repaired_in.values()) == missing
    assert report.read >= ORDERS
    assert missing_events(world) == 0
    assert world.asks(END).repaired == 0
    known = [order for loaded in world.house.everybody() for order in told_of(loaded.customer)]
    assert sorted(int(order.id) for order in known) == sorted(shop.orders), "each of one customer, and once"
    for order in known:
        assert_as_the_shop_says(order, shop.orders[int(order.id)])
    assert len({action.id for action in world.house.actions}) == len(world.house.actions), "nothing is asked for twice"


def missing_events(world: World) -> int:
    """How many of the events that the shop's orders tell now no journal has: the tables are read from end to end."""
    headers = {"x-wc-webhook-topic": "order.updated"}
    objects = [json.dumps(order).encode() for order in world.shop.orders.values()]
    told = {event.id for event in world.door.understood("woocommerce", "demo", headers, objects).events}
    pages = (world.house.table.query(f"C#{each.customer.id}", prefix="J#") for each in world.house.everybody())
    heard = {json.loads(item.body)["event"]["id"] for page in pages for item in page.items}
    return len(told - heard)


def told_of(customer: Customer) -> list[Order]:
    """Those too that were called off before anything else was heard of them."""
    return [*customer.facts.orders.values(), *customer.facts.strays.values()]


def assert_as_the_shop_says(kept: Order, order: dict[str, Any]) -> None:
    told = (kept.paid_at, kept.shipped_at)
    written = (order["date_paid_gmt"], order["date_completed_gmt"])
    assert tuple(at and gmt(at) for at in told) == written
    assert bool(kept.cancelled_at) == (order["status"] == "cancelled")
    assert set(kept.refunds) == {str(refund["id"]) for refund in order["refunds"]}


def test_an_account_whose_webhook_was_lost_signs_up_when_the_shop_is_asked() -> None:
    shop = Shop()
    with served(shop) as api:
        world = World(api, shop, loses=False)
        world.asks(NOON - EVERY)
        shop.accounts = {number: an_account(number, NOON + number * MINUTE) for number in range(1, 251)}
        repaired = [world.asks(NOON + 250 * MINUTE + each).repaired for each in (SETTLED, EVERY, 2 * EVERY)]

    signed_up = {loaded.customer.facts.signed_up_at for loaded in world.house.everybody()}
    assert repaired == [250, 0, 0]
    assert signed_up == {NOON + number * MINUTE for number in range(1, 251)}


def test_a_shop_that_answers_badly_is_read_to_the_end_later_and_loses_nothing(story: list[Change]) -> None:
    shop = Shop()
    faults = {
        2: Fault(500), 3: Fault(429, headers={"Retry-After": "86400"}),
        6: Fault(200, b"<html>"), 7: Fault(301, headers={"Location": "https://elsewhere.example/"}),
        8: Fault(200, b'[{"id": 1', {"Content-Length": "900"}),
    }  # fmt: skip

    def answer(number: int) -> None:
        if fault := faults.get(number):
            raise fault

    with served(shop) as api:
        world = World(api, shop, loses=True)
        for change in story:
            shop.change(change.order, change.at, **change.fields)
        shop.before_answer = answer
        reports = [world.asks(END + number * MINUTE) for number in range(5)]

    assert [report.failed.get("demo") for report in reports] == [
        "the answer is no list of what was asked for",
        "answered 301",
        "no answer: ProtocolError",
        None,
        None,
    ]
    assert missing_events(world) == 0
    assert sum(report.caught_up for report in reports) > ORDERS
    assert sum(report.repaired for report in reports) == 0, "nobody had read this shop before"
