"""The entities of the table: their keys and attributes, and the one transaction in which a decision is written.

    pk              sk                    what                                    attributes beside the body
    C#<id>          RECORD                the customer record, a line of marks    version, due_shard, due,
                                                                                  directory, directory_rank
    C#<id>          J#<time>#<hash>       journal entry, one an event             version
    C#<id>          RECORD                instead of it, the tombstone of who     version, erased, again
                                          was erased
    C#<id>          PROFILE               name, email, phone, ...                 -
    C#<id>          CONSENT#<time>#<hash> proof of consent, append-only           -
    C#<id>          CONTENT#<ref>         texts and secret links                  expires
    C#<id>          DESK#<task>           what waits for a person                 -
    C#<id>          ORDER#<id> TICKET#..  orders and tickets that left the record -
    C#<id>          PARCEL#<tracking>     which of these orders it belongs to     -
    C#<id>          ORDER@<shelf>#<id> .. the same, after a merge or its undoing  -
    C#<id>          MESSAGING             the outbox's own (channels/outbox.py)   version
    I#<kind>#<hash> I                     whose it is                             customer, or parked
    POLICY          ACTIVE, V#<n>         the policy                              version

Errors:
    Conflict         what was read of some customers is no longer true: it says what is, decide again
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from perennial.aws.identities import Identity, identity_of
from perennial.aws.table import TTL_ATTRIBUTE, Absent, Equals, Item, Key, Put, Refused, Table, Update, Write
from perennial.domain.actions import Task
from perennial.domain.customer import Customer, Order, Ticket
from perennial.domain.journal import Entry
from perennial.domain.settled import Carried, Ref, Settled, ref_of
from perennial.domain.values import iso

ERASED = "erased"
DUE_SHARDS = 16
DIRECTORY_SHARDS = 8
"""A partition of an index takes 1,000 writes a second; a stage alone would be one partition for a million people."""
MARK_LENGTH = 8
"""Hexadecimal digits of a mark. Two values with one mark leave one unwritten until it changes: 1 in 4 billion."""
MARKED_LINKS = 24
CONTENT_KEPT_FOR = timedelta(days=400)
TOGETHER = 5
"""Customers in one transaction at most: what one of them spoils is spoiled for all (docs/decisions/0007)."""
_LINE = "\n"
"""Ends the record within its item's body; JSON has none. What follows is packed with it: half a write unit saved."""
_SETTLED: Mapping[str, type[Settled]] = {"ORDER": Order, "TICKET": Ticket, "PARCEL": Carried}
"""How a sort key begins -> what the body is."""
TRANSACTION_WRITES = 100
TRANSACTION_CHARACTERS = 900_000
"""Of all bodies together. A transaction may have 4 MB, a character takes 4 bytes at most, and keys want some room."""


def record_key(customer: str) -> Key:
    return Key(f"C#{customer}", "RECORD")


def profile_key(customer: str) -> Key:
    return Key(f"C#{customer}", "PROFILE")


def messaging_key(customer: str) -> Key:
    return Key(f"C#{customer}", "MESSAGING")


def content_key(customer: str, ref: str) -> Key:
    return Key(f"C#{customer}", f"CONTENT#{ref}")


def desk_key(customer: str, task: str) -> Key:
    return Key(f"C#{customer}", f"DESK#{task}")


def settled_key(customer: str, kind: str, ref: str, shelf: str = "") -> Key:
    return Key(f"C#{customer}", f"{kind.upper()}{f'@{shelf}' if shelf else ''}#{ref}")


def identity_key(kind: str, hashed: str) -> Key:
    return Key(f"I#{kind}#{hashed}", "I")


def due_shards() -> Iterator[str]:
    return (f"due#{shard:02d}" for shard in range(DUE_SHARDS))


def shard_of(customer: str, shards: int) -> int:
    return int.from_bytes(hashlib.blake2b(customer.encode(), digest_size=4).digest(), "big") % shards


class Armed(NamedTuple):
    """An entry of the due index."""

    entry: str
    """<due time>#<customer>#<version that armed it>: never the same twice."""

    @property
    def customer(self) -> str:
        return self.entry.split("#")[1]

    @property
    def due(self) -> datetime:
        return datetime.fromisoformat(self.entry.split("#")[0])


class Told(NamedTuple):
    """A word of the profile, as its mark, and when it was said last."""

    mark: str
    at: int
    """Milliseconds since 1970: as precise as events are, or two words within one second might change places. Less
    where others are believed first (`profile.weight_of`)."""


