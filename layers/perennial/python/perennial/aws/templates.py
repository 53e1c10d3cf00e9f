"""The texts in force, and how they are changed: every version of every document is kept, one pointer names the active.

What ships with the product is version 0 of each document; a document that was never changed is not in the table.

Errors:
    Outdated     somebody else changed the document since it was read
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from perennial.aws.clock import Clock
from perennial.aws.table import Absent, Busy, Equals, Item, Key, Put, Refused, Table
from perennial.channels.catalogue import Catalogue, read_catalogue
from perennial.domain.values import iso

PARTITION = "TEMPLATES"
ACTIVE = Key(PARTITION, "ACTIVE")
SHIPPED_VERSION = 0
LOOKED_AT_FOR = timedelta(seconds=60)
"""How long an execution environment may go on with the texts it read."""
ATTEMPTS = 5
"""How often to lose the race for the pointer to changes of other documents."""

Document = Mapping[str, Any]


class Outdated(Exception):
    """The document is no longer the version that the change was made to: read it again."""

    def __init__(self, active: int) -> None:
        super().__init__(f"the active version is {active}")
        self.active = active


class Change(NamedTuple):
    """One version of a document."""

    version: int
    document: Document
    at: datetime | None = None
    by: str | None = None
    """When it was made and by whom, as the identity provider knows them; None for what shipped."""


class _Pointer(NamedTuple):
    changes: int
    """How many there were: the version of the pointer itself. 0 is before the first."""
    versions: Mapping[str, int]


class Templates:
    def __init__(self, table: Table, clock: Clock, shipped: Callable[[], Mapping[str, Document]]) -> None:
        """shipped: the documents that come with the product, by name."""
        self._table = table
        self._clock = clock
        self._shipped = shipped
        self._known: dict[tuple[str, int], Document] = {}
        self._pointer = _Pointer(0, {})
        self._catalogue: Catalogue | None = None
        self._looked_at: datetime | None = None

    def catalogue(self) -> Catalogue:
        """The texts in force: the same object as long as they are the same."""
        now = self._clock.wall()
        if self._catalogue is None or self._looked_at is None or now - self._looked_at > LOOKED_AT_FOR:
            self._look(now)
        assert self._catalogue is not None
        return self._catalogue

    def latest(self) -> Catalogue:
        """The texts as the table has them now, and not as this execution environment last saw them."""
        self._looked_at = None
        return self.catalogue()

    def version(self, name: str, number: int) -> Change | None:
        """None where there never was such a version."""
        if number == SHIPPED_VERSION:
            shipped = self._shipped().get(name)
            return Change(number, shipped) if shipped else None
        item = self._table.get([_key(name, number)]).get(_key(name, number))
        return _change(number, item) if item else None

    def change(self, name: str, document: Document, over: int, by: str, check: Callable[[Catalogue], None]) -> int:
        """Put this document in force, in the place of version `over`; returns its version, which is one higher.

        `check` raises where the catalogue that would be in force has a flaw; pydantic's `ValidationError` where it is
        none. Raises `Outdated`, and `Busy` where too much else is changed at the same time.
        """
        for _ in range(ATTEMPTS):
            pointer = self._read_pointer()
            if (active := pointer.versions.get(name, SHIPPED_VERSION)) != over:
                raise Outdated(active)
            following = _Pointer(pointer.changes + 1, {**pointer.versions, name: active + 1})
            check(read_catalogue({**self._documents(pointer), name: document}, following.versions))
            change = Change(active + 1, document, self._clock.wall(), by)
            if self._write(name, change, following):
                self._looked_at = None
                return change.version
        raise Busy("the templates are being changed by others")

    def candidate(self, name: str, document: Document) -> Catalogue:
        """The texts as they would be with this document. Raises pydantic's `ValidationError`."""
        return read_catalogue({**self._documents(self._pointer), name: document}, self._pointer.versions)

    def _write(self, name: str, change: Change, following: _Pointer) -> bool:
        """False where another change came first."""
        unchanged = Equals("version", following.changes - 1) if following.changes > 1 else Absent()
        pointer = Item(ACTIVE, json.dumps(following.versions), {"version": following.changes})
        document = Item(_key(name, change.version), _body(change))
        try:
            self._table.write([Put(pointer, (unchanged,)), Put(document, (Absent(),))])
        except Refused:
            return False
        return True

    def _look(self, now: datetime) -> None:
        pointer = self._read_pointer()
        if self._catalogue is None or pointer != self._pointer:
            self._catalogue = read_catalogue(self._documents(pointer), pointer.versions)
        self._pointer, self._looked_at = pointer, now

    def _documents(self, pointer: _Pointer) -> dict[str, Document]:
        """All that are in force by this pointer."""
        unread = {_key(*each): each for each in pointer.versions.items() if each not in self._known}
        found = self._table.get(list(unread)) if unread else {}
        self._known |= {unread[key]: _change(0, item).document for key, item in found.items()}
        return {**self._shipped(), **{name: self._known[name, number] for name, number in pointer.versions.items()}}

    def _read_pointer(self) -> _Pointer:
        item = self._table.get([ACTIVE]).get(ACTIVE)
        return _Pointer(int(item.attributes["version"]), json.loads(item.body)) if item else _Pointer(0, {})


def _change(number: int, item: Item) -> Change:
    body = json.loads(item.body)
    return Change(number, body["document"], datetime.fromisoformat(body["at"]), body["by"])


def _body(change: Change) -> str:
    told = {"at": iso(change.at) if change.at else None, "by": change.by, "document": change.document}
    return json.dumps(told, ensure_ascii=False)


def _key(name: str, version: int) -> Key:
    return Key(PARTITION, f"T#{name}#V#{version:08d}")
