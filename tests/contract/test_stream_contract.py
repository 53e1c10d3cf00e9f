"""Promises of the table's stream, kept alike by DynamoDB Streams (moto, ministack) and by its twin on SQLite.

A stream promises the order of each item's changes; of two items' changes, none.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_stream import Change, SqliteStream
from infra.local.sqlite_table import SqliteTable
from perennial.aws.table import Absent, Busy, Delete, Equals, Invalid, Item, Key, Put, Refused, Table, Update, Write

RECORD = Key("C#1", "RECORD")


def an_item(key: Key = RECORD, body: str = "{}", **attributes: str | int) -> Item:
    return Item(key, body, attributes or {"version": 1})


def told(streamed: Any, key: Key = RECORD) -> list[tuple[str, Item | None]]:
    """(kind, image) of each change of one item."""
    return [(change.kind, change.image) for change in streamed.changes() if change.key == key]


def test_each_change_of_an_item_is_told_once_in_the_order_of_commits(streamed: Any) -> None:
    streamed.table.write([Put(an_item(version=1))])
    streamed.table.write([Put(an_item(version=2), (Equals("version", 1),))])
    streamed.table.write([Update(RECORD, add={"version": 1}, set={"due": "2026", "due_shard": "due#00"})])
    streamed.table.write([Delete(RECORD)])
    streamed.table.write([Put(an_item(version=4), (Absent(),))])

    assert told(streamed) == [
        ("INSERT", an_item(version=1)),
        ("MODIFY", an_item(version=2)),
        ("MODIFY", an_item(version=3, due="2026", due_shard="due#00")),
        ("REMOVE", None),
        ("INSERT", an_item(version=4)),
    ]


@pytest.mark.parametrize(
    "item",
    [
        Item(RECORD),
        an_item(body='{"name":"李雷 🎁"}', note="", number=-(10**37)),
        an_item(body='{"a":"2026-03-02T14:48:00Z"}' * 400),
        an_item(body="x" * 300_000),
    ],
    ids=["bare", "texts and numbers", "packed", "long"],
)
def test_an_image_is_the_item_as_it_is_read(streamed: Any, item: Item) -> None:
    streamed.table.write([Put(item)])

    assert [image for _, image in told(streamed)] == [item] == [*streamed.table.get([RECORD]).values()]


def test_all_that_a_transaction_changed_is_told(streamed: Any) -> None:
    gone, counted = Key("C#1", "WAIT"), Key("C#2", "MESSAGING")
    streamed.table.write([Put(an_item(gone)), Put(an_item(counted, sent=1))])

    streamed.table.write([Put(an_item()), Update(counted, add={"sent": 1}), Delete(gone)])

    assert told(streamed) == [("INSERT", an_item())]
    assert told(streamed, counted)[1:] == [("MODIFY", an_item(counted, sent=2))]
    assert told(streamed, gone)[1:] == [("REMOVE", None)]


@pytest.mark.wrong_in("moto", "tells of it twice, first without its attributes")
def test_an_update_that_makes_the_item_is_one_change(streamed: Any) -> None:
    streamed.table.write([Update(RECORD, add={"sent": 1})])

    assert told(streamed) == [("INSERT", Item(RECORD, "", {"sent": 1}))]


@pytest.mark.parametrize(
    "writes",
    [
        [Put(an_item(version=2, label="new"), (Absent(),))],
        [Put(an_item(Key("C#1", "J#1"))), Update(RECORD, add={"version": 1}, conditions=(Equals("version", 7),))],
        [Put(an_item(Key("C#1", "J#1"))), Put(an_item(due=""))],
    ],
    ids=["alone", "in a transaction", "invalid"],
)
def test_what_was_not_written_is_not_told(streamed: Any, writes: list[Write]) -> None:
    streamed.table.write([Put(an_item())])

    with pytest.raises((Refused, Invalid)):
        streamed.table.write(writes)

    assert [change.kind for change in streamed.changes()] == ["INSERT"]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(
            Put(an_item(label="new", version=1)),
            marks=pytest.mark.wrong_in("moto", "tells of a put that changes nothing"),
        ),
        pytest.param(
            Update(RECORD, set={"label": "new"}, remove=("gone",)),
            marks=pytest.mark.wrong_in("moto", "tells of an update that changes nothing"),
        ),
        Delete(Key("C#2", "RECORD")),
    ],
    ids=["put", "update", "delete"],
)
@pytest.mark.parametrize("others", [[], [Put(an_item(Key("C#1", "J#1")))]], ids=["alone", "in a transaction"])
def test_what_changes_nothing_is_not_told(streamed: Any, write: Write, others: list[Write]) -> None:
    streamed.table.write([Put(an_item(version=1, label="new"))])

    streamed.table.write([write, *others])

    assert [change.key for change in streamed.changes()] == [RECORD, *(other.key for other in others)]


def test_a_stream_is_read_page_by_page_and_holds_everything_once(streamed: Any) -> None:
    numbers = [f"J#{number:02}" for number in range(23)]
    for number in numbers:
        streamed.table.write([Put(an_item(Key("C#1", number)))])

    changes = streamed.changes()

    assert [change.key.sk for change in changes] == numbers
    assert sorted({change.sequence for change in changes}) == [change.sequence for change in changes]


@pytest.fixture(params=["sqlite_streamed", "ministack_streamed"])  # moto's transactions are not thread-safe
def shared(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_of_many_writers_each_items_changes_are_told_in_the_order_of_their_commits(shared: Any) -> None:
    shared.table.write([Put(an_item(version=0))])

    def count(writer: int) -> None:
        for number in range(6):
            while not counted(shared.table, f"{writer}-{number}"):
                pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(6)))

    assert told(shared) == [("INSERT" if n == 0 else "MODIFY", an_item(version=n)) for n in range(37)]
    assert len(shared.changes()) == 37 + 36


def counted(table: Table, event: str) -> bool:
    """One attempt to count up the record and note the event, on the version that was read."""
    version = int(table.get([RECORD])[RECORD].attributes["version"])
    record = Put(an_item(version=version + 1), (Equals("version", version),))
    with suppress(Refused, Busy):
        table.write([record, Put(an_item(Key("C#1", f"J#{event}")), (Absent(),))])
        return True
    return False


# Of the twin only. DynamoDB tells of an expiry by `userIdentity`, within days; moto lets no item expire; ministack does
# within a minute, and tells nobody. What DynamoDB forgets after 24 hours the house forgets when it is told to.

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database() -> Database:
    return Database()


def test_who_went_because_their_time_was_over_is_told_apart(database: Database) -> None:
    table, stream = SqliteTable(database), SqliteStream(database)
    second = int(NOW.timestamp())
    for name, expires in (("old", second), ("deleted", second), ("young", second + 1)):
        table.write([Put(an_item(Key("C#1", name), expires=expires))])
    table.write([Delete(Key("C#1", "deleted"))])
    begin = stream.read()[-1].sequence

    table.purge(NOW)

    assert stream.read(after=begin) == [Change(begin + 1, "REMOVE", Key("C#1", "old"), None, is_expiry=True)]
    assert [change.is_expiry for change in stream.read(limit=4)] == [False] * 4


def test_what_was_worked_off_is_forgotten_and_its_numbers_never_come_again(database: Database) -> None:
    table, stream = SqliteTable(database), SqliteStream(database)
    for version in range(3):
        table.write([Put(an_item(version=version))])

    assert stream.forget(upto=2) == 2
    assert [change.sequence for change in stream.read()] == [3]
    stream.forget(upto=3)
    table.write([Delete(RECORD)])
    assert [change.sequence for change in stream.read()] == [4]


def test_a_table_without_a_stream_keeps_none_and_one_that_gets_it_tells_from_then_on(database: Database) -> None:
    table = SqliteTable(database)
    table.write([Put(an_item(version=1))])

    stream = SqliteStream(database)
    table.write([Put(an_item(version=2))])

    assert [change.image for change in stream.read()] == [an_item(version=2)]


def test_what_another_process_changes_is_told_too(tmp_path: Any) -> None:
    """Two connections are to SQLite what two processes are."""
    one, other = Database(tmp_path / "house.db"), Database(tmp_path / "house.db")
    SqliteTable(one)
    stream = SqliteStream(one)

    SqliteTable(other).write([Put(an_item())])

    assert [change.image for change in stream.read()] == [an_item()]
    one.close()
    other.close()