class Marks(NamedTuple):
    """Short keyed hashes of what is written already in items of its own, so that it is not written again.

    A word that is repeated moves its time here and not in the profile, which need not be read for that.
    """

    links: tuple[str, ...] = ()
    """Identity keys, the newest last; when one is forgotten it is written again, and found to be there."""
    profile: Mapping[str, Told] = MappingProxyType({})
    """By field of the profile."""

    @classmethod
    def parse(cls, text: str) -> "Marks":
        words = text.split()
        told = (word.split(":") for word in words if ":" in word)
        profile = {
            field: Told(mark, int(at, 16))
            for at, marks in told
            for field, mark in (each.split("=") for each in marks.split(","))
        }
        return cls(tuple(word for word in words if ":" not in word), profile)

    def __str__(self) -> str:
        """What was said at one time stands behind that time, in hexadecimal: mostly one event said it all."""
        by_time: dict[int, list[str]] = {}
        for name, (mark, at) in self.profile.items():
            by_time.setdefault(at, []).append(f"{name}={mark}")
        told = (f"{at:x}:{','.join(marks)}" for at, marks in by_time.items())
        return " ".join((*self.links[-MARKED_LINKS:], *told))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A customer as read, with what the item keeps beside the record."""

    customer: Customer
    armed: Armed | None = None
    marks: Marks = Marks()  # noqa: RUF009  -- a tuple: it never changes
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a customer who was erased, where the record was: nothing written on the record holds any more.

    Identity keys still lead here, so that one write makes all of them say when their customer was erased.
    """

    customer: str
    version: int
    erased_at: datetime
    again: str
    """The id under which they are a new customer, once they begin anew."""

    @property
    def item(self) -> Item:
        attributes: dict[str, str | int] = {
            "version": self.version,
            ERASED: iso(self.erased_at),
            "again": self.again,
        }
        return Item(record_key(self.customer), "", attributes)


@dataclass(frozen=True)
class Commit:
    """Everything that one decision, or several of one customer in a row, changes."""

    before: Loaded
    after: Customer
    entries: Mapping[str, Entry]
    """Journal key -> entry."""
    armed: Armed | None
    marks: Marks
    links: tuple[Identity, ...] = ()
    """Identity keys that become this customer's, as they were read."""
    settled: tuple[Settled, ...] = ()
    items: tuple[Item, ...] = ()
    """Profile, consent, content: written with the record, on its condition."""
    journals: Mapping[str, str] = field(default_factory=dict)
    """Journal key -> whose journal the entry belongs in, where that is somebody who was merged into this customer."""
    theirs: Mapping[Key, str] = field(default_factory=dict)
    """Identity key -> whose it becomes, where that is such a one."""

    @property
    def customer(self) -> str:
        return self.after.id

    @cached_property
    def writes(self) -> tuple[Write, ...]:
        return tuple(_writes(self))

    @cached_property
    def characters(self) -> int:
        """Of all bodies."""
        return sum(len(write.item.body) for write in self.writes if isinstance(write, Put))


@dataclass(frozen=True, slots=True)
class News:
    """What is true of one customer instead of what a decision was based on."""

    loaded: Loaded | None
    """The record as it is now; None when it had not moved."""
    applied: Mapping[str, Entry]
    """Entries that exist already, by journal key: those events are in the record."""
    identities: Mapping[Key, Identity]
    """Keys that are not as they were read."""
    is_erased: bool = False
    """A tombstone is where the record was."""


class Conflict(Exception):
    """What was read of some customers is no longer true. Nothing was written, of nobody; decide again from this."""

    def __init__(self, news: Mapping[str, News]) -> None:
        super().__init__(f"{len(news)} customers are not as they were read")
        self.news = news
        """By customer: of those only who are not as they were read."""


