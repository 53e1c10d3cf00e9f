"""What could not be understood is kept, once, in order, whole, and not for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.quarantine import CHUNK, LIST, Entry, Quarantine
from perennial.aws.table import TTL_ATTRIBUTE, Delete, Key

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def table() -> SqliteTable:
    return SqliteTable(Database())


@pytest.fixture
def quarantine(table: SqliteTable) -> Quarantine:
    return Quarantine(table)


def an_entry(**changes: Any) -> Entry:
    entry = {
        "id": "q1",
        "source": "shopify",
        "store": "demo",
        "received_at": NOW,
        "reason": "id: Field required",
        "headers": {"x-shopify-topic": "orders/create"},
        "payload": b'{"email":"ana@example.com"}',
    }
    return Entry(**(entry | changes))


@pytest.mark.parametrize("payload", [b"", b"\x00\xff", "中文".encode(), bytes(n * n % 251 for n in range(4 * CHUNK))])
def test_what_is_kept_comes_back_as_it_was(quarantine: Quarantine, payload: bytes) -> None:
    quarantine.put(an_entry(payload=payload))

    assert quarantine.get("q1") == an_entry(payload=payload)


def test_the_first_time_counts(quarantine: Quarantine) -> None:
    quarantine.put(an_entry())
    quarantine.put(an_entry(received_at=NOW + timedelta(hours=1), reason="other"))

    assert quarantine.get("q1") == an_entry()
    assert len(quarantine.list().entries) == 1


def test_the_list_is_newest_first_and_holds_no_payload(quarantine: Quarantine) -> None:
    for hour in range(5):
        quarantine.put(an_entry(id=f"q{hour}", received_at=NOW + timedelta(hours=hour)))

    first = quarantine.list(limit=3)
    rest = quarantine.list(limit=3, cursor=first.cursor)

    assert [each.id for each in first.entries + rest.entries] == ["q4", "q3", "q2", "q1", "q0"]
    assert rest.cursor is None
    assert not hasattr(first.entries[0], "payload")


def test_a_removed_entry_leaves_nothing(quarantine: Quarantine, table: SqliteTable) -> None:
    quarantine.put(an_entry())

    quarantine.delete("q1")
    quarantine.delete("q1")

    assert quarantine.get("q1") is None
    assert quarantine.list().entries == ()
    assert table.query("Q#q1").items == ()


def test_a_new_reason_is_seen_in_entry_and_list(quarantine: Quarantine) -> None:
    quarantine.put(an_entry())

    quarantine.explain("q1", "today's reason")

    assert quarantine.get("q1") == an_entry(reason="today's reason")
    assert [each.reason for each in quarantine.list().entries] == ["today's reason"]


def test_a_new_reason_does_not_bring_a_removed_entry_back(
    quarantine: Quarantine, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantine.put(an_entry())
    write = table.write

    def removed_meanwhile(writes: Any) -> None:
        write([Delete(Key("Q#q1", "ENTRY")), Delete(Key(LIST, "2026-06-15T12:00:00.000Z#q1"))])
        write(writes)

    monkeypatch.setattr(table, "write", removed_meanwhile)
    quarantine.explain("q1", "today's reason")

    assert quarantine.list().entries == ()
    quarantine.explain("q1", "there is none")
    assert quarantine.get("q1") is None


def test_everything_of_an_entry_expires_after_thirty_days(quarantine: Quarantine, table: SqliteTable) -> None:
    quarantine.put(an_entry())

    items = (*table.query("Q#q1").items, *table.query(LIST).items)
    assert len(items) == 3
    assert {item.attributes[TTL_ATTRIBUTE] for item in items} == {int((NOW + timedelta(days=30)).timestamp())}


def test_an_entry_that_is_being_taken_away_counts_as_gone(quarantine: Quarantine, table: SqliteTable) -> None:
    quarantine.put(an_entry())

    table.write([Delete(Key("Q#q1", "CHUNK#00"))])

    assert quarantine.get("q1") is None
