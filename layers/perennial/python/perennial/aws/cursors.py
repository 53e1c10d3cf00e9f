"""Where a page ended, as opaque text: the next call of the same query goes on from there, in either table."""

import base64
import json

from perennial.aws.table import BadCursor, Key

MAX_KEY_BYTES = 1024
"""As long as DynamoDB lets a sort key be; our partition keys are far shorter."""


def after_item(key: Key) -> str:
    return _encode(key.sk)


def after_entry(rank: str, key: Key) -> str:
    return _encode(rank, key.pk, key.sk)


def read_item(cursor: str, prefix: str) -> str:
    """The sort key after which a query goes on. Raises `BadCursor`, also for one from outside of what is queried."""
    (sort_key,) = _decode(cursor, parts=1)
    if not sort_key.startswith(prefix):
        raise BadCursor("the cursor lies outside of this query")
    return sort_key


def read_entry(cursor: str, prefix: str, upto: str | None) -> tuple[str, Key]:
    """The rank and the item after which an index read goes on. Raises `BadCursor`, as above."""
    rank, pk, sk = _decode(cursor, parts=3)
    if not rank.startswith(prefix) or (upto is not None and rank > upto):
        raise BadCursor("the cursor lies outside of this query")
    return rank, Key(pk, sk)


def _encode(*parts: str) -> str:
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _decode(cursor: str, *, parts: int) -> list[str]:
    try:
        decoded = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        sizes = [len(part.encode()) for part in decoded] if isinstance(decoded, list) else []
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadCursor("the cursor cannot be read") from error
    if len(sizes) != parts or not all(0 < size <= MAX_KEY_BYTES for size in sizes):
        raise BadCursor("the cursor is of another query")
    return list(decoded)
