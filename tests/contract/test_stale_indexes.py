"""Indexes are eventually consistent: what the house makes of an entry that moved already, or is not there yet."""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.admin.desk import Desk, Filter
from perennial.admin.directory import places, walk
from perennial.aws.policies import Policies
from perennial.aws.store import DIRECTORY_SHARDS, due_shards, record_key
from perennial.aws.table import BadCursor, Delete, Invalid, Item, Page, Put, Table, Update, Write
from perennial.domain.customer import Stage
from perennial.domain.events import Event, impersonal
from perennial.sweep import Sweep
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    SAME_EVERY_TIME,
    a_cart,
    a_play,
    an_event,
    folded,
    placed,
    the_policy,
    with_plays,
    written,
)
from tests.house import SECRET, House
from tests.lives import a_life
from tests.stale import Lag, StaleIndexes, by_seed

LONG = 1_000
"""Writes: more than any of these tests makes."""


def as_stale_as_can_be(most: int) -> int:
    return most


def a_stale_table(staleness: int = LONG, lag: Lag = as_stale_as_can_be) -> StaleIndexes:
    return StaleIndexes(SqliteTable(Database()), staleness, lag)


def an_entry(customer: str, due: str, shard: str = "due#00") -> Put:
    return Put(Item(record_key(customer), "", {"due_shard": shard, "due": due}))


def dues(table: Table, shard: str = "due#00", **bounds: str) -> list[str]:
    return [str(item.attributes["due"]) for item in table.index("due", shard, **bounds).items]  # type: ignore[arg-type]


# The wrapper


def test_an_index_shows_what_was_there_so_many_writes_ago() -> None:
    table = a_stale_table(staleness=2)

    for month in ("01", "02", "03", "04"):
        table.write([an_entry("1", month)])

    assert dues(table) == ["02"]
    assert table.stale_answers == 1


def test_what_an_index_has_not_seen_yet_appears_when_it_catches_up() -> None:
    table = a_stale_table()
    table.write([an_entry("1", "01")])
    assert dues(table) == []

    table.catch_up()

    assert dues(table) == ["01"]
    table.write([an_entry("1", "02")])
    table.staleness = 0
    assert dues(table) == ["02"]


def test_an_entry_that_moved_or_went_is_still_where_it_was() -> None:
    table = a_stale_table()
    table.write([an_entry("1", "01"), an_entry("2", "01"), an_entry("3", "01")])
    table.catch_up()

    table.write([an_entry("1", "05", shard="due#01")])
    table.write([Update(record_key("2"), remove=("due",))])
    table.write([Delete(record_key("3"))])

    assert dues(table) == ["01", "01", "01"]
    assert dues(table, "due#01") == []


def test_items_themselves_are_never_behind() -> None:
    table = a_stale_table()

    table.write([an_entry("1", "01")])

    assert table.get([record_key("1")])
    assert table.query("C#1").items


def test_a_refused_write_changes_nothing_that_is_seen() -> None:
    table = a_stale_table(staleness=1)
    table.write([an_entry("1", "01")])

    with pytest.raises(Invalid):
        table.write([an_entry("1", "")])

    assert dues(table) == ["01"]


KEYS, SHARDS = st.sampled_from("abcdef"), st.sampled_from(["due#00", "due#01"])
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.builds(an_entry, KEYS, st.sampled_from(["01", "02", "03", "11"]), SHARDS),
    st.builds(lambda key: Put(Item(record_key(key))), KEYS),
    st.builds(lambda key: Delete(record_key(key)), KEYS),
    st.builds(lambda key, shard: Update(record_key(key), {"due_shard": shard}), KEYS, SHARDS),
    st.builds(lambda key: Update(record_key(key), {"due": "02"}), KEYS),
    st.builds(lambda key: Update(record_key(key), remove=("due",)), KEYS),
)
TRANSACTIONS = st.lists(st.lists(WRITES, min_size=1, max_size=3, unique_by=lambda write: write.key), max_size=12)
BOUNDS = st.fixed_dictionaries({}, optional={"prefix": st.just("0"), "upto": st.just("02")})


def all_of(table: Table, shard: str, limit: int, bounds: dict[str, str]) -> list[Item]:
    items, cursor = list[Item](), None
    while True:
        page: Page = table.index("due", shard, limit=limit, cursor=cursor, **bounds)
        items, cursor = [*items, *page.items], page.cursor
        if cursor is None:
            return items


@settings(SAME_EVERY_TIME, max_examples=150)
@given(TRANSACTIONS, st.integers(0, 5), st.integers(1, 4), BOUNDS, SHARDS)
def test_it_shows_exactly_what_the_table_showed_so_many_writes_ago_page_by_page(
    transactions: Sequence[Sequence[Write]], staleness: int, limit: int, bounds: dict[str, str], shard: str
) -> None:
    """`staleness` 0 is the table as it is."""
    table, then = a_stale_table(staleness), SqliteTable(Database())

    for transaction in transactions:
        table.write(transaction)
    for transaction in transactions[: max(0, len(transactions) - staleness)]:
        then.write(transaction)

    assert all_of(table, shard, limit, bounds) == all_of(then, shard, limit, bounds)


def test_a_seed_always_gives_the_same_lags_and_any_number_of_writes() -> None:
    lags, same = by_seed(5), by_seed(5)

    drawn = [lags(3) for _ in range(100)]

    assert drawn == [same(3) for _ in range(100)]
    assert set(drawn) == {0, 1, 2, 3}


