"""How a shop's orders are walked: no gap, whatever changes meanwhile; the cursor never passes what was not stored."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial import reconciling
from perennial.ingest import Reading
from perennial.reconciling import (
    ENOUGH_MS,
    FIRST_LOOK,
    NEWER_SHOP,
    OVERLAP,
    PAGE,
    SETTLED,
    Cursor,
    Overtaken,
    Reconciler,
    Report,
    Unreconciled,
    begun,
    first_cursor,
    read_page,
)
from perennial.vendor_api import Answer, Denied, Unavailable
from tests.builders import HOUR, MINUTE, NOON, SAME_EVERY_TIME
from tests.house import FrozenClock
from tests.shops import Shop, an_account, gmt, seconds

START = NOON - 3 * HOUR
ORDERS = "woocommerce#demo#orders"


class Change(NamedTuple):
    """Stands for the events of an order as it was read."""

    order: int
    at: str

    @property
    def id(self) -> str:
        return f"{self.order}:{self.at}"


class Kept:
    """Bookmarks and ingest in one: what was stored, in its order, and how far the cursor came."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, int]] = {}
        self.stored: list[tuple[int, str]] = []
        """(order, when it was changed), as often as it was stored."""
        self.breaks_at: int | None = None
        self.passed: list[int] = []
        """How much was stored whenever the cursor moved."""

    def read(self, name: str) -> tuple[str, int]:
        return self.kept.get(name, ("", 0))

    def write(self, name: str, text: str, version: int) -> int:
        if version != self.read(name)[1]:
            raise Overtaken(name)
        self.kept[name] = (text, version + 1)
        if name == ORDERS:
            self.passed.append(len(self.stored))
        return version + 1

    def lacking(self, events: list[Any]) -> list[Any]:
        return events

    def understood(self, source: str, store: str, headers: object, parts: Iterable[bytes]) -> Reading:
        told = (json.loads(part) for part in parts)
        reading: Any = Reading()
        reading.events = [
            Change(each["id"], each.get("date_modified_gmt") or each["date_created_gmt"]) for each in told
        ]
        return reading

    def keep(self, source: str, store: str, headers: object, reading: Any) -> None:
        if self.breaks_at is not None and len(self.passed) >= self.breaks_at:
            raise ConnectionError("the queue is gone")
        self.stored += [(change.order, change.at) for change in reading.events]

    def stores(self, source: str) -> tuple[str, ...]:
        return ("demo",)

    @property
    def cursor(self) -> Cursor:
        return Cursor.model_validate_json(self.kept[ORDERS][0])


def run(shop: Shop, kept: Kept, now: datetime = NOON, budget: Sequence[int] = ()) -> Report:
    """One run; `budget` is what is left of its time whenever that is asked, then plenty."""
    left = iter(budget)
    reconciler = Reconciler(kept, lambda source, store: shop, kept, kept, kept, FrozenClock(now))  # type: ignore[arg-type]
    return reconciler.run(lambda: next(left, 10 * ENOUGH_MS))


def a_shop(orders: int, every: float = 7) -> Shop:
    shop = Shop()
    for number in range(1, orders + 1):
        shop.change(number, START + seconds(number * every))
    return shop


def states(shop: Shop) -> set[tuple[int, str]]:
    return {(order["id"], order["date_modified_gmt"]) for order in shop.orders.values()}


def test_every_order_of_many_pages_is_read_once_and_in_the_order_of_change() -> None:
    shop, kept = a_shop(350), Kept()

    report = run(shop, kept)

    assert set(kept.stored) == states(shop)
    assert len(kept.stored) == 350
    assert [changed for _, changed in kept.stored] == sorted(changed for _, changed in kept.stored)
    assert (report.caught_up, report.unfinished, report.failed) == (350, [], {})
    assert report.read == 353, "the last second of a page begins the next"
    assert kept.cursor.is_finished


def test_a_shop_is_first_asked_for_the_last_day_only() -> None:
    shop, kept = Shop(), Kept()
    shop.change(1, NOON - FIRST_LOOK - 2 * MINUTE)
    shop.change(2, NOON - FIRST_LOOK + MINUTE)

    run(shop, kept)

    assert [order for order, _ in kept.stored] == [2]


