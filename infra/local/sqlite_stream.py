"""The table's stream on SQLite: every change of an item, once, in the order of commits, as DynamoDB Streams tells it.

Triggers write it down in the transaction of the change itself, whichever process makes it, so that nothing is missing
after kill -9. It is kept from when the first `SqliteStream` of the file was made; a house without a consumer makes
none, as a change costs some 20 µs. What consumers have worked off they `forget`; DynamoDB forgets after 24 hours.
"""

# ruff: noqa: S608  -- as in sqlite_table.py

import json
from typing import Literal, NamedTuple

from infra.local.database import Database
from infra.local.sqlite_table import EXPIRED
from perennial.aws.table import TTL_ATTRIBUTE, Item, Key

Kind = Literal["INSERT", "MODIFY", "REMOVE"]

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS changes (sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
    "pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT, attributes TEXT, expired INTEGER NOT NULL DEFAULT 0)",
    "CREATE TRIGGER IF NOT EXISTS changes_insert AFTER INSERT ON items BEGIN "
    "INSERT INTO changes (kind, pk, sk, body, attributes) "
    "VALUES ('INSERT', NEW.pk, NEW.sk, NEW.body, NEW.attributes); END",
    "CREATE TRIGGER IF NOT EXISTS changes_modify AFTER UPDATE OF body, attributes ON items BEGIN "
    "INSERT INTO changes (kind, pk, sk, body, attributes) "
    "VALUES ('MODIFY', NEW.pk, NEW.sk, NEW.body, NEW.attributes); END",
    "CREATE TRIGGER IF NOT EXISTS changes_remove AFTER DELETE ON items BEGIN "
    "INSERT INTO changes (kind, pk, sk, expired) "
    f"VALUES ('REMOVE', OLD.pk, OLD.sk, OLD.{TTL_ATTRIBUTE} IS {EXPIRED}); END",
)
_READ = (
    "SELECT sequence, kind, pk, sk, body, attributes, expired FROM changes WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_FORGET = "DELETE FROM changes WHERE sequence <= ?"


class Change(NamedTuple):
    """One change of one item."""

    sequence: int
    kind: Kind
    key: Key
    image: Item | None
    """The item as the change left it (NEW_IMAGE); None when it was removed."""
    is_expiry: bool
    """It was removed because its time to live had ended, and by nobody."""


class SqliteStream:
    def __init__(self, database: Database) -> None:
        """`database` has a `SqliteTable` already."""
        self._database = database
        database.create(*_SCHEMA)

    def read(self, after: int = 0, limit: int = 1000) -> list[Change]:
        """The changes that follow the one of this sequence number, oldest first; 0 begins with the oldest kept."""
        with self._database.reading() as connection:
            return [_change(*row) for row in connection.execute(_READ, (after, limit))]

    def forget(self, upto: int) -> int:
        """Keep no change up to this sequence number any longer; returns how many there were."""
        with self._database.writing() as connection:
            return connection.execute(_FORGET, (upto,)).rowcount


def _change(
    sequence: int, kind: Kind, pk: str, sk: str, body: str | None, attributes: str | None, expired: int
) -> Change:
    key = Key(pk, sk)
    image = None if body is None or attributes is None else Item(key, body, json.loads(attributes))
    return Change(sequence, kind, key, image, bool(expired))
