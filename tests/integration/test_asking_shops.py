"""The functions that ask shops, as AWS and the laptop house call them."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.fetch import app as fetch
from functions.reconcile import app as reconcile
from infra.local.client import Client
from infra.local.database import Database
from infra.local.findings import Findings
from infra.local.house import House as LaptopHouse
from infra.local.signing import signed
from infra.local.sqlite_table import SqliteTable
from infra.local.state import State
from perennial.aws import wiring
from perennial.aws.api_keys import BigCommerceKey, Book
from perennial.aws.bookmarks import TableBookmarks
from perennial.aws.journals import TableJournals
from perennial.fetching import Fetch
from perennial.reconciling import Overtaken, Report, Unreconciled
from perennial.vendor_api import Unavailable
from tests.builders import NOON, an_event, placed
from tests.house import SECRET, House
from tests.unit.test_source_bigcommerce import a_shipment, an_order

LAMBDA = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn",
    aws_request_id="1",
    get_remaining_time_in_millis=lambda: 300_000,
)
HOOK = {"scope": "store/order/created", "store_id": "1", "data": {"type": "order", "id": 250}, "hash": "h"}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    yield
    wiring.reset()


# The functions


def a_record(number: int) -> dict[str, Any]:
    asked = Fetch(source="bigcommerce", store="demo", kind="order", id=str(number), hook="{}")
    return {"messageId": f"m-{number}", "body": asked.model_dump_json(), "eventSource": "aws:sqs"}


def test_what_could_not_be_fetched_now_comes_back_and_the_rest_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fetcher:
        def fetch(self, asked: Fetch) -> None:
            if asked.id == "2":
                raise Unavailable("answered 503 to somebody@example.com")

    log = io.StringIO()
    monkeypatch.setattr(fetch.logger.registered_handler, "stream", log)
    wiring.install(fetcher=Fetcher())

    answer = fetch.handler({"Records": [a_record(1), a_record(2), a_record(3)]}, LAMBDA)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert "Unavailable" in log.getvalue()
    assert "somebody" not in log.getvalue()


class Reconciled:
    def __init__(self, report: Report) -> None:
        self.report = report

    def run(self, remaining_ms: Any) -> Report:
        assert remaining_ms() == 300_000
        return self.report


def test_each_run_logs_what_the_metric_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(reconcile.logger.registered_handler, "stream", log)
    table = SqliteTable(Database())
    wiring.install(reconciler=Reconciled(Report(read=40, repaired=3, repaired_in={"demo": 3})), table=table)

    assert reconcile.handler({}, LAMBDA)["repaired"] == 3

    assert wiring.pulses().repairs() == {("woocommerce", "demo"): 3}
    line = json.loads(log.getvalue())
    assert (line["repaired"], line["source"], line["read"]) == (3, "woocommerce", 40)


def test_a_shop_that_could_not_be_read_makes_the_run_fail_after_it_was_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(reconcile.logger.registered_handler, "stream", log)
    failed = Report(repaired=3, failed={"demo": "answered 401"})
    wiring.install(reconciler=Reconciled(failed), table=SqliteTable(Database()))

    with pytest.raises(Unreconciled, match="demo: answered 401"):
        reconcile.handler({}, LAMBDA)

    assert json.loads(log.getvalue().splitlines()[0])["repaired"] == 3


# The laptop house


def test_on_a_laptop_a_hook_waits_in_quarantine_for_a_key_and_nobody_is_asked(tmp_path: Path) -> None:
    with LaptopHouse(State(tmp_path / "house")) as house:
        client, body = Client(house.stack), json.dumps(HOOK).encode()
        headers = signed("bigcommerce", body, {}, house.stack.secrets["bigcommerce"][0], datetime.now(UTC))

        assert client.post("/webhooks/bigcommerce/demo", body, headers).status == 200
        house.wait_until_quiet()
        house.pump.run_schedules()

        [entry] = client.get("/quarantine")["entries"]
        assert "no API key" in entry["reason"]
        assert house.dead_letters() == {}
    assert '"reconciled"' in (tmp_path / "house" / "house.log").read_text(encoding="utf-8")


class Pool:
    """Of connections, to a BigCommerce shop with one order. As urllib3's."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, url: str, *, headers: dict[str, str], **_: object) -> Any:
        self.asked.append((url, headers["x-auth-token"]))
        answer = {"orders/250": an_order(status_id=2), "orders/250/shipments": [a_shipment()]}[url.split("/v2/")[1]]
        body = io.BytesIO(json.dumps(answer).encode())
        return SimpleNamespace(status=200, headers={}, read=body.read, release_conn=lambda: None)


