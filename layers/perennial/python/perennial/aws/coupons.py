"""Pools of imported coupon codes in the table: each code goes to one action, and an action keeps the one it drew.

    pk               sk               what                                             attributes
    COUPONS          POOL#<pool>      who last added codes to a pool, and when         -
    COUPONS#<pool>   CODE#<code>      a code that was ever added: it never comes back  -
    COUPONS#<pool>   FREE#<code>      a code that nobody has drawn yet                 free
    COUPONS#<pool>   DRAWN#<action>   the code that an action drew                     code

A code in a pool is worth money and names nobody.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from perennial.aws.table import Absent, Busy, Delete, Equals, Item, Key, Put, Refused, Table
from perennial.channels.coupons import PoolEmpty
from perennial.domain.values import Instant, Model

PARTITION = "COUPONS"
ATTEMPTS = 10
"""How often to lose the race for a code before leaving it to the queue."""
LOOKED_AT = 50
"""Free codes of which a draw picks one: enough that senders at work at once seldom pick the same."""
AT_ONCE = 50
"""Codes in one transaction: two items each."""
PIECE = 1_000
MOST_COUNTED = 10_000


class Pool(Model):
    """A pool, by its latest change."""

    name: str
    changed_at: Instant
    by: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many codes of a pool are left."""

    left: int
    is_complete: bool
    """False where there are more than were counted."""


State = Literal["free", "drawn"]


class Code(NamedTuple):
    """A code, and the action that drew it."""

    code: str
    state: State
    action: str | None


class CodesPage(NamedTuple):
    codes: tuple[Code, ...]
    cursor: str | None


class Pools:
    def __init__(self, table: Table) -> None:
        self._table = table

    def draw(self, pool: str, action: str) -> str:
        """The code of this action; the same however often it is drawn. Raises `PoolEmpty`, and `Busy`."""
        own = Key(_partition(pool), f"DRAWN#{action}")
        for _ in range(ATTEMPTS):
            free = self._table.query(_partition(pool), prefix="FREE#", limit=LOOKED_AT).items
            if drawn := self._table.get([own]).get(own):  # after the look: a copy may have drawn the last one
                return drawn.body
            if not free:
                raise PoolEmpty(pool)
            if code := self._take(secrets.choice(free), own):
                return code
        raise Busy(f"others drew {ATTEMPTS} codes first")

    def _take(self, free: Item, own: Key) -> str | None:
        """None where somebody took this code first, or a copy of the action another."""
        code = free.key.sk.partition("#")[2]
        try:
            drawn = Put(Item(own, code, {"code": code}), (Absent(),))
            self._table.write([Delete(free.key, (Equals("free", 1),)), drawn])
        except Refused:
            return None
        return code

    def put_back(self, pool: str, action: str) -> None:
        """Free the code that this action drew, if it did. One that it has drawn anew meanwhile is left alone."""
        own = Key(_partition(pool), f"DRAWN#{action}")
        drawn = self._table.get([own]).get(own)
        if drawn is None:
            return
        free = Put(_free(pool, drawn.body), (Absent(),))
        try:
            self._table.write([Delete(own, (Equals("code", drawn.body),)), free])
        except Refused:  # a copy has put it back
            return

    def add(self, pool: str, codes: Sequence[str], by: str, at: datetime) -> int:
        """Add codes; returns how many were new. One that was in the pool before is passed over, drawn or not."""
        told = Pool(name=pool, changed_at=at, by=by)
        self._table.write([Put(Item(Key(PARTITION, f"POOL#{pool}"), told.model_dump_json()))])
        distinct = list(dict.fromkeys(codes))
        pieces = (distinct[start : start + AT_ONCE] for start in range(0, len(distinct), AT_ONCE))
        return sum(self._add(pool, piece) for piece in pieces)

    def _add(self, pool: str, codes: Sequence[str]) -> int:
        while codes:
            try:
                self._table.write([put for code in codes for put in _new(pool, code)])
            except Refused as refused:
                known = refused.failed[::2]
                codes = [code for code, is_known in zip(codes, known, strict=True) if not is_known]
            else:
                return len(codes)
        return 0

    def codes(self, pool: str, state: State, limit: int, cursor: str | None = None) -> CodesPage:
        """Codes of a pool, those that are free or those that were drawn. Raises `BadCursor`."""
        page = self._table.query(_partition(pool), prefix=f"{state.upper()}#", limit=limit, cursor=cursor)
        return CodesPage(tuple(_code(item, state) for item in page.items), page.cursor)

    def all(self) -> tuple[Pool, ...]:
        items = self._table.query(PARTITION, prefix="POOL#", limit=PIECE).items
        return tuple(Pool.model_validate_json(item.body) for item in items)

    def left(self, pool: str, at_most: int = MOST_COUNTED) -> Count:
        """How many nobody has drawn; counted up to `at_most`."""
        count, cursor = 0, None
        while True:
            page = self._table.query(_partition(pool), prefix="FREE#", limit=min(PIECE, at_most), cursor=cursor)
            count, cursor = count + len(page.items), page.cursor
            if cursor is None or count >= at_most:
                return Count(count, cursor is None)


def _new(pool: str, code: str) -> Iterable[Put]:
    partition = _partition(pool)
    yield Put(Item(Key(partition, f"CODE#{code}")), (Absent(),))
    yield Put(_free(pool, code))


def _free(pool: str, code: str) -> Item:
    return Item(Key(_partition(pool), f"FREE#{code}"), "", {"free": 1})


def _code(item: Item, state: State) -> Code:
    name = item.key.sk.partition("#")[2]
    return Code(name, state, None) if state == "free" else Code(item.body, state, name)


def _partition(pool: str) -> str:
    return f"{PARTITION}#{pool}"