class Store:
    def __init__(self, table: Table) -> None:
        self.table = table

    # Customers

    def load(self, customers: Iterable[str]) -> dict[str, Loaded]:
        """Those who are; who was erased is not."""
        return {customer: each for customer, each in self.look(customers).items() if isinstance(each, Loaded)}

    def look(self, customers: Iterable[str]) -> dict[str, Loaded | Tombstone]:
        """Those who are or were."""
        found = self.table.get([record_key(customer) for customer in customers])
        return {key.pk.removeprefix("C#"): _tombstone(item) or _loaded(item) for key, item in found.items()}

    def since_erased(self, customers: Iterable[str]) -> dict[str, None]:
        """These, and instead of those who were erased, as whom they may have come back."""
        found = dict.fromkeys(customers)
        while again := {each.customer: each.again for each in self.look(found).values() if isinstance(each, Tombstone)}:
            found = dict.fromkeys(again.get(customer, customer) for customer in found)
        return found

    def roots(self, customers: Iterable[str]) -> dict[str, Loaded]:
        """Those who are, each with the record that is theirs now: their own, or that of whom they were merged into."""
        asked = list(dict.fromkeys(customers))
        read: dict[str, Loaded | None] = {**self.load(asked)}
        while unread := _merged_into(read.values()) - read.keys():
            read |= {**dict.fromkeys(unread), **self.load(unread)}
        return {each: root for each in asked if (root := _root(each, read))}

    def journal(self, customer: str) -> Iterator[Entry]:
        """All entries, in the order in which things happened."""
        cursor: str | None = None
        while True:
            page = self.table.query(f"C#{customer}", prefix="J#", limit=1000, cursor=cursor)
            yield from (Entry.model_validate_json(item.body) for item in page.items)
            cursor = page.cursor
            if cursor is None:
                return

    def shelve(self, customer: Customer, settled: Sequence[Settled]) -> None:
        """Put what has left a record that is about to be written where it will look for that."""
        puts = [Put(_settled_item(customer, each)) for each in settled]
        for start in range(0, len(puts), TRANSACTION_WRITES):
            self.table.write(puts[start : start + TRANSACTION_WRITES])

    def settled(self, customer: str, refs: Sequence[Ref], shelf: str = "") -> tuple[Settled, ...]:
        """What left the record, as far as these exist. shelf: as the record names it."""
        keys = [settled_key(customer, kind, ref, shelf) for kind, ref in refs]
        return tuple(_settled(item) for item in self.table.get(keys).values()) if keys else ()

    def entry(self, customer: str, key: str) -> Entry | None:
        return self.entries([customer], key).get(customer)

    def entries(self, customers: Iterable[str], key: str) -> dict[str, Entry]:
        """Of an event that may be told to several of these customers: its entries, by whose journal they are in."""
        asked = {Key(f"C#{customer}", key): customer for customer in customers}
        found = self.table.get(list(asked))
        return {asked[at]: Entry.model_validate_json(item.body) for at, item in found.items()}

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write records, journals and what belongs to them: of all these customers, or of none.

        At most what `together` puts into one. Raises `Conflict`; `Busy` goes through.
        """
        try:
            self.table.write([write for commit in commits for write in commit.writes])
        except Refused as refused:
            raise _conflict(commits, refused) from refused

    def rearm(self, loaded: Loaded) -> None:
        """Move the due index's entry to where the record says; somebody else having moved it is as good."""
        armed = _next_armed(None, loaded.customer)
        attributes = _due_attributes(loaded.customer.id, armed)
        remove = () if attributes else ("due_shard", "due")
        was = loaded.armed.entry if loaded.armed else ""
        conditions = (Equals("due", was), Equals("version", loaded.customer.version))
        try:
            self.table.write([Update(record_key(loaded.customer.id), attributes, remove=remove, conditions=conditions)])
        except Refused:
            return

    # Identities

    def identities(self, keys: Iterable[Key]) -> dict[Key, Identity]:
        """As they are; a key that nobody has is in the answer too."""
        wanted = list(dict.fromkeys(keys))
        found = self.table.get(wanted) if wanted else {}
        return {key: identity_of(key, found.get(key)) for key in wanted}


def together(commits: Iterable[Commit]) -> Iterator[list[Commit]]:
    """The commits in order, `TOGETHER` a transaction, or as many as the table takes in one: it wants no key twice."""
    joint: list[Commit] = []
    for commit in commits:
        if joint and not _fit([*joint, commit]):
            yield joint
            joint = []
        joint.append(commit)
    if joint:
        yield joint


def _fit(joint: Sequence[Commit]) -> bool:
    keys = [write.key for commit in joint for write in commit.writes]
    characters = sum(commit.characters for commit in joint)
    is_small = len(keys) <= TRANSACTION_WRITES and characters <= TRANSACTION_CHARACTERS
    return len(joint) <= TOGETHER and is_small and len(set(keys)) == len(keys)


def next_armed(loaded: Loaded, after: Customer, consumed: bool) -> Armed | None:
    """The due index's entry after a decision. It moves only when it must: later than needed, or used up.

    One that is too early costs a look when it comes; to move it with every event would cost two writes each.
    """
    return _next_armed(None if consumed else loaded.armed, after)


def _next_armed(armed: Armed | None, after: Customer) -> Armed | None:
    if after.due_at is None or (armed and armed.due <= after.due_at):
        return armed
    return Armed(f"{iso(after.due_at)}#{after.id}#{after.version}")


