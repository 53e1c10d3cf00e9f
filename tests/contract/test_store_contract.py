"""Promises of the store, kept alike on SQLite, moto and ministack: one transaction or nothing, and why it was refused.

What every test commits was really decided: an event, folded and judged by the policy that ships.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest

from perennial import sweep
from perennial.admin.directory import places, walk
from perennial.aws.identities import Identity
from perennial.aws.quarantine import Entry as QuarantineEntry
from perennial.aws.quarantine import Quarantine
from perennial.aws.store import (
    CONTENT_KEPT_FOR,
    DIRECTORY_SHARDS,
    DUE_SHARDS,
    TRANSACTION_WRITES,
    Armed,
    Commit,
    Conflict,
    Loaded,
    Marks,
    News,
    Store,
    Told,
    content_item,
    content_key,
    desk_key,
    due_shards,
    identity_key,
    next_armed,
    record_key,
    shard_of,
    together,
)
from perennial.aws.table import Busy, Delete, Invalid, Page, Table, Update
from perennial.domain.actions import Task
from perennial.domain.customer import Customer, Order, Stage, Ticket
from perennial.domain.decide import decide
from perennial.domain.events import Event, Person
from perennial.domain.journal import Entry, entry_key
from perennial.domain.settled import Carried
from perennial.domain.values import iso
from perennial.sweep import Sweep, timer
from tests.builders import DAY, MINUTE, NOON, a_cart, an_event, placed, the_policy
from tests.house import ListQueue

KIB = 1024
EMAIL, ORDER = identity_key("email", "1f"), identity_key("order", "2f")


@pytest.fixture
def store(table: Table) -> Store:
    return Store(table)


def nobody(customer: str = "c1") -> Loaded:
    """Somebody whom the table does not know yet."""
    return Loaded(Customer(id=customer, store="demo"), is_new=True)


def a_commit(before: Loaded, *events: Event, due: datetime | None = None, **beside: Any) -> Commit:
    """What these events make of the customer, one after the other; `due` instead of what was worked out."""
    after, entries = before.customer, dict[str, Entry]()
    for event in events or (an_event("product.viewed"),):
        decision = decide(after, event, the_policy(), NOON)
        after, entries[entry_key(event)] = decision.customer, decision.entry
    after = after.but({"due_at": due}) if due else after
    armed = next_armed(before, after, consumed=due is not None)
    return Commit(**{"before": before, "after": after, "entries": entries, "armed": armed, "marks": Marks(), **beside})


def committed(store: Store, before: Loaded, *events: Event, **beside: Any) -> Commit:
    commit = a_commit(before, *events, **beside)
    store.commit([commit])
    return commit


def loaded(store: Store, customer: str = "c1") -> Loaded:
    return store.load([customer])[customer]


def news_of(store: Store, *commits: Commit) -> dict[str, News]:
    """What the store answers to a commit that is based on what is no longer true."""
    with pytest.raises(Conflict) as conflict:
        store.commit(commits)
    return dict(conflict.value.news)


# What was committed is there


def test_a_customer_is_loaded_as_they_were_committed(store: Store) -> None:
    marks = Marks(("1f2e3d4c",), {"email": Told("5b6a7988", 1_750_000_000_123), "phone": Told("0a1b2c3d", 7)})

    commit = committed(store, nobody(), placed(), a_cart(), marks=marks)

    assert commit.armed is not None
    assert loaded(store) == Loaded(commit.after, commit.armed, marks)


def test_only_customers_that_exist_are_loaded(store: Store) -> None:
    for customer in ("c1", "c2"):
        committed(store, nobody(customer))

    assert store.load([]) == {}
    assert sorted(store.load(["c2", "c1", "c3", "c1"])) == ["c1", "c2"]


def test_each_event_has_its_entry(store: Store) -> None:
    order, cart = placed(), a_cart(NOON + MINUTE)

    commit = committed(store, nobody(), order, cart)

    assert [store.entry("c1", entry_key(event)) for event in (order, cart)] == [*commit.entries.values()]
    assert store.entry("c1", entry_key(placed())) is None
    assert [item.attributes["version"] for item in store.table.query("C#c1", prefix="J#").items] == [1, 2]


def test_profile_texts_and_tasks_are_written_with_the_record(store: Store) -> None:
    task = Task(id="t", customer="c1", store="demo", play="p", task="call", decided_at=NOON, due_at=NOON, policy=1)
    text, decided = content_item("c1", "r", '{"text":"why?"}', NOON), a_commit(nobody())
    entries = {key: entry.but({"tasks": (task,)}) for key, entry in decided.entries.items()}

    committed(store, nobody(), items=(text,), entries=entries)

    found = store.table.get([content_key("c1", "r"), desk_key("c1", "t")])
    assert found[content_key("c1", "r")] == text
    assert text.attributes == {"expires": int((NOON + CONTENT_KEPT_FOR).timestamp())}
    assert Task.model_validate_json(found[desk_key("c1", "t")].body) == task


def test_orders_and_tickets_that_left_the_record_are_recalled(store: Store) -> None:
    order, ticket = Order(id="9", heard_at=NOON, placed_at=NOON), Ticket(id="9", heard_at=NOON, touched_at=NOON)

    committed(store, nobody(), settled=(order, ticket))

    recalled = store.settled("c1", [("order", "9"), ("ticket", "9"), ("order", "8")])
    assert sorted(recalled, key=lambda each: type(each).__name__) == [order, ticket]
    assert store.settled("c2", [("order", "9")]) == ()
    assert store.settled("c1", []) == ()


def test_whose_a_parcel_is_is_written_beside_its_settled_order(store: Store) -> None:
    order, carried = Order(id="9", heard_at=NOON, placed_at=NOON), Carried(id="1Z 9/a#b", order="9")

    committed(store, nobody(), settled=(order, carried))

    assert store.settled("c1", [("parcel", "1Z 9/a#b"), ("parcel", "9"), ("order", "1Z 9/a#b")]) == (carried,)
    assert store.settled("c2", [("parcel", "1Z 9/a#b")]) == ()


def test_what_left_the_record_twice_in_one_commit_is_written_as_it_was_last(store: Store) -> None:
    told, retold = Order(id="9", heard_at=NOON), Order(id="9", heard_at=NOON, placed_at=NOON)

    committed(store, nobody(), settled=(told, retold))

    assert store.settled("c1", [("order", "9")]) == (retold,)


# Who was merged into somebody else


def merged(store: Store, customer: str, into: str) -> None:
    before = Loaded(Customer(id=customer, store="demo"), is_new=True)
    store.commit([Commit(before, Customer(id=customer, store="demo", version=1, merged_into=into), {}, None, Marks())])


def test_for_who_was_merged_stands_whoever_they_are_now(store: Store) -> None:
    committed(store, nobody("c1"))
    merged(store, "c2", "c1")
    merged(store, "c3", "c2")
    merged(store, "c5", "c4")

    assert {each: root.customer.id for each, root in store.roots(["c3", "c1", "c2", "c5", "c6"]).items()} == {
        "c1": "c1",
        "c2": "c1",
        "c3": "c1",
    }


def test_who_was_merged_is_in_no_index(store: Store) -> None:
    committed(store, nobody("c1"), due=NOON + DAY)
    before = loaded(store)

    gone = Customer(id="c1", store="demo", version=before.customer.version + 1, merged_into="c2")
    store.commit([Commit(before, gone, {}, before.armed, Marks())])

    assert all(not store.table.index("due", shard).items for shard in due_shards())
    assert not store.table.index("directory", f"awareness#{shard_of('c1', DIRECTORY_SHARDS)}").items


def test_what_is_told_to_who_was_merged_is_in_their_journal_and_their_keys_stay_theirs(store: Store) -> None:
    event, key = an_event("product.viewed"), identity_key("email", "00ff")
    beside = {"journals": {entry_key(event): "c2"}, "theirs": {key: "c2"}, "links": (Identity(key),)}

    committed(store, nobody("c1"), event, **beside)

    assert store.entry("c1", entry_key(event)) is None
    assert [entry.event for entry in store.journal("c2")] == [
        event.but({"data": event.data.but({"customer": REACHED})})
    ]
    assert store.identities([key])[key].customer == "c2"


REACHED = Person(reach=("email",))


def test_each_shelf_has_its_own_orders_and_tickets(store: Store) -> None:
    orders = [Order(id=str(number), heard_at=NOON, placed_at=NOON) for number in range(150)]
    customer = Customer(id="c1", store="demo", shelf="0f")

    store.shelve(customer, [*orders, Carried(id="T", order="149")])

    assert store.settled("c1", [("order", "149")], "0f") == (orders[149],)
    assert store.settled("c1", [("parcel", "T")], "0f") == (Carried(id="T", order="149"),)
    assert store.settled("c1", [("parcel", "T")]) == ()
    assert store.settled("c1", [("order", "149")]) == ()
    assert store.settled("c1", [("order", "149")], "1a") == ()


# On the version that was read


def test_of_two_decisions_on_the_same_version_the_second_learns_what_the_first_made(store: Store) -> None:
    committed(store, nobody())
    read, late = loaded(store), placed()
    first = committed(store, read, a_cart())

    news = news_of(store, a_commit(read, late))

    assert news == {"c1": News(Loaded(first.after, first.armed), {}, {})}
    assert store.entry("c1", entry_key(late)) is None


def test_of_two_who_meet_a_customer_the_second_learns_that_they_exist(store: Store) -> None:
    first = committed(store, nobody())

    news = news_of(store, a_commit(nobody(), placed()))

    assert news == {"c1": News(Loaded(first.after, first.armed), {}, {})}


def test_of_somebody_who_is_gone_a_decision_learns_that_they_are_new(store: Store) -> None:
    committed(store, nobody())
    read = loaded(store)
    store.table.write([Delete(record_key("c1"))])

    assert news_of(store, a_commit(read, placed())) == {"c1": News(nobody(), {}, {})}


def test_decisions_in_a_row_count_versions(store: Store) -> None:
    committed(store, nobody(), an_event("product.viewed"), a_cart())

    committed(store, loaded(store), placed())

    assert loaded(store).customer.version == 3


# Once per event


def test_an_event_that_is_in_the_record_already_is_told_with_its_entry(store: Store) -> None:
    order = placed()
    first = committed(store, nobody(), order)
    before = loaded(store)

    news = news_of(store, a_commit(before, order, a_cart()))

    assert news == {"c1": News(None, first.entries, {})}
    assert loaded(store) == before


def test_a_commit_whose_answer_was_lost_finds_itself_when_it_is_repeated(store: Store) -> None:
    commit = committed(store, nobody(), placed(), links=(Identity(EMAIL),))

    news = news_of(store, commit)

    itself = Loaded(commit.after, commit.armed)
    assert news == {"c1": News(itself, commit.entries, {EMAIL: Identity(EMAIL, "c1")})}


# Whose a key is


def test_a_key_becomes_the_customers_with_the_record(store: Store) -> None:
    committed(store, nobody(), links=(Identity(EMAIL),))

    assert store.identities([EMAIL, ORDER, EMAIL]) == {EMAIL: Identity(EMAIL, "c1"), ORDER: Identity(ORDER)}
    assert store.identities([]) == {}


def test_a_key_that_is_somebodys_is_not_taken(store: Store) -> None:
    committed(store, nobody("c1"), links=(Identity(EMAIL),))

    news = news_of(store, a_commit(nobody("c2"), links=(Identity(EMAIL), Identity(ORDER))))

    assert news == {"c2": News(None, {}, {EMAIL: Identity(EMAIL, "c1")})}
    assert store.load(["c2"]) == {}
    assert store.identities([ORDER]) == {ORDER: Identity(ORDER)}


def park(store: Store, identity: Identity, entry: str) -> Identity:
    kept = QuarantineEntry(id=entry, source="perennial", store="demo", received_at=NOON, reason="waits", payload=b"{}")
    return Quarantine(store.table).park(kept, identity)


def test_events_wait_for_a_key_in_the_order_they_came(store: Store) -> None:
    waiting = park(store, Identity(ORDER), "e1")

    assert park(store, waiting, "e2") == Identity(ORDER, None, ("e1", "e2"))
    assert park(store, Identity(ORDER), "e3") == Identity(ORDER, None, ("e1", "e2", "e3"))
    assert store.identities([ORDER]) == {ORDER: Identity(ORDER, None, ("e1", "e2", "e3"))}


@pytest.mark.parametrize("read", [Identity(ORDER), Identity(ORDER, None, ("e1",))], ids=["before", "since"])
def test_an_event_waits_once_however_often_it_is_parked(store: Store, read: Identity) -> None:
    park(store, Identity(ORDER), "e1")

    assert park(store, read, "e1") == Identity(ORDER, None, ("e1",))


@pytest.mark.parametrize("read", [Identity(ORDER), Identity(ORDER, "c1")], ids=["before", "since"])
def test_nothing_waits_for_a_key_that_is_somebodys(store: Store, read: Identity) -> None:
    committed(store, nobody(), links=(Identity(ORDER),))

    assert park(store, read, "e1") == Identity(ORDER, "c1")
    assert store.identities([ORDER]) == {ORDER: Identity(ORDER, "c1")}


def test_whoever_takes_a_key_must_know_all_that_waits_for_it(store: Store) -> None:
    read = park(store, Identity(ORDER), "e1")
    park(store, read, "e2")

    news = news_of(store, a_commit(nobody(), links=(read,)))
    assert news == {"c1": News(None, {}, {ORDER: Identity(ORDER, None, ("e1", "e2"))})}

    committed(store, nobody(), links=tuple(news["c1"].identities.values()))
    assert store.identities([ORDER]) == {ORDER: Identity(ORDER, "c1")}


def test_a_key_for_which_something_began_to_wait_is_not_taken_as_if_nothing_did(store: Store) -> None:
    park(store, Identity(ORDER), "e1")

    news = news_of(store, a_commit(nobody(), links=(Identity(ORDER),)))

    assert news == {"c1": News(None, {}, {ORDER: Identity(ORDER, None, ("e1",))})}


# Several customers: all or nothing


def test_customers_are_committed_together(store: Store) -> None:
    store.commit([a_commit(nobody(each)) for each in ("c1", "c2", "c3")])

    assert sorted(store.load(["c1", "c2", "c3"])) == ["c1", "c2", "c3"]


def test_one_customer_who_moved_keeps_the_others_unwritten_and_is_the_only_news(store: Store) -> None:
    committed(store, nobody("c2"))
    read = loaded(store, "c2")
    moved = committed(store, read, a_cart())

    news = news_of(store, a_commit(nobody("c1")), a_commit(read, placed()), a_commit(nobody("c3")))

    assert news == {"c2": News(Loaded(moved.after, moved.armed), {}, {})}
    assert sorted(store.load(["c1", "c2", "c3"])) == ["c2"]
    assert store.table.query("C#c1").items == ()


def test_nothing_is_not_written(store: Store) -> None:
    store.commit([])


# Limits


def test_a_text_of_nearly_400_kb_goes_with_its_record(store: Store) -> None:
    text = content_item("c1", "r", "x" * 390 * KIB, NOON)

    committed(store, nobody(), items=(text,))

    assert store.table.get([text.key]) == {text.key: text}


def test_an_item_beyond_400_kb_is_invalid_and_nothing_of_its_commit_is_written(store: Store) -> None:
    with pytest.raises(Invalid):
        committed(store, nobody(), items=(content_item("c1", "r", "x" * 400 * KIB, NOON),))

    assert store.table.query("C#c1").items == ()


def test_a_commit_takes_a_hundred_writes_and_no_more(store: Store) -> None:
    record_and_entry = 2
    texts = [content_item("c1", str(number), "{}", NOON) for number in range(TRANSACTION_WRITES)]

    with pytest.raises(Invalid):
        committed(store, nobody(), items=tuple(texts[record_and_entry - 1 :]))
    assert store.load(["c1"]) == {}

    committed(store, nobody(), items=tuple(texts[record_and_entry:]))
    assert len(store.table.query("C#c1", limit=200).items) == TRANSACTION_WRITES


def with_texts(customer: str, text: str, texts: int) -> Commit:
    items = tuple(content_item(customer, str(number), text, NOON) for number in range(texts))
    return a_commit(nobody(customer), items=items)


def test_more_writes_than_a_transaction_takes_are_cut_into_several(store: Store) -> None:
    commits = [with_texts(f"c{number}", "{}", texts=30) for number in range(5)]

    for piece in (pieces := list(together(commits))):
        store.commit(piece)

    assert [len(piece) for piece in pieces] == [3, 2]
    assert len(store.load(commit.customer for commit in commits)) == 5


@pytest.mark.wrong_in("ministack", "measures the request of a transaction, in which JSON writes each 🎁 in 12 bytes")
def test_more_bytes_than_a_transaction_takes_are_cut_into_several(store: Store) -> None:
    commits = [with_texts(f"c{number}", "🎁" * 95 * KIB, texts=2) for number in range(5)]

    for piece in (pieces := list(together(commits))):
        store.commit(piece)

    assert [len(piece) for piece in pieces] == [4, 1]
    assert len(store.load(commit.customer for commit in commits)) == 5


def test_two_who_want_the_same_key_are_not_put_into_one_transaction(store: Store) -> None:
    one, other = (a_commit(nobody(each), links=(Identity(EMAIL),)) for each in ("c1", "c2"))
    (first, second) = together([one, other])

    store.commit(first)

    assert news_of(store, *second) == {"c2": News(None, {}, {EMAIL: Identity(EMAIL, "c1")})}


# The due index


def index_of(store: Store) -> list[Armed]:
    """The due index, shard after shard."""
    pages = (store.table.index("due", shard) for shard in due_shards())
    return [Armed(str(item.attributes["due"])) for page in pages for item in page.items]


def on_day(day: int, version: int, customer: str = "c1") -> Armed:
    """Due so many days after NOON."""
    return Armed(f"{iso(NOON + day * DAY)}#{customer}#{version}")


def test_the_due_index_holds_each_customer_once_with_the_entry_that_was_armed(store: Store) -> None:
    customers = [f"c{number}" for number in range(20)]
    for customer in customers:
        committed(store, nobody(customer))
        committed(store, loaded(store, customer), a_cart(NOON + MINUTE))

    armed = [each.armed for each in store.load(customers).values()]

    assert sorted(index_of(store)) == sorted(filter(None, armed))
    assert len(set(armed)) == len(customers)


def test_an_entry_moves_to_where_the_next_one_was_armed(store: Store) -> None:
    committed(store, nobody(), due=NOON + 2 * DAY)
    assert index_of(store) == [on_day(2, version=1)]

    committed(store, loaded(store), due=NOON + DAY)

    assert index_of(store) == [on_day(1, version=2)]


def test_an_entry_that_is_needed_no_more_leaves_with_the_commit(store: Store) -> None:
    committed(store, nobody(), due=NOON + DAY)

    committed(store, loaded(store), armed=None)

    assert index_of(store) == []
    assert loaded(store).armed is None


@pytest.mark.parametrize(
    ("due_on_day", "used", "expected"),
    [
        (5, False, on_day(3, version=1)),
        (3, False, on_day(3, version=1)),
        (2, False, on_day(2, version=7)),
        (None, False, on_day(3, version=1)),
        (5, True, on_day(5, version=7)),
        (None, True, None),
    ],
    ids=["later", "same", "sooner", "never", "later, and used up", "never, and used up"],
)
def test_an_entry_that_is_soon_enough_stays_unless_it_was_used(
    due_on_day: int | None, used: bool, expected: Armed | None
) -> None:
    read = Loaded(Customer(id="c1", store="demo"), on_day(3, version=1))
    due_at = None if due_on_day is None else NOON + due_on_day * DAY

    after = Customer(id="c1", store="demo", version=7, due_at=due_at)

    assert next_armed(read, after, consumed=used) == expected


# An entry that came too early is put right without a decision


def early(store: Store, due: datetime | None = NOON + 3 * DAY) -> Loaded:
    """A customer whose entry comes on the first day, and who is due at another time."""
    commit = a_commit(nobody(), due=NOON + 3 * DAY)
    after = commit.after.but({"due_at": due})
    store.commit([Commit(nobody(), after, commit.entries, on_day(1, version=0), Marks(("1f2e3d4c",)))])
    return loaded(store)


def test_an_entry_is_put_where_the_record_says(store: Store) -> None:
    before = early(store)

    store.rearm(before)

    assert index_of(store) == [on_day(3, version=1)]
    assert loaded(store) == Loaded(before.customer, on_day(3, version=1), before.marks)


def test_an_entry_of_whom_nothing_is_due_is_taken_out(store: Store) -> None:
    before = early(store, due=None)

    store.rearm(before)

    assert index_of(store) == []
    assert loaded(store) == Loaded(before.customer, None, before.marks)


def test_whoever_read_an_entry_that_has_moved_since_leaves_it_there(store: Store) -> None:
    before = early(store)
    store.table.write([Update(record_key("c1"), {"due": on_day(2, version=1).entry})])

    store.rearm(before)

    assert index_of(store) == [on_day(2, version=1)]


def test_whoever_read_a_record_that_was_decided_on_since_leaves_its_entry_there(store: Store) -> None:
    before = early(store)
    committed(store, before, armed=before.armed)

    store.rearm(before)

    assert index_of(store) == [on_day(1, version=0)]


def test_an_entry_of_somebody_who_is_gone_is_not_made_again(store: Store) -> None:
    before = early(store)
    store.table.write([Delete(record_key("c1"))])

    store.rearm(before)

    assert store.load(["c1"]) == {}


@pytest.mark.parametrize("shards", [DUE_SHARDS, DIRECTORY_SHARDS])
def test_customers_are_spread_evenly_over_the_shards_of_an_index(shards: int) -> None:
    """A partition takes 1,000 writes a second: one that all customers shared would hold up the whole table."""
    per_shard = Counter(shard_of(f"c{number}", shards) for number in range(100 * shards))

    assert sorted(per_shard) == [*range(shards)]
    assert 60 < min(per_shard.values()) <= max(per_shard.values()) < 150


# The sweep


class ShortPages:
    """The table, two entries of an index at a time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def index(self, name: str, partition: str, *, limit: int = 100, **query: Any) -> Page:
        return self._table.index(name, partition, limit=min(limit, 2), **query)