def test_what_a_new_shop_tells_is_no_repair_and_what_it_lost_later_is_one() -> None:
    shop, kept = a_shop(350), Kept()

    first = run(shop, kept, budget=[2 * ENOUGH_MS, 2 * ENOUGH_MS, ENOUGH_MS - 1])
    second = run(shop, kept)
    shop.change(400, NOON)
    third = run(shop, kept, NOON + 10 * MINUTE)

    assert {order for order, _ in kept.stored[:351]} == set(range(1, 351)), "one, where the first run stopped, twice"
    assert (first.caught_up + second.caught_up, first.repaired + second.repaired) == (351, 0)
    assert (third.caught_up, third.repaired > 0) == (0, True)


def test_what_changed_just_now_is_left_to_its_webhook_and_read_by_the_next_run() -> None:
    shop, kept = Shop(), Kept()
    shop.change(1, NOON - SETTLED - seconds(1))
    shop.change(2, NOON - SETTLED + seconds(1))

    run(shop, kept)
    assert [order for order, _ in kept.stored] == [1]

    run(shop, kept, NOON + 10 * MINUTE)
    assert {order for order, _ in kept.stored} == {1, 2}


def test_an_order_that_changes_while_it_is_read_hides_none_of_those_behind_it() -> None:
    """By pages it would: the first hundred lose one, the hundred and first moves up, and page two begins behind it."""
    shop, kept = a_shop(250), Kept()
    shop.before_answer = lambda number: shop.change(number, NOON - HOUR) if number > 1 else None
    before = states(shop)

    run(shop, kept)

    assert set(kept.stored) >= before - {(2, gmt(START + seconds(14))), (3, gmt(START + seconds(21)))}
    assert set(kept.stored) >= states(shop)


@pytest.mark.parametrize("counts_bounds", [False, True])
@pytest.mark.parametrize("before", [0, 99, 100, 150])
def test_a_second_that_fills_more_than_a_page_is_read_to_its_end(before: int, counts_bounds: bool) -> None:
    shop, kept = a_shop(before), Kept()
    shop.counts_bounds = counts_bounds
    for number in range(1_000, 1_000 + 3 * PAGE + 1):
        shop.change(number, NOON - HOUR)
    shop.change(2_000, NOON - HOUR + seconds(1))

    run(shop, kept)

    assert set(kept.stored) == states(shop)
    assert kept.cursor.is_finished