def _writes(commit: Commit) -> list[Write]:
    """The record, its journal, the keys; the rest has no condition of its own."""
    customer = commit.after
    pk = f"C#{customer.id}"
    version = Absent() if commit.before.is_new else Equals("version", commit.before.customer.version)
    writes: list[Write] = [Put(_record_item(commit), (version,))]
    for key, entry in commit.entries.items():
        body = entry.model_dump_json(exclude_defaults=True)
        whose = f"C#{commit.journals[key]}" if key in commit.journals else pk
        writes.append(Put(Item(Key(whose, key), body, {"version": entry.version}), (Absent(),)))
    for link in commit.links:
        condition = Equals("parked", len(link.parked)) if link.parked else Absent()
        writes.append(Put(Item(link.key, "", {"customer": commit.theirs.get(link.key, customer.id)}), (condition,)))
    writes += [Put(item) for item in commit.items]
    writes += [Put(_desk_item(task)) for entry in commit.entries.values() for task in entry.tasks]
    settled = {ref_of(each): each for each in commit.settled}
    writes += [Put(_settled_item(customer, each)) for each in settled.values()]
    return writes


def _record_item(commit: Commit) -> Item:
    customer = commit.after
    attributes: dict[str, str | int] = {"version": customer.version}
    if customer.merged_into is None:
        attributes |= {
            "directory": f"{customer.stage}#{shard_of(customer.id, DIRECTORY_SHARDS)}",
            "directory_rank": f"{customer.label}#{customer.band or '-'}#{customer.id}",
            **_due_attributes(customer.id, commit.armed),
        }
    body = f"{customer.model_dump_json(exclude_defaults=True)}{_LINE}{commit.marks}"
    return Item(record_key(customer.id), body, attributes)


def record_of(item: Item | None) -> Customer | None:
    """None where there is no such customer, or not any more."""
    return None if item is None or _tombstone(item) else Customer.model_validate_json(record_text(item))


def record_text(item: Item) -> str:
    """The record as it was written, without what the item keeps beside it."""
    return item.body.partition(_LINE)[0]


def _due_attributes(customer: str, armed: Armed | None) -> dict[str, str | int]:
    if armed is None:
        return {}
    return {"due_shard": f"due#{shard_of(customer, DUE_SHARDS):02d}", "due": armed.entry}


def _desk_item(task: Task) -> Item:
    return Item(desk_key(task.customer, task.id), task.model_dump_json(exclude_defaults=True))


def content_item(customer: str, ref: str, body: str, at: datetime) -> Item:
    expires = int((at + CONTENT_KEPT_FOR).timestamp())
    return Item(content_key(customer, ref), body, {TTL_ATTRIBUTE: expires})


def _settled_item(customer: Customer, settled: Settled) -> Item:
    key = settled_key(customer.id, *ref_of(settled), customer.shelf)
    return Item(key, settled.model_dump_json(exclude_defaults=True))


def _settled(item: Item) -> Settled:
    kind = _SETTLED[item.key.sk.partition("#")[0].partition("@")[0]]
    return kind.model_validate_json(item.body)


def _loaded(item: Item) -> Loaded:
    due = item.attributes.get("due")
    record, _, marks = item.body.partition(_LINE)
    return Loaded(Customer.model_validate_json(record), Armed(str(due)) if due else None, Marks.parse(marks))


def _tombstone(item: Item) -> Tombstone | None:
    told = item.attributes
    if ERASED not in told:
        return None
    customer, erased_at = item.key.pk.removeprefix("C#"), datetime.fromisoformat(str(told[ERASED]))
    return Tombstone(customer, int(told["version"]), erased_at, str(told["again"]))


def _merged_into(loaded: Iterable[Loaded | None]) -> set[str]:
    return {each.customer.merged_into for each in loaded if each and each.customer.merged_into}


def _root(customer: str, read: Mapping[str, Loaded | None]) -> Loaded | None:
    found = read.get(customer)
    while found and found.customer.merged_into:
        found = read.get(found.customer.merged_into)
    return found


def _conflict(commits: Sequence[Commit], refused: Refused) -> Conflict:
    writes = (write for commit in commits for write in commit.writes)
    found = {
        write.key: item for write, failed, item in zip(writes, refused.failed, refused.found, strict=True) if failed
    }
    news: dict[str, News] = {}
    for commit in commits:
        if mine := {write.key: found[write.key] for write in commit.writes if write.key in found}:
            news[commit.customer] = _news(commit, mine)
    return Conflict(news)


def _news(commit: Commit, found: Mapping[Key, Item | None]) -> News:
    """found: what is in the place of each write that was refused."""
    loaded: Loaded | None = None
    is_erased = False
    applied: dict[str, Entry] = {}
    identities: dict[Key, Identity] = {}
    for key, item in found.items():
        if key.sk == "RECORD" and item and _tombstone(item):
            is_erased = True
        elif key.sk == "RECORD":
            loaded = _loaded(item) if item else Loaded(_nobody(commit), is_new=True)
        elif key.sk.startswith("J#") and item:
            applied[key.sk] = Entry.model_validate_json(item.body)
        else:
            identities[key] = identity_of(key, item)
    return News(loaded, applied, identities, is_erased)


def _nobody(commit: Commit) -> Customer:
    return Customer(id=commit.customer, store=commit.after.store)
