"""When each source was heard last, and how often: a small item each, written at most once a minute by whoever hears.

Keys: `SOURCES` / `<source>/<store>` is counted at the door (attributes `last`, `minutes`), `RHYTHMS` /
`<source>/<store>` is what functions/watch has learned of it, `REPAIRS` / `<source>/<store>` how many events a
reconciliation found missing. The first is written without being read and whoever
writes last is right; to learn, there is one function, so that nothing is in anybody's way.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from perennial.aws.table import Item, Key, Put, Table, Update
from perennial.domain.values import iso
from perennial.gaps import Heard, Rhythm

SOURCES, RHYTHMS, REPAIRS = "SOURCES", "RHYTHMS", "REPAIRS"
AT_MOST_EVERY = timedelta(minutes=1)
LAST, MINUTES, EVENTS = "last", "minutes", "events"


class Pulses:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._noted: dict[tuple[str, str], datetime] = {}

    def heard(self, source: str, store: str, now: datetime) -> None:
        """Something came. A write unit a minute and execution environment.

        Never fails: what came is stored already, and is not to be delivered again because it could not be counted.
        """
        noted = self._noted.get((source, store))
        if noted and now - noted < AT_MOST_EVERY:
            return
        self._noted[source, store] = now
        with suppress(Exception):  # the next minute makes up for it
            self._table.write([Update(_key(SOURCES, source, store), set={LAST: iso(now)}, add={MINUTES: 1})])

    def repaired(self, source: str, events: Mapping[str, int]) -> None:
        """events: how many were missing and are there now, by store."""
        for store, count in events.items():
            self._table.write([Update(_key(REPAIRS, source, store), add={EVENTS: count})])

    def all(self) -> Iterator[Heard]:
        yield from map(_heard, self._items(SOURCES))

    def repairs(self) -> Mapping[tuple[str, str], int]:
        """(source, store) -> how many events were ever repaired."""
        return {_named(item): int(item.attributes[EVENTS]) for item in self._items(REPAIRS)}

    def _items(self, pk: str) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            page = self._table.query(pk, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return

    def rhythm(self, heard: Heard) -> Rhythm | None:
        key = _key(RHYTHMS, heard.source, heard.store)
        item = self._table.get([key]).get(key)
        return Rhythm.model_validate_json(item.body) if item else None

    def learn(self, heard: Heard, rhythm: Rhythm) -> None:
        body = rhythm.model_dump_json(exclude_defaults=True)
        self._table.write([Put(Item(_key(RHYTHMS, heard.source, heard.store), body))])


def _key(pk: str, source: str, store: str) -> Key:
    return Key(pk, f"{source}/{store}")


def _named(item: Item) -> tuple[str, str]:
    source, _, store = item.key.sk.partition("/")
    return source, store


def _heard(item: Item) -> Heard:
    last = datetime.fromisoformat(str(item.attributes[LAST]))
    return Heard(*_named(item), last, int(item.attributes[MINUTES]))