def test_a_cursor_from_elsewhere_is_refused_by_it_too() -> None:
    with pytest.raises(BadCursor):
        a_stale_table().index("due", "due#00", cursor="?")


# The house on it

TOMORROW = a_play(id="tomorrow", on="order.placed", after="1d")
QUIET = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}


def a_house(*plays: dict[str, object], lag: Lag = as_stale_as_can_be) -> tuple[House, StaleIndexes]:
    table = a_stale_table(lag=lag)
    return House(with_plays(*plays, caps=[], quiet_hours=QUIET), table), table


def swept(house: House) -> int:
    """One run of the sweep, and what came of it; returns how many timers it sent."""
    sent = Sweep(house.table, house.lane).run(house.clock.time)
    house.settles()
    return sent


def test_an_entry_that_is_not_visible_yet_is_found_by_a_later_sweep() -> None:
    house, table = a_house(TOMORROW)
    house.hears(placed())
    house.clock.time = NOON + DAY
    assert swept(house) == 0

    table.catch_up()
    house.clock.time += MINUTE

    assert swept(house) == 1
    assert [(action.play, action.decided_at) for action in house.actions] == [("tomorrow", NOON + DAY + MINUTE)]


def test_an_entry_that_fired_already_only_repeats_what_it_asked_for() -> None:
    house, table = a_house(TOMORROW)
    house.hears(placed())
    table.catch_up()
    house.clock.time = NOON + DAY
    swept(house)
    after_the_first = house.written(placed())

    house.clock.time += MINUTE

    assert swept(house) == 1
    assert house.written(placed()) == after_the_first
    assert [action.id for action in house.actions] == [house.actions[0].id] * 2


def test_an_entry_that_was_put_right_already_stays_so() -> None:
    house, table = a_house(a_play(id="cart", on="cart.abandoned", after="4h"))
    house.hears(a_cart(NOON))
    house.hears(a_cart(NOON + 3 * HOUR))
    table.catch_up()
    house.clock.time = NOON + 4 * HOUR
    swept(house)
    put_right = house.loaded(a_cart()).armed

    assert swept(house) == 1
    assert put_right is not None
    assert put_right.due == NOON + 7 * HOUR
    assert house.loaded(a_cart()).armed == put_right


def test_an_entry_of_somebody_who_is_gone_is_let_go() -> None:
    house, table = a_house(TOMORROW)
    house.hears(placed())
    table.catch_up()
    key = record_key(house.record(placed()).id)
    house.table.write([Delete(key)])
    house.clock.time = NOON + DAY

    assert swept(house) == 1
    assert table.get([key]) == {}
    assert house.actions == []


@settings(SAME_EVERY_TIME, max_examples=40)
@given(a_life, st.integers(0, 2**16))
def test_a_life_with_indexes_that_lag_loses_nothing_and_does_nothing_twice(life: list[Event], seed: int) -> None:
    first = an_event("product.viewed")
    table = a_stale_table(staleness=30, lag=by_seed(seed))
    house = House(table=table)

    for event in [first, *life]:
        assert house.hears(event, now=max(event.time, house.clock.time)) == {}
        swept(house)
    table.staleness = 0
    house.passes(house.clock.time + 60 * DAY)

    record, armed = house.record(first), house.loaded(first).armed
    assert written(record.facts) == written(folded(map(impersonal, [first, *life])))
    assert len(house.journal(first)) == record.version
    assert len({action.id for action in house.actions}) == len({action.model_dump_json() for action in house.actions})
    assert [due for shard in due_shards() for due in dues(table, shard)] == ([armed.entry] if armed else [])
    assert record.due_at is None or record.due_at > house.clock.time


READS_UNTIL_ONBOARDING = list(Stage).index(Stage.ONBOARDING) * DIRECTORY_SHARDS


def everybody(table: Table, stage: Stage | None = None) -> list[str]:
    found, cursor = walk(table, where := places(stage, None, None), 2, None)
    while cursor is not None:
        more, cursor = walk(table, where, 2, cursor)
        found += more
    return found


def in_stage(customer: str, stage: Stage) -> Put:
    return Put(Item(record_key(customer), "{}", {"directory": f"{stage}#0", "directory_rank": f"new#-#{customer}"}))


def test_the_directory_shows_everybody_once_where_they_were_or_are() -> None:
    table = a_stale_table()
    table.write([in_stage(each, Stage.DECISION) for each in "abcde"])
    table.catch_up()

    table.write([in_stage("c", Stage.RETENTION)])

    assert sorted(everybody(table)) == [*"abcde"]
    assert "c" in everybody(table, Stage.DECISION)
    table.catch_up()
    assert sorted(everybody(table)) == [*"abcde"]
    assert everybody(table, Stage.RETENTION) == ["c"]


def test_whoever_moves_while_the_directory_is_read_is_listed_once_on_a_page() -> None:
    reads = count()
    house, table = a_house(lag=lambda most: most if next(reads) < READS_UNTIL_ONBOARDING else 0)
    house.hears(an_event("product.viewed"))
    table.catch_up()
    house.hears(placed())
    policies = Policies(table, house.clock, the_policy)
    desk = Desk(house.store, policies, None, None, SECRET, "demo", house.clock)  # type: ignore[arg-type]

    page = desk.browse(Filter(), limit=10, cursor=None)

    assert table.stale_answers
    assert [each.id for each in page.customers] == [house.record(placed()).id]
