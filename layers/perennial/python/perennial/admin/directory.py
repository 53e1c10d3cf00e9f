"""Walks customers by stage, label and band on the directory index, a bounded piece at a time.

The index is cut into a partition per stage and shard, and ranked by label and band within. A walk goes through the
places that fit one after the other; its cursor says in which place and how far.
"""

import base64
import json
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from perennial.aws.store import DIRECTORY_SHARDS
from perennial.aws.table import BadCursor, Table
from perennial.domain.customer import Label, Stage

MOST_QUERIES = 40
"""Reads of the index that one request may cost; a page that ends early has a cursor to go on from."""


class Place(NamedTuple):
    """One run of the index: a partition, and how its ranks start."""

    partition: str
    prefix: str


class Walked(NamedTuple):
    customers: list[str]
    """Ids."""
    cursor: str | None


def places(stage: Stage | None, label: Label | None, band: str | None) -> list[Place]:
    """Everywhere that a customer of this stage, label and band may be; None: of any."""
    labels = [label] if label or not band else list(Label)
    prefixes = [_prefix(each, band) for each in labels]
    partitions = [f"{each}#{shard}" for each in ([stage] if stage else Stage) for shard in range(DIRECTORY_SHARDS)]
    return [Place(partition, prefix) for partition, prefix in product(partitions, prefixes)]


def walk(table: Table, where: Sequence[Place], limit: int, cursor: str | None) -> Walked:
    """The next customers, at most `limit`. Raises `BadCursor` for a cursor that no walk of these places gave."""
    found: list[str] = []
    at, inner = _resumed(where, cursor)
    for _ in range(MOST_QUERIES):
        if at == len(where):
            return Walked(found, None)
        if len(found) == limit:
            break
        place = where[at]
        page = table.index("directory", place.partition, prefix=place.prefix, limit=limit - len(found), cursor=inner)
        found += [item.key.pk.removeprefix("C#") for item in page.items]
        at, inner = (at, page.cursor) if page.cursor else (at + 1, None)
    return Walked(found, _written(where[at], inner) if at < len(where) else None)


def _prefix(label: Label | None, band: str | None) -> str:
    if label is None:
        return ""
    return f"{label}#{band}#" if band else f"{label}#"


def _written(place: Place, inner: str | None) -> str:
    text = json.dumps([*place, inner], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _resumed(where: Sequence[Place], cursor: str | None) -> tuple[int, str | None]:
    if cursor is None:
        return 0, None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        partition, prefix, inner = json.loads(text)
        return where.index(Place(partition, prefix)), None if inner is None else str(inner)
    except (ValueError, TypeError, RecursionError):
        raise BadCursor("the cursor is of another list") from None