def test_a_sweep_sends_a_timer_for_each_entry_that_is_due_by_then_and_no_other(store: Store) -> None:
    for number in range(60):
        committed(store, nobody(f"c{number}"), due=NOON + (number % 4) * MINUTE)
    lane = ListQueue()

    sent = Sweep(ShortPages(store.table), lane).run(NOON + 2 * MINUTE)

    due = [armed for armed in index_of(store) if armed.due <= NOON + 2 * MINUTE]
    assert (sent, len(due)) == (45, 45)
    assert sorted(lane.take(), key=lambda event: event.id) == [timer(armed) for armed in sorted(due)]


def test_within_a_shard_what_was_due_first_is_sent_first(store: Store) -> None:
    of_one_shard = [f"c{number}" for number in range(200) if shard_of(f"c{number}", DUE_SHARDS) == 0]
    for number, customer in enumerate(of_one_shard):
        committed(store, nobody(customer), due=NOON - number * MINUTE)
    lane = ListQueue()

    Sweep(ShortPages(store.table), lane).run(NOON)

    assert [event.customer for event in lane.take()] == of_one_shard[::-1]


def test_what_is_due_beyond_what_one_sweep_sends_is_left_to_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_A_RUN", 7)
    for number in range(10):
        committed(store, nobody(f"c{number}"), due=NOON)
    lane = ListQueue()

    assert Sweep(ShortPages(store.table), lane).run(NOON) == 7
    assert len({event.id for event in lane.take()}) == 7


