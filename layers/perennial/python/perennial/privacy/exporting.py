"""Hands over everything that is kept of a person: item by item as it is kept, so that nothing can be forgotten here."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from perennial.aws.quarantine import Quarantine
from perennial.aws.store import Store, profile_key, record_text
from perennial.aws.table import BadCursor, Item
from perennial.domain.events import Person
from perennial.domain.profile import Profile
from perennial.privacy.trace import Trace

ITEMS = 400
"""Of one page: a few hundred kilobytes mostly, well below the 6 MB that a function may answer."""
MOST_DELIVERIES = 2_000
"""Entries of quarantine that are read for one export, the newest, while somebody waits."""
WORDS = {
    "RECORD": "record",
    "PROFILE": "profile",
    "MESSAGING": "messages",
    "J": "timeline",
    "CONSENT": "consent",
    "CONTENT": "text",
    "DESK": "task",
    "ORDER": "order",
    "TICKET": "ticket",
}
"""How a sort key begins -> what people call the item."""


class Held(NamedTuple):
    """One thing that is kept."""

    what: str
    key: str
    content: Any


class Delivery(NamedTuple):
    """Something that names them, and that nobody could understand yet."""

    source: str
    received_at: datetime
    reason: str
    payload: str


class Holdings(NamedTuple):
    items: tuple[Held, ...]
    deliveries: tuple[Delivery, ...]
    """With the first page."""
    cursor: str | None


@dataclass(frozen=True)
class Exporting:
    store: Store
    quarantine: Quarantine
    secret: bytes

    def page(self, shop: str, customers: Sequence[str], cursor: str | None) -> Holdings:
        """The next things that are kept of these, who are one person. Raises `BadCursor`."""
        number, inner = _resumed(cursor, len(customers))
        page = self.store.table.query(f"C#{customers[number]}", limit=ITEMS, cursor=inner)
        deliveries = () if cursor else tuple(self._deliveries(self._trace(shop, customers)))
        return Holdings(tuple(map(_held, page.items)), deliveries, _next(number, page.cursor, len(customers)))

    def _trace(self, shop: str, customers: Sequence[str]) -> Trace:
        found = self.store.table.get([profile_key(each) for each in customers])
        people = (Profile.model_validate_json(item.body).person for item in found.values())
        return Trace(self.store, self.secret, shop, frozenset(customers), tuple(people))

    def _deliveries(self, trace: Trace) -> Iterator[Delivery]:
        for _, listed in zip(range(MOST_DELIVERIES), self.quarantine.every(), strict=False):
            entry = self.quarantine.get(listed.id) if listed.store == trace.shop else None
            if entry and (trace.is_theirs(entry.payload, entry.source) or trace.is_their_event(_text(entry.payload))):
                yield Delivery(entry.source, entry.received_at, entry.reason, _text(entry.payload))


def known_by(person: Person) -> tuple[str, ...]:
    """Kinds of what a person can be found by; each is kept as a keyed hash too."""
    own = [kind for kind in ("id", "email", "phone") if getattr(person, kind)]
    return (*own, *(f"id at {vendor}" for vendor in sorted(person.ids)))


def _held(item: Item) -> Held:
    kind = item.key.sk.partition("#")[0].partition("@")[0]
    return Held(WORDS.get(kind, kind.lower()), item.key.sk, _content(item))


def _content(item: Item) -> Any:
    text = record_text(item)
    return json.loads(text) if text else dict(item.attributes)


def _text(payload: bytes) -> str:
    return payload.decode(errors="replace")


def _resumed(cursor: str | None, count: int) -> tuple[int, str | None]:
    number, _, inner = (cursor or "0").partition(".")
    if not number.isdecimal() or not int(number) < count:
        raise BadCursor("the cursor is of another export")
    return int(number), inner or None


def _next(number: int, inner: str | None, count: int) -> str | None:
    if inner:
        return f"{number}.{inner}"
    return str(number + 1) if number + 1 < count else None
