"""What was only named: asked for, read like a delivery, or put aside with a reason that a merchant can act on."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.signing import signed
from infra.local.sqlite_table import SqliteTable
from perennial.aws.quarantine import Quarantine
from perennial.domain.events import parse_event
from perennial.fetching import Fetch, Fetcher
from perennial.ingest import Ingest
from perennial.sources import bigcommerce
from perennial.vendor_api import Answer, ApiError, Denied, NotFound, Unavailable
from tests.builders import MINUTE, NOON
from tests.house import FrozenClock, ListQueue
from tests.unit.test_source_bigcommerce import a_customer, a_hook, a_refund, a_shipment, an_order

SECRET = "the header's secret"


class Shop:
    """BigCommerce's API: path -> what it answers. As `Api`."""

    def __init__(self, **orders: Any) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        self.asked.append(path)
        found = self.answers.get(path, NotFound("answered 404"))
        if isinstance(found, ApiError):
            raise found
        return Answer(found if isinstance(found, bytes) else json.dumps(found).encode(), {})


class World:
    def __init__(self) -> None:
        self.orders, self.fetches = ListQueue(), ListQueue()
        self.quarantine, self.clock = Quarantine(SqliteTable(Database())), FrozenClock()
        lanes: Any = {"orders": self.orders, "fetches": self.fetches}
        self.ingest = Ingest(self, lanes, self.quarantine, self.clock)
        self.shop: Shop | None = Shop()
        self.fetcher = Fetcher({"bigcommerce": bigcommerce}, lambda source, store: self.shop, self.ingest)

    def of(self, source: str, store: str) -> tuple[str, ...]:
        return (SECRET,)

    def refresh(self) -> bool:
        return False

    def hears(self, hook: Mapping[str, Any]) -> Mapping[str, Any]:
        body = json.dumps(hook).encode()
        return self.ingest.receive("bigcommerce", "demo", signed("bigcommerce", body, {}, SECRET, NOON), body).body

    def fetch_all(self) -> None:
        waiting, self.fetches.sent = self.fetches.sent, []
        for message in waiting:
            self.fetcher.fetch(Fetch.model_validate_json(message.body))

    @property
    def heard(self) -> list[str]:
        return [parse_event(message.body).type for message in self.orders.sent]

    @property
    def reasons(self) -> list[str]:
        return [entry.reason for entry in self.quarantine.list().entries]


@pytest.fixture
def world() -> World:
    return World()


def test_a_hook_is_answered_at_once_and_its_order_fetched_later(world: World) -> None:
    answer = world.hears(a_hook())

    assert (answer["accepted"], answer["quarantined"]) == (0, [])
    assert "order 250" in answer["ignored"][0]["reason"]
    assert (world.heard, world.reasons) == ([], [])

    assert world.shop is not None
    world.shop.answers["/v2/orders/250"] = an_order()
    world.fetch_all()

    assert world.heard == ["order.placed", "order.paid"]
    assert (world.reasons, world.shop.asked) == ([], ["/v2/orders/250"])


def test_what_belongs_to_the_order_is_fetched_with_it(world: World) -> None:
    assert world.shop is not None
    world.shop.answers = {
        "/v2/orders/250": an_order(status_id=14, items_shipped=1),
        "/v2/orders/250/shipments": [a_shipment()],
        "/v3/orders/250/payment_actions/refunds": {"data": [a_refund()]},
    }

    world.hears(a_hook("store/order/refund/created", refund={"refund_id": 3}))
    world.fetch_all()

    assert world.heard == ["order.placed", "order.paid", "order.shipped", "order.refunded"]


def test_a_shop_that_answers_with_nothing_has_no_parcels(world: World) -> None:
    """BigCommerce answers 204 for an empty list."""
    assert world.shop is not None
    world.shop.answers = {"/v2/orders/250": an_order(status_id=2), "/v2/orders/250/shipments": b""}

    world.hears(a_hook())
    world.fetch_all()

    assert world.heard == ["order.placed", "order.paid", "order.shipped"]