# The directory


def test_the_directory_holds_each_customer_once_where_they_stand_now(store: Store) -> None:
    customers = [f"c{number}" for number in range(12)]
    for customer in customers:
        committed(store, nobody(customer))
    for customer in customers[:5]:
        committed(store, loaded(store, customer), placed())

    found = {stage: everybody(store, stage) for stage in Stage}

    stages = {each.customer.id: each.customer.stage for each in store.load(customers).values()}
    assert len(set(stages.values())) == 2
    assert found == {stage: sorted(each for each in customers if stages[each] == stage) for stage in Stage}


def everybody(store: Store, stage: Stage) -> list[str]:
    """Who is found in this stage, two at a time."""
    found, cursor = walk(store.table, where := places(stage, None, None), 2, None)
    while cursor is not None:
        more, cursor = walk(store.table, where, 2, cursor)
        found += more
    return sorted(found)


# Many writers


@pytest.fixture(params=["sqlite_table", "ministack_table"])  # moto's transactions are not thread-safe
def shared_store(request: pytest.FixtureRequest) -> Store:
    table: Table = request.getfixturevalue(request.param)
    return Store(table)


def at_once(work: Callable[[int], None], writers: int = 8) -> None:
    """Each in a thread of its own; raises what one of them raised."""
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(work, range(writers)))


