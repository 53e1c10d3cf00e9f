"""A table whose indexes lag behind, as DynamoDB's do: `get` and `query` show what is, `index` what was some writes ago.

    table = StaleIndexes(SqliteTable(Database()), staleness=20, lag=by_seed(7))
    table.index("due", ...)     # shows each item as it was 0 to 20 writes ago: so many as `lag(20)` says, item by item
    table.stale_answers         # how often that was not what the table underneath would have said
    table.catch_up()            # all that was written so far is visible now
    table.staleness = 0         # from now on indexes are up to date

Any `Table` may be underneath; what was in it before is taken as visible. Each call of `write` counts as one write, also
when it raises. Items lag independently and may seem to go back in time, as between two replicas. An index read costs
the whole range that it is about. One thread at a time: what interrupts, delays or fails calls belongs around this.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from random import Random

from perennial.aws import cursors
from perennial.aws.table import INDEXES, Item, Key, Page, Put, Table, Update, Write

Lag = Callable[[int], int]
"""`lag(most)` is a number from 0 to `most`: so many of the last writes an index has not seen yet, as to one item."""
Entry = tuple[str, Key]
"""Rank and key: what an index shows of an item, in the order of an index."""
INDEXED = frozenset(chain.from_iterable(INDEXES.values()))


def by_seed(seed: int) -> Lag:
    """The same lags in the same order for the same seed."""
    random = Random(seed)
    return lambda most: random.randint(0, most)


class StaleIndexes:
    """As `Table`."""

    def __init__(self, table: Table, staleness: int, lag: Lag) -> None:
        """`staleness`: how many writes an index is behind at most."""
        self._table = table
        self._lag = lag
        self._before: deque[Mapping[Key, Item | None]] = deque()
        """For each of the last writes, the newest first: what indexes show of, as it was before."""
        self.staleness = staleness
        self.stale_answers = 0

    def catch_up(self) -> None:
        self._before.clear()

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

    def write(self, writes: Sequence[Write]) -> None:
        found = self._table.get([write.key for write in writes])
        before = {write.key: found.get(write.key) for write in writes}
        shown = {write.key: before[write.key] for write in writes if _is_shown(write, before[write.key])}
        self._before.appendleft(shown)
        self._table.write(writes)

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
        after = cursors.read_entry(cursor, prefix, upto) if cursor is not None else None
        present = set(self._present(name, partition, prefix, upto, limit))
        behind = self._behind()
        shown = {entry for entry in present if entry[1] not in behind}
        for item in behind.values():
            shown |= {entry for entry in _entry(item, name, partition) if _is_within(entry, prefix, upto)}
        self.stale_answers += shown != present
        rest = sorted(entry for entry in shown if after is None or entry > after)
        page = tuple(_shown_as(entry, name, partition) for entry in rest[:limit])
        return Page(page, cursors.after_entry(*rest[limit - 1]) if len(rest) > limit else None)

    def _present(self, name: str, partition: str, prefix: str, upto: str | None, limit: int) -> Iterator[Entry]:
        cursor: str | None = None
        while True:
            page = self._table.index(name, partition, prefix=prefix, upto=upto, limit=limit, cursor=cursor)
            for item in page.items:
                yield from _entry(item, name, partition)
            cursor = page.cursor
            if cursor is None:
                return

    def _behind(self) -> dict[Key, Item | None]:
        """Items that an index shows as they were, and how."""
        while len(self._before) > self.staleness:
            self._before.pop()
        lags: dict[Key, int] = {}
        behind: dict[Key, Item | None] = {}
        for age, before in enumerate(self._before):
            for key, item in before.items():
                if key not in lags:
                    lags[key] = self._lag(self.staleness)
                if age < lags[key]:
                    behind[key] = item
        return behind


def _is_shown(write: Write, before: Item | None) -> bool:
    """Is, or was, anything of the item in an index?"""
    after = write.item.attributes if isinstance(write, Put) else write.set if isinstance(write, Update) else {}
    return not INDEXED.isdisjoint({*after, *(before.attributes if before else ())})


def _entry(item: Item | None, name: str, partition: str) -> Iterator[Entry]:
    """The item's entry in this partition of a sparse index, if it has one."""
    of_partition, of_rank = INDEXES[name]
    if item and item.attributes.get(of_partition) == partition and of_rank in item.attributes:
        yield str(item.attributes[of_rank]), item.key


def _is_within(entry: Entry, prefix: str, upto: str | None) -> bool:
    rank, _ = entry
    return rank.startswith(prefix) and (upto is None or rank <= upto)


def _shown_as(entry: Entry, name: str, partition: str) -> Item:
    (of_partition, of_rank), (rank, key) = INDEXES[name], entry
    return Item(key, "", {of_partition: partition, of_rank: rank})