def test_with_a_key_a_hook_becomes_the_order_that_it_names(tmp_path: Path) -> None:
    pool = Pool()
    with LaptopHouse(State(tmp_path / "house")) as house:
        key = BigCommerceKey(store_hash="x1y2z3", token="tok-9999")
        wiring.install(api_keys=Book({"bigcommerce/demo": key}), vendor_pool=pool)
        client, body = Client(house.stack), json.dumps(HOOK).encode()
        for _ in range(2):
            headers = signed("bigcommerce", body, {}, house.stack.secrets["bigcommerce"][0], datetime.now(UTC))
            assert client.post("/webhooks/bigcommerce/demo", body, headers).status == 200
        house.wait_until_quiet()

        [loaded] = Findings.of(house.table).customers
        assert client.get("/quarantine")["entries"] == []

    root = "https://api.bigcommerce.com/stores/x1y2z3/v2/orders/250"
    assert pool.asked == [(root, "tok-9999"), (f"{root}/shipments", "tok-9999")] * 2
    order = loaded.facts.orders["250"]
    assert (order.placed_at, order.shipped_at) == (
        datetime(2026, 6, 1, 10, tzinfo=UTC),
        datetime(2026, 6, 3, 9, tzinfo=UTC),
    )
    assert list(order.parcels) == ["YT1"]


# What they keep in the table


def test_a_bookmark_is_written_over_only_by_who_read_it_last() -> None:
    bookmarks = TableBookmarks(SqliteTable(Database()))
    assert bookmarks.read("woocommerce#demo#orders") == ("", 0)

    first = bookmarks.write("woocommerce#demo#orders", "one", 0)
    with pytest.raises(Overtaken):
        bookmarks.write("woocommerce#demo#orders", "other", 0)
    second = bookmarks.write("woocommerce#demo#orders", "two", first)

    assert bookmarks.read("woocommerce#demo#orders") == ("two", second)
    with pytest.raises(Overtaken):
        bookmarks.write("woocommerce#demo#orders", "late", first)
    assert bookmarks.read("woocommerce#demo#accounts") == ("", 0)


def test_a_journal_lacks_what_was_never_applied_and_nothing_else() -> None:
    house = House()
    heard, unheard = placed(order="o-1"), placed(order="o-2")
    stranger = an_event("order.placed", order={"id": "o-3"}, customer={"email": "new@example.com"})
    house.hears(heard)

    lacking = TableJournals(house.store, SECRET).lacking([heard, unheard, stranger])

    assert [event.id for event in lacking] == [unheard.id, stranger.id]
    assert TableJournals(house.store, SECRET).lacking([]) == []


def test_an_event_is_found_though_its_customer_was_known_by_less_when_it_came() -> None:
    """It was a guest's; the same order is an account's now, whom the strongest key would not lead to."""
    house = House()
    as_guest = an_event(
        "order.placed", NOON, event_id="w-1", order={"id": "o-1"}, customer={"email": "mia@example.com"}
    )
    house.hears(as_guest)
    now = {"ids": {"woocommerce": "7"}, "email": "mia@example.com"}
    with_account = an_event("order.placed", NOON, event_id="w-1", order={"id": "o-1"}, customer=now)

    assert TableJournals(house.store, SECRET).lacking([with_account]) == []