def test_eight_who_decide_for_one_customer_at_once_all_count(shared_store: Store) -> None:
    events = [[an_event("product.used") for _ in range(4)] for _ in range(8)]

    def decide_all(writer: int) -> None:
        for event in events[writer]:
            until_it_is_done(lambda event=event: decided(shared_store, event))  # type: ignore[misc]

    at_once(decide_all)

    record, journal = loaded(shared_store), shared_store.table.query("C#c1", prefix="J#").items
    assert (record.customer.version, record.customer.facts.counts) == (32, {"use": 32})
    assert sorted(item.attributes["version"] for item in journal) == [*range(1, 33)]
    assert index_of(shared_store) == [record.armed]


def until_it_is_done(attempt: Callable[[], None]) -> None:
    while True:
        with suppress(Conflict, Busy):
            return attempt()


def decided(store: Store, event: Event) -> None:
    committed(store, store.load(["c1"]).get("c1", nobody()), event)


def test_of_eight_strangers_who_want_one_key_at_once_one_gets_it(shared_store: Store) -> None:
    owners: list[str | None] = []

    def meet(writer: int) -> None:
        def attempt() -> None:
            try:
                committed(shared_store, nobody(f"c{writer}"), links=(Identity(EMAIL),))
            except Conflict as conflict:
                owners.append(conflict.news[f"c{writer}"].identities[EMAIL].customer)

        until_it_is_done(attempt)

    at_once(meet)

    (owner,) = shared_store.load([f"c{writer}" for writer in range(8)])
    assert shared_store.identities([EMAIL]) == {EMAIL: Identity(EMAIL, owner)}
    assert owners == [owner] * 7


def test_what_is_parked_while_its_key_is_taken_is_known_to_whoever_took_it_or_told_to_whoever_parked_it(
    shared_store: Store,
) -> None:
    told: list[str] = []
    taken: list[Identity] = []

    def park(writer: int) -> None:
        for number in range(4):
            entry = f"{writer}-{number}"
            until_it_is_done(lambda entry=entry: told.extend(parked(shared_store, entry)))  # type: ignore[misc]

    def take(_: int) -> None:
        until_it_is_done(lambda: taken.append(took(shared_store)))

    at_once(lambda writer: take(writer) if writer == 3 else park(writer), writers=4)

    everything = [f"{writer}-{number}" for writer in range(3) for number in range(4)]
    assert sorted([*told, *taken[0].parked]) == everything


def parked(store: Store, entry: str) -> list[str]:
    """Park it; the entry, when the key turned out to be somebody's already."""
    return [entry] if park(store, store.identities([ORDER])[ORDER], entry).customer else []


def took(store: Store) -> Identity:
    identity = store.identities([ORDER])[ORDER]
    committed(store, nobody(), links=(identity,))
    return identity
