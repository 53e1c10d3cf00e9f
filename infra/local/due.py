"""Looks ahead on the due index: when the next thing becomes due, asked of the table or noticed as it is written."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime

from perennial.aws.store import Armed, due_shards, record_key
from perennial.aws.table import Item, Key, Page, Put, Table, Update, Write

RECORD = record_key("").sk


def earliest_due(table: Table, after: datetime | None = None) -> datetime | None:
    """The first instant at which anything is due; with `after`, the first later than that. None when nothing is."""
    return min((due for shard in due_shards() if (due := _first(table, shard, after))), default=None)


def _first(table: Table, shard: str, after: datetime | None) -> datetime | None:
    return next((due for due in _entries(table, shard) if after is None or due > after), None)


def _entries(table: Table, shard: str) -> Iterator[datetime]:
    cursor: str | None = None
    while True:
        page = table.index("due", shard, limit=10, cursor=cursor)
        yield from (Armed(str(item.attributes["due"])).due for item in page.items)
        cursor = page.cursor
        if cursor is None:
            return


class DueWatch:
    """As `Table`; keeps what is due in order as it is written, so that a replay need not ask the index a million times.

    Sees only what is written through it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._entries: list[str] = []
        """A heap: entries begin with their time. Those that were replaced since are skipped when they come up."""
        self._armed: dict[Key, str] = {}

    def next_due(self) -> datetime | None:
        while self._entries and not self._holds(Armed(self._entries[0])):
            heapq.heappop(self._entries)
        return Armed(self._entries[0]).due if self._entries else None

    def take(self, upto: datetime) -> Iterator[Armed]:
        """What is due by then, earliest first; each entry is given once."""
        while (due := self.next_due()) is not None and due <= upto:
            yield Armed(heapq.heappop(self._entries))

    def write(self, writes: Sequence[Write]) -> None:
        self._table.write(writes)
        for write in writes:
            match write:
                case Put(Item(key, _, attributes)) if key.sk == RECORD:
                    self._note(key, attributes.get("due"))
                case Update(key, changed) if key.sk == RECORD and ("due" in changed or "due" in write.remove):
                    self._note(key, changed.get("due"))

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        return self._table.get(keys)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return self._table.query(pk, prefix=prefix, newest_first=newest_first, limit=limit, cursor=cursor)

    def index(
        self,
        name: str,
        partition: str,
        *,
        prefix: str = "",
        upto: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        return self._table.index(name, partition, prefix=prefix, upto=upto, limit=limit, cursor=cursor)

    def _note(self, key: Key, entry: str | int | None) -> None:
        if entry is None:
            self._armed.pop(key, None)
        elif self._armed.get(key) != entry:
            self._armed[key] = str(entry)
            heapq.heappush(self._entries, str(entry))

    def _holds(self, armed: Armed) -> bool:
        return self._armed.get(record_key(armed.customer)) == armed.entry
