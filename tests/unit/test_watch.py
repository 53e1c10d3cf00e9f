"""What the watch sees: who is silent, what is new in quarantine; and what the door notes of who was heard."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.coupons import Pools
from perennial.aws.holds import Holds
from perennial.aws.pulses import SOURCES, Pulses
from perennial.aws.quarantine import Entry, Quarantine
from perennial.aws.reputation import Reputation
from perennial.aws.table import Busy, Write
from perennial.deliverability import Guard
from perennial.domain.events import PrivacyRequested
from perennial.privacy.requests import Requests
from perennial.watch import Watch
from tests.builders import DAY, HOUR, MINUTE, NOON, an_event
from tests.house import BreakableTable, ListQueue

QUARTER = 15 * MINUTE


@pytest.fixture
def table() -> BreakableTable:
    return BreakableTable(SqliteTable(Database()))


@pytest.fixture
def watch(table: BreakableTable) -> Watch:
    guard = Guard(Reputation(table), Holds(table))
    return Watch(table, Pulses(table), Quarantine(table), Requests(table), ListQueue(), Pools(table), guard)


def an_entry(number: int, received: timedelta, source: str = "shopify") -> Entry:
    return Entry(id=f"q{number}", source=source, store="demo", received_at=NOON + received, reason="odd", payload=b"{}")


def test_who_is_heard_is_noted_at_most_once_a_minute(table: BreakableTable) -> None:
    pulses, writes = Pulses(table), list[Sequence[Write]]()
    table.before = writes.append

    for second in range(0, 120, 10):
        pulses.heard("shopify", "demo", NOON + timedelta(seconds=second))
    pulses.heard("zendesk", "demo", NOON)

    assert len(writes) == 3
    [shop, desk] = pulses.all()
    assert (shop.source, shop.store, shop.minutes) == ("shopify", "demo", 2)
    assert shop.last == NOON + MINUTE
    assert desk.source == "zendesk"


def test_two_doors_count_together(table: BreakableTable) -> None:
    for _ in range(2):
        Pulses(table).heard("shopify", "demo", NOON)

    assert [each.minutes for each in Pulses(table).all()] == [2]


@pytest.mark.parametrize("fault", [Busy, ConnectionError])
def test_what_cannot_be_counted_does_not_cost_a_delivery(table: BreakableTable, fault: type[Exception]) -> None:
    def fail(_: Sequence[Write]) -> None:
        raise fault

    table.before = fail
    Pulses(table).heard("shopify", "demo", NOON)

    assert table.query(SOURCES).items == ()


def test_entries_are_new_once_and_strays_are_none(watch: Watch) -> None:
    assert watch.run(NOON).new_in_quarantine == 0
    watch.quarantine.put(an_entry(1, MINUTE))
    watch.quarantine.put(an_entry(2, 2 * MINUTE))
    watch.quarantine.put(an_entry(3, 2 * MINUTE, source="perennial"))

    assert watch.run(NOON + QUARTER).new_in_quarantine == 2
    assert watch.run(NOON + 2 * QUARTER).new_in_quarantine == 0


def test_a_source_that_falls_silent_is_seen_and_named(watch: Watch) -> None:
    now = NOON
    while now < NOON + 15 * DAY:
        now += QUARTER
        for _ in range(3):
            Pulses(watch.table).heard("shopify", "demo", now)
        assert watch.run(now).silent == ()

    seen = watch.run(now + 2 * HOUR)

    assert (seen.silent_sources, seen.silent, seen.longest_silence_minutes) == (1, ("shopify/demo",), 120)


def test_who_waits_for_an_answer_about_their_data_is_counted(watch: Watch) -> None:
    asked = an_event("privacy.requested", request="export", request_id="r-1")
    assert isinstance(asked, PrivacyRequested)
    request = watch.requests.change(watch.requests.noted(asked), {"state": "waits"})
    assert watch.run(NOON).requests_waiting == 1

    watch.requests.change(request, {"state": "done"})

    assert watch.run(NOON + QUARTER).requests_waiting == 0


@pytest.mark.parametrize(("codes", "low"), [(49, 1), (50, 0)])
def test_a_pool_that_is_nearly_empty_is_told(watch: Watch, table: BreakableTable, codes: int, low: int) -> None:
    Pools(table).add("vip", [f"CODE{number}" for number in range(codes)], "ada", NOON)

    assert watch.run(NOON).low_coupon_pools == low