@pytest.mark.parametrize("size", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_a_second_at_the_edge_of_a_page_loses_nobody(size: int) -> None:
    shop, kept = Shop(), Kept()
    for number in range(size):
        shop.change(number + 1, NOON - HOUR)

    run(shop, kept)

    assert set(kept.stored) == states(shop)


def test_an_order_that_leaves_a_full_second_while_it_is_read_hides_none_behind_it() -> None:
    shop, kept = Shop(), Kept()
    for number in range(1, 3 * PAGE):
        shop.change(number, NOON - HOUR)
    leaving = {2: 5, 4: 7}
    shop.before_answer = lambda number: (
        shop.change(leaving[number], NOON - HOUR + MINUTE) if number in leaving else None
    )

    run(shop, kept)

    assert {order for order, _ in kept.stored} == set(shop.orders)
    assert set(kept.stored) >= states(shop)


def test_what_a_shop_dates_now_and_shows_later_is_found_by_the_overlap() -> None:
    shop, kept = a_shop(5), Kept()
    run(shop, kept)

    shop.change(77, kept.cursor.seen - OVERLAP + seconds(1))
    run(shop, kept, NOON + 10 * MINUTE)

    assert 77 in {order for order, _ in kept.stored}


def test_runs_without_anything_new_do_not_creep_back() -> None:
    shop, kept = a_shop(5), Kept()

    for number in range(20):
        run(shop, kept, NOON + number * 10 * MINUTE)

    assert kept.cursor.seen == START + seconds(35)
    assert shop.asked[-1]["modified_after"] == gmt(START + seconds(35) - OVERLAP - seconds(1))


def test_the_shops_clock_counts_and_not_ours() -> None:
    """A shop that is an hour behind would lose an hour of orders, were the cursor moved to our time."""
    shop, kept = a_shop(3), Kept()
    run(shop, kept)

    shop.change(50, START + MINUTE)
    run(shop, kept, NOON + 10 * MINUTE)

    assert 50 in {order for order, _ in kept.stored}


@pytest.mark.parametrize("crash", [0, 1, 2, 3])
def test_a_crash_between_pages_costs_nothing_but_a_page_read_twice(crash: int) -> None:
    shop, kept = a_shop(350), Kept()
    kept.breaks_at = crash

    with pytest.raises(ConnectionError):
        run(shop, kept)
    before = len(kept.stored)
    assert kept.passed == sorted(kept.passed)
    kept.breaks_at = None
    run(shop, kept)

    assert set(kept.stored) == states(shop)
    assert len(kept.stored) <= 350 + 2 * 4, "what was stored before the crash is not read again"
    assert before == crash * PAGE - max(0, crash - 1), "an order at the edge of two pages is stored once"


@pytest.mark.parametrize(
    "answer", [b"<html>being mended</html>", b'{"code": "x"}', b"[1]", b"[{}]", b'[{"date_modified_gmt": null}]', b""]
)
def test_what_is_no_list_of_orders_moves_nothing(answer: bytes) -> None:
    shop, kept = a_shop(250), Kept()
    listed = shop.get
    shop.get = lambda path, query=None: (  # type: ignore[method-assign]
        Answer(answer, {}) if len(shop.asked) == 1 else listed(path, query)
    )

    report = run(shop, kept)

    assert report.failed == {"demo": "the answer is no list of what was asked for"}
    assert len(kept.passed) == 1, "the first page was stored, and no more"
    with pytest.raises(Unreconciled, match="demo: the answer is no list"):
        report.require_success()


@pytest.mark.parametrize("why", [Unavailable("answered 500"), Denied("answered 401")])
def test_a_shop_that_fails_keeps_no_other_shop_waiting(why: Exception) -> None:
    class Two(Kept):
        def stores(self, source: str) -> tuple[str, ...]:
            return ("bad", "demo")

    class Broken(Shop):
        def get(self, *_: object) -> Answer:
            raise why

    kept, shop = Two(), a_shop(5)
    apis = {"bad": Broken(), "demo": shop}
    reconciler = Reconciler(kept, lambda _, store: apis[store], kept, kept, kept, FrozenClock(NOON))  # type: ignore[arg-type]

    report = reconciler.run(lambda: 10 * ENOUGH_MS)

    assert report.failed == {"bad": str(why)}
    assert set(kept.stored) == states(shop)


def test_a_run_stops_before_its_time_is_up_and_the_next_goes_on_from_there() -> None:
    shop, kept = a_shop(350), Kept()

    report = run(shop, kept, budget=[2 * ENOUGH_MS, 2 * ENOUGH_MS, ENOUGH_MS + 1, ENOUGH_MS - 1])

    assert (report.unfinished, report.failed, len(kept.stored)) == (["demo"], {}, 2 * PAGE - 1)
    report = run(shop, kept)
    assert report.unfinished == []
    assert set(kept.stored) == states(shop)
    assert len(kept.stored) <= 350 + 5, "nothing of the first run is read again"


def test_two_runs_at_once_do_not_set_each_other_back() -> None:
    shop, kept = a_shop(350), Kept()
    shop.before_answer = lambda number: run(a_shop(350), kept) if number == 2 else None

    report = run(shop, kept)

    assert report.unfinished == ["demo"]
    assert kept.cursor.is_finished
    assert set(kept.stored) == states(shop)


def test_a_shop_too_old_to_filter_by_change_says_so_instead_of_being_read_for_ever() -> None:
    shop, kept = a_shop(5), Kept()
    shop._within = lambda order: True  # type: ignore[method-assign]
    shop.change(99, NOON - 30 * FIRST_LOOK)

    assert run(shop, kept).failed == {"demo": NEWER_SHOP}
    assert kept.stored == []


def test_a_list_in_another_order_is_refused() -> None:
    times = ["2026-06-15T11:00:02", "2026-06-15T11:00:01"]
    body = json.dumps([{"date_modified_gmt": each} for each in times]).encode()

    with pytest.raises(Denied):
        read_page(Answer(body, {}), Cursor(at=NOON - HOUR, seen=NOON - HOUR))


def test_a_shop_without_a_key_is_not_asked() -> None:
    kept = Kept()
    kept.stores = lambda source: ()  # type: ignore[method-assign]

    report = run(Shop(), kept)

    assert (report, kept.passed) == (Report(), [])


def test_a_key_that_is_taken_away_during_the_run_is_told() -> None:
    kept = Kept()
    reconciler = Reconciler(kept, lambda *_: None, kept, kept, kept, FrozenClock(NOON))  # type: ignore[arg-type]

    assert "taken out" in reconciler.run(lambda: 10 * ENOUGH_MS).failed["demo"]


def test_a_cursor_begins_at_the_overlap_only_when_its_run_came_to_the_end() -> None:
    stopped = Cursor(at=NOON, seen=NOON, page=3, total=250)

    assert begun(stopped) == stopped
    assert begun(Cursor(at=NOON, seen=NOON, is_finished=True)) == Cursor(at=NOON - OVERLAP, seen=NOON)
    assert first_cursor(NOON).is_finished is False


@settings(SAME_EVERY_TIME, max_examples=200)
@given(
    seconds_of=st.lists(st.integers(0, 4), max_size=14),
    leaving=st.dictionaries(st.integers(1, 12), st.integers(1, 14), max_size=8),
    counts_bounds=st.booleans(),
)
def test_no_order_is_missed_whichever_change_while_they_are_read(
    seconds_of: list[int], leaving: dict[int, int], counts_bounds: bool
) -> None:
    """Pages of three, many orders a second, no overlap that would cover up; at some requests an order changes."""
    shop, kept = Shop(), Kept()
    shop.counts_bounds = counts_bounds
    for number, second in enumerate(seconds_of, start=1):
        shop.change(number, NOON - HOUR + seconds(second))
    at_first = states(shop)

    def change(request: int) -> None:
        if (number := leaving.get(request)) in shop.orders:
            shop.change(number, NOON + seconds(request))

    shop.before_answer = change
    with patch.object(reconciling, "PAGE", 3), patch.object(reconciling, "OVERLAP", timedelta(0)):
        run(shop, kept)
        unchanged = at_first & states(shop)
        assert set(kept.stored) >= unchanged
        shop.before_answer = lambda request: None
        run(shop, kept, NOON + 10 * MINUTE)

    assert set(kept.stored) >= states(shop)


# Accounts


def test_accounts_are_read_back_to_the_newest_that_was_seen() -> None:
    shop, kept = Shop(), Kept()
    shop.accounts = {number: an_account(number, START + number * MINUTE) for number in range(1, 151)}
    run(shop, kept)
    assert {number for number, _ in kept.stored} == set(range(1, 151))

    kept.stored.clear()
    shop.accounts[151] = an_account(151, START + 150 * MINUTE + seconds(1))
    run(shop, kept, NOON + 10 * MINUTE)

    assert {number for number, _ in kept.stored} == set(range(140, 152)), "the overlap, and the new one"


def test_an_account_that_was_made_just_now_is_left_to_its_webhook() -> None:
    shop, kept = Shop(), Kept()
    shop.accounts = {1: an_account(1, NOON - SETTLED + seconds(1))}

    run(shop, kept)
    assert kept.stored == []

    run(shop, kept, NOON + 10 * MINUTE)
    assert [number for number, _ in kept.stored] == [1]


def test_accounts_that_could_not_be_stored_are_read_again() -> None:
    shop, kept = Shop(), Kept()
    shop.accounts = {number: an_account(number, START + number * MINUTE) for number in range(1, 4)}
    kept.breaks_at = 1

    with pytest.raises(ConnectionError):
        run(shop, kept)
    kept.breaks_at = None
    run(shop, kept)

    assert {number for number, _ in kept.stored} == {1, 2, 3}
