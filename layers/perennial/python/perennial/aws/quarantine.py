"""What was authentic and could not be understood: kept 30 days, visible, and ready to be tried again.

Keys: `Q#<id>` / `ENTRY` is the entry, `Q#<id>` / `CHUNK#<nn>` its payload (gzip, base64, cut to fit items),
`Q#ALL` / `<received_at>#<id>` its line in the list, and `Q#DISCARDED` / `<when>#<id>` who gave one up, and why. The id
is made of what was received, so that a vendor's retry finds its entry and writes no second one: the entry bears the
mark of who kept it last, and who removes it removes what they read, so that nothing is lost that was kept again
meanwhile. The list is one partition on purpose: one query gives a page. It takes about 500 new entries a second;
beyond that the table says `Busy`, and the vendor delivers again.
"""

import base64
import gzip
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from pydantic import Field

from perennial.aws.identities import Identity, identity_of, with_waiting
from perennial.aws.table import TTL_ATTRIBUTE, Absent, Delete, Equals, Item, Key, Put, Refused, Table, Write
from perennial.domain.values import Model, Utc, iso

KEPT_FOR = timedelta(days=30)
CHUNK = 300_000
"""Characters of base64 an item: DynamoDB takes 400 KB with names and keys."""
DISCARDS = "Q#DISCARDED"
DISCARDS_KEPT_FOR = timedelta(days=400)
OURS = "perennial"
"""The source of entries that are events of our own."""
MOST_COUNTED = 20_000
LINES = 500
"""Of the list, read at once."""
LIST = "Q#ALL"
KEEPING = "keeping"


class Listed(Model):
    """A line of the list. No personal data: the payload is not in it, and reasons hold none."""

    id: str
    source: str
    store: str
    received_at: Utc
    reason: str
    headers: Mapping[str, str] = {}
    """Those that the source's `translate` reads; never a signature."""

    @property
    def is_stray(self) -> bool:
        """One of our own events, which waits for whose it is; nothing is wrong with it."""
        return self.source == OURS


class Discarded(Listed):
    """An entry that staff gave up; what is left of it."""

    because: str
    by: str
    discarded_at: Utc


class Entry(Listed):
    payload: bytes
    """As it was received. Personal data."""
    keeping: str = Field(default_factory=lambda: secrets.token_hex(8))
    """Of this keeping alone: kept again, an entry bears another."""


class Group(Model):
    """Entries of one source and store with one reason."""

    source: str
    store: str
    reason: str
    is_stray: bool
    count: int
    oldest: Utc
    newest: Utc


class Summary(NamedTuple):
    groups: tuple[Group, ...]
    """The largest first."""
    is_complete: bool
    """False: there are more entries than were counted, and they are older."""


class ListedPage(NamedTuple):
    entries: tuple[Listed, ...]
    cursor: str | None


class DiscardedPage(NamedTuple):
    entries: tuple[Discarded, ...]
    cursor: str | None


class _Head(Listed):
    """What the table keeps of an entry beside its payload."""

    keeping: str
    chunks: int

    @property
    def expires(self) -> int:
        return int((self.received_at + KEPT_FOR).timestamp())

    @property
    def key(self) -> Key:
        return _key(self.id)

    @property
    def list_key(self) -> Key:
        return Key(LIST, f"{iso(self.received_at)}#{self.id}")

    @property
    def chunk_keys(self) -> tuple[Key, ...]:
        return tuple(Key(self.key.pk, f"CHUNK#{number:02d}") for number in range(self.chunks))

    def at(self, key: Key) -> Item:
        return Item(key, self.model_dump_json(), {TTL_ATTRIBUTE: self.expires, KEEPING: self.keeping})

    @property
    def as_read(self) -> tuple[Equals, ...]:
        """Nobody has removed it, or kept it again."""
        return (Equals(KEEPING, self.keeping),)

    def listed(self) -> Listed:
        return Listed(**self.model_dump(exclude={"keeping", "chunks"}))