def test_a_customer_is_fetched_too(world: World) -> None:
    assert world.shop is not None
    world.shop.answers["/v3/customers?id:in=25"] = {"data": [a_customer()]}

    world.hears(a_hook("store/customer/updated", id=25))
    world.fetch_all()

    assert world.heard == ["customer.signed_up", "customer.updated"]


def test_an_order_that_is_fetched_twice_gives_the_same_events(world: World) -> None:
    assert world.shop is not None
    world.shop.answers["/v2/orders/250"] = an_order()

    for scope in ("store/order/created", "store/order/statusUpdated"):
        world.hears(a_hook(scope))
    world.fetch_all()

    ids = [parse_event(message.body).id for message in world.orders.sent]
    assert (len(ids), len(set(ids))) == (4, 2)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (NotFound("answered 404"), "order 250 could not be fetched: the shop has no such order"),
        (Denied("answered 401"), "order 250 could not be fetched: the shop refuses our API key"),
        (None, "order 250 could not be fetched: there is no API key for this store"),
    ],
)
def test_what_only_a_person_can_mend_is_put_aside_and_fetched_when_it_is_replayed(
    world: World, trouble: ApiError | None, reason: str
) -> None:
    shop = world.shop
    assert shop is not None
    world.shop, shop.answers["/v2/orders/250"] = (shop if trouble else None), trouble
    world.hears(a_hook())
    world.fetch_all()
    [entry] = world.quarantine.list().entries
    assert entry.reason.startswith(reason)
    assert world.heard == []

    world.shop, shop.answers["/v2/orders/250"] = shop, an_order()
    assert world.ingest.replay(entry.id) is not None
    world.fetch_all()

    assert world.heard == ["order.placed", "order.paid"]
    assert world.reasons == []


@pytest.mark.parametrize("trouble", [Unavailable("answered 503"), b"<html>being mended</html>", b'{"id": 25'])
def test_what_may_come_right_by_itself_is_left_to_the_queue(world: World, trouble: Any) -> None:
    assert world.shop is not None
    world.shop.answers["/v2/orders/250"] = trouble

    world.hears(a_hook())
    with pytest.raises(Unavailable):
        world.fetch_all()

    assert (world.heard, world.reasons) == ([], [])


def test_a_part_that_cannot_be_had_holds_up_the_whole(world: World) -> None:
    """Told without its refund, the order would be the same order with the same ids, and the refund never told."""
    assert world.shop is not None
    world.shop.answers = {"/v2/orders/250": an_order(status_id=4), "/v3/orders/250/payment_actions/refunds": b"<html>"}

    world.hears(a_hook())
    with pytest.raises(Unavailable):
        world.fetch_all()

    assert world.heard == []


def test_an_order_that_we_cannot_read_is_kept_as_it_was_fetched_and_can_be_replayed(world: World) -> None:
    assert world.shop is not None
    world.shop.answers["/v2/orders/250"] = an_order(status_id=99)

    world.hears(a_hook())
    world.fetch_all()
    [entry] = world.quarantine.list().entries
    world.clock.time += MINUTE
    reply = world.ingest.replay(entry.id)

    assert "status_id" in entry.reason
    assert reply is not None
    assert reply.body["quarantined"], "read as what it is: a fetched order, and still not understood"
    assert world.fetches.sent == []


def test_a_message_names_nobody_and_one_order_has_one_group(world: World) -> None:
    for scope in ("store/order/created", "store/order/updated"):
        world.hears(a_hook(scope))
    world.hears(a_hook(id=251))

    groups = [message.group for message in world.fetches.sent]
    assert (groups[0] == groups[1], groups[0] == groups[2]) == (True, False)


def test_an_order_that_somebody_posts_instead_of_us_is_not_believed(world: World) -> None:
    body = json.dumps({"order": an_order(total_inc_tax="0.01")}).encode()
    headers = signed("bigcommerce", body, {"perennial-fetched": "order"}, SECRET, NOON)

    answer = world.ingest.receive("bigcommerce", "demo", headers, body).body

    assert (answer["accepted"], len(answer["quarantined"]), world.heard) == (0, 1, [])
