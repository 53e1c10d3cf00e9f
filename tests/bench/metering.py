"""What a table's calls cost on DynamoDB: counted as aws/dynamo_table.py makes them, priced by the published rules.

A write unit is 1 KB of the larger of before and after, begun; twice that in a transaction. A read unit is 4 KB, begun,
of each item (of each page, in a query), also when it is not there; half that where the read is eventually consistent.
An entry of an index costs as a write where it comes or goes, twice where its key changes, nothing where it stays;
transactions do not double it, for indexes follow after the commit.
(docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html, .../GSI.html#GSI.Writes)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from infra.local.sqlite_table import SqliteTable, after
from infra.local.sqlite_table import size_of as plain_size_of
from perennial.aws.dynamo_table import KEYS_PER_CALL, packed_size
from perennial.aws.table import INDEXES, Item, Key, Page, Write

WRITE_UNIT, READ_UNIT = 1024, 4096
"""Bytes."""


def size_of(item: Item) -> int:
    """Bytes of the item as DynamoDB holds it, its body packed."""
    return plain_size_of(item) - len(item.body.encode()) + packed_size(item.body)


@dataclass
class Usage:
    calls: int = 0
    write_units: float = 0
    index_units: float = 0
    """Of the write units, those for indexes."""
    read_units: float = 0
    items_read: int = 0
    bytes_added: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(mine + its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))


class Metered:
    """As `Table`."""

    def __init__(self, table: SqliteTable) -> None:
        self._table = table
        self._usage = Usage()

    def take(self) -> Usage:
        """What was used since this was last asked."""
        usage, self._usage = self._usage, Usage()
        return usage

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found = self._table.get(keys)
        distinct = set(keys)
        self._usage.calls += ceil(len(distinct) / KEYS_PER_CALL)
        self._usage.items_read += len(found)
        self._usage.read_units += sum(_begun(size_of(found[key]) if key in found else 0, READ_UNIT) for key in distinct)
        return found

    def write(self, writes: Sequence[Write]) -> None:
        before = self._table.get([write.key for write in writes])
        self._table.write(writes)
        self._usage.calls += 1
        for write in writes:
            old = before.get(write.key)
            new = after(write, old)
            self._usage += _written(old, new, in_transaction=len(writes) > 1)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        page = self._table.query(pk, prefix=prefix, newest_first=newest_first, limit=limit, cursor=cursor)
        self._paged(page, 1.0)
        return page

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
        page = self._table.index(name, partition, prefix=prefix, upto=upto, limit=limit, cursor=cursor)
        self._paged(page, 0.5)
        return page

    def _paged(self, page: Page, units: float) -> None:
        self._usage.calls += 1
        self._usage.items_read += len(page.items)
        self._usage.read_units += units * _begun(sum(map(size_of, page.items)), READ_UNIT)


def _written(old: Item | None, new: Item | None, *, in_transaction: bool) -> Usage:
    sizes = [size_of(item) if item else 0 for item in (old, new)]
    indexes = sum(_moved(_entry(old, name), _entry(new, name)) for name in INDEXES)
    own = _begun(max(sizes), WRITE_UNIT) * (2 if in_transaction else 1)
    return Usage(write_units=own + indexes, index_units=indexes, bytes_added=sizes[1] - sizes[0])


def _entry(item: Item | None, index: str) -> Item | None:
    """The item's entry in a keys-only index; None where it has none."""
    if item is None or not item.attributes.keys() >= set(INDEXES[index]):
        return None
    return Item(item.key, attributes={name: item.attributes[name] for name in INDEXES[index]})


def _moved(old: Item | None, new: Item | None) -> int:
    return 0 if old == new else sum(_begun(size_of(entry), WRITE_UNIT) for entry in (old, new) if entry)


def _begun(size: int, unit: int) -> int:
    return max(1, ceil(size / unit))
