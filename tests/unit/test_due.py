"""What is due next is known: asked of the index, or noticed as it is written."""

from datetime import UTC, datetime, timedelta

from infra.local.database import Database
from infra.local.due import DueWatch, earliest_due
from infra.local.sqlite_table import SqliteTable
from perennial.aws.store import Armed, record_key
from perennial.aws.table import Item, Put, Update
from perennial.domain.values import iso

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(customer: str, due: datetime, version: int = 1) -> str:
    return f"{iso(due)}#{customer}#{version}"


def a_record(customer: str, due: datetime | None, version: int = 1) -> Put:
    attributes = {"due_shard": "due#00", "due": entry(customer, due, version)} if due else {}
    return Put(Item(record_key(customer), "{}", attributes))


def a_watch(*writes: Put) -> DueWatch:
    watch = DueWatch(SqliteTable(Database()))
    for write in writes:
        watch.write([write])
    return watch


def test_the_earliest_of_all_shards_is_due_first() -> None:
    table = SqliteTable(Database())
    for shard, customer, due in (("due#03", "a", NOON + HOUR), ("due#11", "b", NOON), ("due#11", "c", NOON + 2 * HOUR)):
        table.write([Put(Item(record_key(customer), "", {"due_shard": shard, "due": entry(customer, due)}))])

    assert earliest_due(table) == NOON
    assert earliest_due(table, after=NOON) == NOON + HOUR
    assert earliest_due(table, after=NOON + 2 * HOUR) is None


def test_entries_are_taken_in_order_and_once() -> None:
    watch = a_watch(a_record("late", NOON + HOUR), a_record("soon", NOON), a_record("later", NOON + 2 * HOUR))

    assert watch.next_due() == NOON
    assert [armed.customer for armed in watch.take(NOON + HOUR)] == ["soon", "late"]
    assert watch.next_due() == NOON + 2 * HOUR


def test_an_entry_that_was_replaced_is_not_given() -> None:
    watch = a_watch(a_record("ana", NOON), a_record("ana", NOON + HOUR, version=2))

    assert [armed.entry for armed in watch.take(NOON + HOUR)] == [entry("ana", NOON + HOUR, 2)]


def test_an_entry_that_was_taken_back_is_not_given() -> None:
    watch = a_watch(a_record("ana", NOON), a_record("ana", None, version=2))

    assert watch.next_due() is None


def test_an_entry_that_stays_as_it_was_is_given_once() -> None:
    watch = a_watch(a_record("ana", NOON), a_record("ana", NOON))

    assert list(watch.take(NOON)) == [Armed(entry("ana", NOON))]


def test_an_entry_that_is_moved_by_itself_is_noticed() -> None:
    watch = a_watch(a_record("ana", NOON))

    watch.write([Update(record_key("ana"), set={"due_shard": "due#00", "due": entry("ana", NOON + HOUR)})])

    assert watch.next_due() == NOON + HOUR


def test_an_entry_that_is_removed_by_itself_is_noticed() -> None:
    watch = a_watch(a_record("ana", NOON))

    watch.write([Update(record_key("ana"), remove=("due_shard", "due"))])

    assert watch.next_due() is None
