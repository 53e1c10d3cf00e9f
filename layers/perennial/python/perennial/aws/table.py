"""What the store needs of a table: DynamoDB is one (dynamo_table.py), SQLite the other (infra/local/sqlite_table.py).

Errors:
    TableError
    ├── Refused      a condition did not hold: read what it found, decide again
    ├── Busy         another transaction holds an item, or the table throttles: come back later
    └── Invalid      the call breaks a rule of the table's own, such as 400 KB an item: mend the caller
        └── BadCursor    the cursor is not one that this query gave: ask again without
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Key(NamedTuple):
    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its key, one JSON document, and the few attributes that indexes and conditions need."""

    key: Key
    body: str = ""
    attributes: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """The item does not exist."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute exists and has this value."""

    attribute: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Lacks:
    """The item does not exist, or has no such attribute."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Below:
    """The attribute is a number below this. Where there is no item, or no such attribute, nothing is counted yet."""

    attribute: str
    limit: int


Condition = Absent | Equals | Lacks | Below

BODY = "body"
RESERVED = frozenset({*Key._fields, BODY})
"""Names that an item's key and document are stored under."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole item, if all conditions hold."""

    item: Item
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if reserved := RESERVED & self.item.attributes.keys():
            raise Invalid(f"{sorted(reserved)} are not attributes: use the item's key and body")

    @property
    def key(self) -> Key:
        return self.item.key


@dataclass(frozen=True, slots=True)
class Update:
    """Change some attributes and leave the others, if all conditions hold; makes the item when it is not there.

    The attribute `body` is the item's document. `add` counts from 0 where there is no such attribute yet.
    """

    key: Key
    set: Mapping[str, str | int] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        touched = [*self.set, *self.add, *self.remove]
        if not touched:
            raise Invalid("an update that changes nothing; a transaction has no word for it")
        if len(set(touched)) < len(touched):
            raise Invalid("an update touches each attribute once")
        if {*Key._fields} & set(touched):
            raise Invalid("the key of an item never changes: delete it and put another")
        if self.set.get(BODY) == "":
            raise Invalid("an empty body is none: remove it")


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item, if all conditions hold; no error when it is not there and there is no condition."""

    key: Key
    conditions: tuple[Condition, ...] = ()


Write = Put | Update | Delete


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[Item, ...]
    cursor: str | None
    """Give it to the next call; None when there is no more."""


class TableError(Exception):
    """Something the table said."""


class Refused(TableError):
    """A condition did not hold. Nothing was written. Decide from `found`, do not read again."""

    def __init__(self, failed: Sequence[bool], found: Sequence[Item | None]) -> None:
        super().__init__(f"{sum(failed)} of {len(failed)} conditions did not hold")
        self.failed = tuple(failed)
        """For each write, in order: did its own condition fail?"""
        self.found = tuple(found)
        """For each write, in order: the item as it is now (ALL_OLD), where its condition failed and it exists."""


class Busy(TableError):
    """Another transaction is at work on an item, or the table throttles. Nothing was written; try again later."""


class Invalid(TableError, ValueError):
    """The call breaks one of the table's own rules. Nothing was written, and trying again will not help."""


class BadCursor(Invalid):
    """The cursor is not one that this query gave: ask again without one."""


class Table(Protocol):
    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that exist, read consistently, in as few calls as it takes (100 keys a call)."""

    def write(self, writes: Sequence[Write]) -> None:
        """All of it or nothing, at most 100 writes, no key twice. Raises `Refused` or `Busy`."""

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        newest_first: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Items of one partition whose sort key starts with `prefix`, in the order of their sort keys.

        Read consistently. A page ends after `limit` items or 1 MB, and its cursor may lead to an empty last page.
        """

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
        """Entries of a sparse index in order, eventually consistent; `upto` is inclusive, as text.

        The items carry their key and this index's two attributes; their body is empty (keys only).
        Entries of equal rank come in no order that the table promises.
        """


INDEXES: Mapping[str, tuple[str, str]] = {
    "due": ("due_shard", "due"),
    "directory": ("directory", "directory_rank"),
}
"""Index name -> (partition attribute, sort attribute); a test holds this and template.yaml together."""

HIGHEST = "\U0010ffff"
"""A character above all that occur in keys: what starts with `prefix` is at most `prefix + HIGHEST`."""

TTL_ATTRIBUTE = "expires"
"""Epoch seconds after which DynamoDB may delete the item. Only on items that can be made again or are texts."""