class Quarantine:
    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, entry: Entry) -> None:
        """Keep it, once: an entry that is there already stays as it is, with its first time."""
        self._keep(entry, ())

    def park(self, entry: Entry, identity: Identity) -> Identity:
        """Keep it until this key is somebody's; entry and key know of each other, or neither is written.

        Returns the key as it is then. Where it is somebody's already, nothing was kept.
        """
        while identity.customer is None:
            waiting = with_waiting(identity, entry.id)
            try:
                self._keep(entry, (waiting.put,))
            except Refused as refused:
                identity = identity_of(identity.key, refused.found[0])
            else:
                return waiting.identity
        return identity

    def list(self, *, limit: int = 50, cursor: str | None = None) -> ListedPage:
        """Newest first."""
        page = self._table.query(LIST, newest_first=True, limit=limit, cursor=cursor)
        return ListedPage(tuple(_Head.model_validate_json(item.body).listed() for item in page.items), page.cursor)

    def every(self) -> Iterator[Listed]:
        """All there is, newest first, page by page."""
        cursor: str | None = None
        while True:
            page = self.list(limit=LINES, cursor=cursor)
            yield from page.entries
            if (cursor := page.cursor) is None:
                return

    def summary(self) -> Summary:
        """What is in quarantine, counted: the newest `MOST_COUNTED`."""
        entries = list(islice(self.every(), MOST_COUNTED))
        kinds: dict[tuple[str, str, str], list[Listed]] = {}
        for entry in entries:
            kinds.setdefault((entry.source, entry.store, entry.reason), []).append(entry)
        groups = sorted(map(_group, kinds.values()), key=lambda group: -group.count)
        return Summary(tuple(groups), len(entries) < MOST_COUNTED)

    def discard(self, entry: Entry, because: str, by: str, at: datetime) -> bool:
        """Give it up, with a word that stays; False where it is gone, or was kept again since."""
        head = self._head(entry.id)
        if head is None or head.keeping != entry.keeping:
            return False
        told = Discarded(**head.listed().model_dump(), because=because, by=by, discarded_at=at)
        expires = int((at + DISCARDS_KEPT_FOR).timestamp())
        note = Item(Key(DISCARDS, f"{iso(at)}#{entry.id}"), told.model_dump_json(), {TTL_ATTRIBUTE: expires})
        rest = [Delete(key) for key in (head.list_key, *head.chunk_keys)]
        try:
            self._table.write([Put(note), Delete(head.key, head.as_read), *rest])
        except Refused:
            return False
        return True

    def discarded(self, limit: int = 50, cursor: str | None = None) -> DiscardedPage:
        """Newest first."""
        page = self._table.query(DISCARDS, newest_first=True, limit=limit, cursor=cursor)
        return DiscardedPage(tuple(Discarded.model_validate_json(item.body) for item in page.items), page.cursor)

    def get(self, entry_id: str) -> Entry | None:
        """None when there is no such entry, or when its time to live has begun to take it away."""
        head = self._head(entry_id)
        chunks = self._table.get(head.chunk_keys) if head else {}
        if head is None or len(chunks) < head.chunks:
            return None
        payload = _unpacked([chunks[key].body for key in head.chunk_keys])
        return Entry(**head.model_dump(exclude={"chunks"}), payload=payload)

    def explain(self, entry_id: str, reason: str) -> None:
        """Give it a new reason, unless somebody removed it meanwhile, or kept it again."""
        if (head := self._head(entry_id)) is None:
            return
        told = head.model_copy(update={"reason": reason})
        with suppress(Refused):
            self._table.write([Put(told.at(head.key), head.as_read), Put(told.at(head.list_key))])

    def rewrite(self, entry: Entry, payload: bytes) -> None:
        """Put another payload in the place of the one that was read; not where it is gone, or was kept again since."""
        head, packed = self._head(entry.id), _packed(payload)
        if head and head.keeping == entry.keeping:
            again = head.model_copy(update={"chunks": len(packed)})
            _, *rest = _writes(again, packed)
            spare = [Delete(key) for key in head.chunk_keys[len(packed) :]]
            with suppress(Refused):
                self._table.write([Put(again.at(head.key), head.as_read), *rest, *spare])

    def delete(self, entry: Entry) -> None:
        """Remove it as it was read: not where it is gone, nor where it was kept again since and is wanted still."""
        head = self._head(entry.id)
        if head and head.keeping == entry.keeping:
            rest = [Delete(key) for key in (head.list_key, *head.chunk_keys)]
            with suppress(Refused):
                self._table.write([Delete(head.key, head.as_read), *rest])

    def _keep(self, entry: Entry, beside: tuple[Put, ...]) -> None:
        """Raises `Refused` where something that is to be written with it is."""
        packed = _packed(entry.payload)
        head = _Head(**entry.model_dump(exclude={"payload"}), chunks=len(packed))
        writes: list[Write] = list(_writes(head, packed))
        while True:
            try:
                self._table.write([*beside, *writes])
            except Refused as refused:
                if any(refused.failed[: len(beside)]):
                    raise
                found = refused.found[len(beside)]
                writes = [_once_more(found, entry.keeping)] if found else list(_writes(head, packed))
            else:
                return

    def _head(self, entry_id: str) -> _Head | None:
        key = _key(entry_id)
        found = self._table.get([key]).get(key)
        return _Head.model_validate_json(found.body) if found else None


def _group(alike: Sequence[Listed]) -> Group:
    """alike: newest first."""
    newest, oldest = alike[0], alike[-1]
    return Group(
        **newest.model_dump(include={"source", "store", "reason"}),
        is_stray=newest.is_stray,
        count=len(alike),
        oldest=oldest.received_at,
        newest=newest.received_at,
    )


def _key(entry_id: str) -> Key:
    return Key(f"Q#{entry_id}", "ENTRY")


def _writes(head: _Head, packed: Sequence[str]) -> Iterator[Put]:
    """All of it or nothing; that the entry is new is the condition."""
    yield Put(head.at(head.key), (Absent(),))
    yield Put(head.at(head.list_key))
    for key, text in zip(head.chunk_keys, packed, strict=True):
        yield Put(Item(key, text, {TTL_ATTRIBUTE: head.expires}))


def _once_more(found: Item, keeping: str) -> Put:
    head = _Head.model_validate_json(found.body)
    return Put(head.model_copy(update={"keeping": keeping}).at(head.key), head.as_read)


def _packed(payload: bytes) -> tuple[str, ...]:
    """At least one piece, also of nothing."""
    text = base64.b64encode(gzip.compress(payload, mtime=0)).decode()
    return tuple(text[start : start + CHUNK] for start in range(0, len(text), CHUNK))


def _unpacked(pieces: Sequence[str]) -> bytes:
    return gzip.decompress(base64.b64decode("".join(pieces)))
