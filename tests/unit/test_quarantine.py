"""What could not be understood is kept, once, in order, whole, and not for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.database import Database
from infra.local.sqlite_table import SqliteTable
from perennial.aws.identities import Identity, identity_of
from perennial.aws.quarantine import CHUNK, LIST, Entry, Quarantine
from perennial.aws.store import identity_key
from perennial.aws.table import TTL_ATTRIBUTE, Delete, Equals, Item, Key, Put

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
        "keeping": "k1",
    }
    return Entry(**(entry | changes))


@pytest.mark.parametrize("payload", [b"", b"\x00\xff", "中文".encode(), bytes(n * n % 251 for n in range(4 * CHUNK))])
def test_what_is_kept_comes_back_as_it_was(quarantine: Quarantine, payload: bytes) -> None:
    quarantine.put(an_entry(payload=payload))

    assert quarantine.get("q1") == an_entry(payload=payload)


def test_the_first_time_counts(quarantine: Quarantine) -> None:
    quarantine.put(an_entry())
    quarantine.put(an_entry(received_at=NOW + timedelta(hours=1), reason="other", keeping="k2"))

    assert quarantine.get("q1") == an_entry(keeping="k2")
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

    quarantine.delete(an_entry())
    quarantine.delete(an_entry())

    assert quarantine.get("q1") is None
    assert quarantine.list().entries == ()
    assert table.query("Q#q1").items == ()


def test_an_entry_that_was_kept_again_since_it_was_read_is_not_removed(
    quarantine: Quarantine, table: SqliteTable
) -> None:
    quarantine.put(an_entry())
    read = quarantine.get("q1")
    assert read is not None

    quarantine.put(an_entry(received_at=NOW + timedelta(hours=1), keeping="k2"))
    quarantine.delete(read)

    assert quarantine.get("q1") == an_entry(keeping="k2")
    quarantine.delete(an_entry(keeping="k2"))
    assert quarantine.list().entries == table.query("Q#q1").items == ()


def test_every_keeping_is_another() -> None:
    given = an_entry().model_dump(exclude={"keeping"})

    assert Entry(**given).keeping != Entry(**given).keeping


def test_an_entry_that_is_kept_again_while_it_is_removed_stays(
    quarantine: Quarantine, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantine.put(an_entry())
    write = table.write

    def kept_meanwhile(writes: Any) -> None:
        monkeypatch.undo()
        quarantine.put(an_entry(keeping="k2"))
        write(writes)

    monkeypatch.setattr(table, "write", kept_meanwhile)
    quarantine.delete(an_entry())

    assert quarantine.get("q1") == an_entry(keeping="k2")


def test_an_entry_that_was_removed_just_before_it_is_kept_again_is_kept_whole(
    quarantine: Quarantine, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    quarantine.put(an_entry())
    write, left = table.write, [1]

    def removed_meanwhile(writes: Any) -> None:
        if all(each.conditions == (Equals("keeping", "k1"),) for each in writes) and left:
            left.clear()
            quarantine.delete(an_entry())
        write(writes)

    monkeypatch.setattr(table, "write", removed_meanwhile)
    quarantine.put(an_entry())

    assert quarantine.get("q1") == an_entry()
    assert len(quarantine.list().entries) == 1


KEY = identity_key("order", "0" * 32)


def key(table: SqliteTable) -> Identity:
    return identity_of(KEY, table.get([KEY]).get(KEY))


def test_an_entry_and_the_key_it_waits_for_know_of_each_other_or_neither_is_written(
    quarantine: Quarantine, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write = table.write
    monkeypatch.setattr(table, "write", lambda each: (writes.append(len(each)), write(each))[1])

    assert quarantine.park(an_entry(), Identity(KEY)) == Identity(KEY, None, ("q1",)) == key(table)

    assert writes == [4]  # the key, the entry, its line in the list, its payload
    assert quarantine.get("q1") == an_entry()


def test_an_entry_that_waits_and_is_parked_again_is_kept_again(quarantine: Quarantine, table: SqliteTable) -> None:
    quarantine.park(an_entry(), Identity(KEY))

    quarantine.park(an_entry(keeping="k2"), key(table))
    quarantine.delete(an_entry())

    assert quarantine.get("q1") == an_entry(keeping="k2")
    assert key(table).parked == ("q1",)


def test_for_a_key_that_is_somebodys_nothing_is_kept(quarantine: Quarantine, table: SqliteTable) -> None:
    table.write([Put(Item(KEY, "", {"customer": "c1"}))])

    assert quarantine.park(an_entry(), Identity(KEY)) == Identity(KEY, "c1")

    assert quarantine.get("q1") is None


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


def test_what_is_in_quarantine_is_counted_by_where_it_came_from_and_why(quarantine: Quarantine) -> None:
    for number in range(3):
        quarantine.put(an_entry(id=f"q{number}", received_at=NOW + timedelta(hours=number)))
    quarantine.put(an_entry(id="q9", source="perennial", reason="waits for whose it is: its order"))

    summary = quarantine.summary()

    most, stray = summary.groups
    assert (most.source, most.reason, most.count, most.is_stray) == ("shopify", "id: Field required", 3, False)
    assert (most.oldest, most.newest) == (NOW, NOW + timedelta(hours=2))
    assert (stray.count, stray.is_stray) == (1, True)
    assert summary.is_complete


def test_a_count_that_is_not_of_all_says_so(quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perennial.aws.quarantine.MOST_COUNTED", 2)
    for number in range(3):
        quarantine.put(an_entry(id=f"q{number}"))

    summary = quarantine.summary()

    assert (sum(group.count for group in summary.groups), summary.is_complete) == (2, False)


def test_what_is_given_up_leaves_a_word_and_no_payload(quarantine: Quarantine, table: SqliteTable) -> None:
    quarantine.put(an_entry())

    assert quarantine.discard(an_entry(), "a test of the vendor's", "ines", NOW + timedelta(days=1))

    assert quarantine.get("q1") is None
    assert quarantine.list().entries == ()
    assert table.query("Q#q1").items == ()
    [told] = quarantine.discarded().entries
    assert (told.id, told.because, told.by) == ("q1", "a test of the vendor's", "ines")
    assert told.reason == "id: Field required"
    [note] = table.query("Q#DISCARDED").items
    assert note.attributes[TTL_ATTRIBUTE] == int((NOW + timedelta(days=401)).timestamp())


def test_an_entry_that_was_kept_again_since_it_was_looked_at_is_not_given_up(quarantine: Quarantine) -> None:
    quarantine.put(an_entry())
    quarantine.put(an_entry(keeping="k2"))

    assert not quarantine.discard(an_entry(), "a test", "ines", NOW)

    assert quarantine.get("q1") == an_entry(keeping="k2")
    assert quarantine.discarded().entries == ()


@pytest.mark.parametrize("before", [b"{}", bytes(n * n % 251 for n in range(4 * CHUNK))], ids=["one chunk", "several"])
def test_a_payload_is_put_in_the_place_of_another(quarantine: Quarantine, table: SqliteTable, before: bytes) -> None:
    quarantine.put(an_entry(payload=before))

    quarantine.rewrite(an_entry(payload=before), b"shorter")

    assert quarantine.get("q1") == an_entry(payload=b"shorter")
    assert [item.key.sk for item in table.query("Q#q1").items] == ["CHUNK#00", "ENTRY"]


def test_a_payload_that_was_kept_again_since_it_was_read_is_left_as_it_is(quarantine: Quarantine) -> None:
    quarantine.put(an_entry())
    quarantine.put(an_entry(keeping="k2"))

    quarantine.rewrite(an_entry(), b"other")

    assert quarantine.get("q1") == an_entry(keeping="k2")
