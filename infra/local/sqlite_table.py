"""The table on SQLite: the twin of aws/dynamo_table.py, with DynamoDB's conditions, limits and manners."""

# ruff: noqa: S608  -- only names of our own columns are put into SQL; every value is a parameter

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate, chain, product

from infra.local.database import Database
from perennial.aws import cursors
from perennial.aws.table import (
    BODY,
    HIGHEST,
    INDEXES,
    TTL_ATTRIBUTE,
    Absent,
    Below,
    Condition,
    Delete,
    Equals,
    Invalid,
    Item,
    Key,
    Lacks,
    Page,
    Put,
    Refused,
    Update,
    Write,
)

MAX_WRITES = 100
MAX_ITEM_BYTES = 400 * 1024
MAX_WRITE_BYTES = 4 * 1024 * 1024
MAX_PAGE_BYTES = 1024 * 1024
MAX_KEY_BYTES = {"pk": 2048, "sk": 1024}
MAX_NUMBER = 10**38 - 1

EXPIRED = -1
"""In the column of the time to live while the item is being purged: tells the stream why it goes."""

INDEXED = tuple(chain.from_iterable(INDEXES.values()))
COLUMNS = (*INDEXED, TTL_ATTRIBUTE)
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SqliteTable:
    """As `Table`; many threads may use it, and other processes the same file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(*_schema())

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        _check_keys(keys)
        with self._database.reading() as connection:
            found = {key: _read(connection, key) for key in keys}
        return {key: item for key, item in found.items() if item}

    def write(self, writes: Sequence[Write]) -> None:
        _check_keys([write.key for write in writes])
        _check_writes(writes)
        with self._database.writing() as connection:
            before = [_read(connection, write.key) for write in writes]
            _refuse(writes, before)
            afterwards = [after(write, item) for write, item in zip(writes, before, strict=True)]
            _check_items([item for item in afterwards if item])
            for write, old, new in zip(writes, before, afterwards, strict=True):
                if new != old:  # what changes nothing is no change to the stream either
                    _store(connection, write.key, old, new)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        low, high, bounds = prefix, prefix + HIGHEST, "sk >= ? AND sk <= ?"
        if cursor is not None and newest_first:
            high, bounds = cursors.read_item(cursor, prefix), "sk >= ? AND sk < ?"
        elif cursor is not None:
            low, bounds = cursors.read_item(cursor, prefix), "sk > ? AND sk <= ?"
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT pk, sk, body, attributes FROM items WHERE pk = ? AND {bounds} ORDER BY sk {order} LIMIT ?"
        items, full = self._page(sql, [pk, low, high], limit)
        return Page(items, cursors.after_item(items[-1].key) if full else None)

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
        of_partition, of_rank = INDEXES[name]
        high = prefix + HIGHEST if upto is None else min(upto, prefix + HIGHEST)
        start, parameters = f"{of_rank} >= ?", [partition, high, prefix]
        if cursor is not None:
            rank, key = cursors.read_entry(cursor, prefix, upto)
            start, parameters = f"({of_rank}, pk, sk) > (?, ?, ?)", [partition, high, rank, *key]
        sql = (
            f"SELECT pk, sk, '', json_object('{of_partition}', {of_partition}, '{of_rank}', {of_rank}) FROM items "
            f"WHERE {of_partition} = ? AND {of_rank} <= ? AND {start} ORDER BY {of_rank}, pk, sk LIMIT ?"
        )
        items, full = self._page(sql, parameters, limit)
        return Page(items, cursors.after_entry(str(items[-1].attributes[of_rank]), items[-1].key) if full else None)

    def purge(self, now: datetime) -> int:
        """Remove what had expired by `now`, as DynamoDB does within days; returns how many items."""
        with self._database.writing() as connection:
            expire = f"UPDATE items SET {TTL_ATTRIBUTE} = {EXPIRED} WHERE {TTL_ATTRIBUTE} <= ?"
            connection.execute(expire, (int(now.timestamp()),))
            return connection.execute(f"DELETE FROM items WHERE {TTL_ATTRIBUTE} = {EXPIRED}").rowcount

    def _page(self, sql: str, parameters: Sequence[str], limit: int) -> tuple[tuple[Item, ...], bool]:
        """The items, and whether the page was full: as DynamoDB does, without looking whether more follows."""
        if limit < 1:
            raise Invalid(f"a page has at least one item, not {limit}")
        with self._database.reading() as connection:
            items = [_item(*row) for row in connection.execute(sql, (*parameters, limit))]
        fitting = sum(total <= MAX_PAGE_BYTES for total in accumulate(map(size_of, items)))
        return tuple(items[:fitting]), fitting < len(items) or fitting == limit


def holds(condition: Condition, item: Item | None) -> bool:
    """Whether the condition is true of the item as it is; `None` is an item that does not exist."""
    match condition:
        case Absent():
            return item is None
        case Lacks():
            return condition.attribute not in _values(item)
        case Equals():
            return _values(item).get(condition.attribute) == condition.value
        case Below():
            counted = _values(item).get(condition.attribute)
            return counted is None or (isinstance(counted, int) and counted < condition.limit)


def after(write: Write, item: Item | None) -> Item | None:
    """The item as the write leaves it; `None` is one that does not exist."""
    match write:
        case Put():
            return write.item
        case Update():
            return _updated(write, _values(item))
        case Delete():
            return None


def size_of(item: Item) -> int:
    """Bytes as DynamoDB counts them: names and texts in UTF-8, numbers a byte for two digits and one more."""
    size = sum(map(_size_of_value, (*Key._fields, *item.key)))
    for name, value in _values(item).items():
        size += _size_of_value(name) + _size_of_value(value)
    return size


def _schema() -> Iterator[str]:
    """What indexes and the time to live look at is a column too, beside being in `attributes` as all else is."""
    yield (
        "CREATE TABLE IF NOT EXISTS items (pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT NOT NULL, "
        f"attributes TEXT NOT NULL, {', '.join(COLUMNS)}, PRIMARY KEY (pk, sk))"
    )
    for name, (partition, rank) in INDEXES.items():
        yield (
            f"CREATE INDEX IF NOT EXISTS items_{name} ON items ({partition}, {rank}, pk, sk) "
            f"WHERE {partition} IS NOT NULL AND {rank} IS NOT NULL"
        )
    yield (
        f"CREATE INDEX IF NOT EXISTS items_{TTL_ATTRIBUTE} ON items ({TTL_ATTRIBUTE}) WHERE {TTL_ATTRIBUTE} IS NOT NULL"
    )


def _read(connection: sqlite3.Connection, key: Key) -> Item | None:
    sql = "SELECT pk, sk, body, attributes FROM items WHERE pk = ? AND sk = ?"
    row = connection.execute(sql, key).fetchone()
    return _item(*row) if row else None


def _item(pk: str, sk: str, body: str, attributes: str) -> Item:
    return Item(Key(pk, sk), body, json.loads(attributes))


def _values(item: Item | None) -> dict[str, str | int]:
    """All that an item holds beside its key."""
    if item is None:
        return {}
    return {**item.attributes, BODY: item.body} if item.body else dict(item.attributes)


def _refuse(writes: Sequence[Write], before: Sequence[Item | None]) -> None:
    """Raises `Refused` unless all conditions of all writes hold for the items as they are."""
    failed = [
        not all(holds(condition, item) for condition in write.conditions)
        for write, item in zip(writes, before, strict=True)
    ]
    if any(failed):
        raise Refused(failed, [item if fails else None for item, fails in zip(before, failed, strict=True)])


def _updated(update: Update, values: dict[str, str | int]) -> Item:
    for attribute, amount in update.add.items():
        count = values.get(attribute, 0)
        if not isinstance(count, int):
            raise Invalid(f"{attribute} is not a number: nothing can be added to it")
        values[attribute] = count + amount
    values |= update.set
    for attribute in update.remove:
        values.pop(attribute, None)
    return Item(update.key, str(values.pop(BODY, "")), values)


def _store(connection: sqlite3.Connection, key: Key, before: Item | None, after: Item | None) -> None:
    if after is None:
        connection.execute("DELETE FROM items WHERE pk = ? AND sk = ?", key)
    elif before is None:
        row = {"pk": key.pk, "sk": key.sk, **_row(after)}
        places = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO items ({', '.join(row)}) VALUES ({places})", (*row.values(),))
    else:
        # An index's columns are named only when they change: SQLite moves the entry of every index that is named.
        row = {column: value for column, value in _row(after).items() if value != before.attributes.get(column)}
        changes = ", ".join(f"{column} = ?" for column in row)
        connection.execute(f"UPDATE items SET {changes} WHERE pk = ? AND sk = ?", (*row.values(), *key))


def _row(item: Item) -> dict[str, str | int | None]:
    """The columns beside the key."""
    row: dict[str, str | int | None] = {column: item.attributes.get(column) for column in COLUMNS}
    return row | {"body": item.body, "attributes": _dumps(dict(item.attributes))}


def _check_writes(writes: Sequence[Write]) -> None:
    if len(writes) > MAX_WRITES:
        raise Invalid(f"a write has at most {MAX_WRITES} items, not {len(writes)}")
    if len({write.key for write in writes}) < len(writes):
        raise Invalid("one write touches an item twice")


def _check_keys(keys: Iterable[Key]) -> None:
    for key in keys:
        for name, text in zip(Key._fields, key, strict=True):
            if not 0 < len(text.encode()) <= MAX_KEY_BYTES[name]:
                raise Invalid(f"{name} has 1 to {MAX_KEY_BYTES[name]} bytes, not {len(text.encode())}")


def _check_items(items: Sequence[Item]) -> None:
    sizes = [size_of(item) for item in items]
    if max(sizes, default=0) > MAX_ITEM_BYTES:
        raise Invalid(f"an item has at most {MAX_ITEM_BYTES} bytes, not {max(sizes)}")
    if sum(sizes) > MAX_WRITE_BYTES:
        raise Invalid(f"a write has at most {MAX_WRITE_BYTES} bytes, not {sum(sizes)}")
    for name, item in product(INDEXED, items):
        if not (isinstance(item.attributes.get(name, "-"), str) and item.attributes.get(name, "-")):
            raise Invalid(f"{name} is the key of an index: a text, and not an empty one")


def _size_of_value(value: str | int) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, bool) or abs(value) > MAX_NUMBER:
        raise Invalid("an attribute is a text or a whole number of at most 38 digits")
    return (len(str(abs(value))) + 1) // 2 + 1
