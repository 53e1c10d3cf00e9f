"""What staff asked for under a key of their own, so that asking again is no second time; and how much it was in a day.

    pk                                 sk       what                                                attributes
    ASKED#<digest of who and key>      ASKED    when it was asked first, and a digest of what for   expires
    ASKED#<digest of customer, day>    SPENT    how much of a limit was used on that day            <use>, ..., expires

An event that staff ask for bears the time at which it was asked first: asked again, it is the same event. What counts
towards a limit is counted in the transaction that writes down that it was asked: once, and never above the limit,
however many ask at once.

Errors:
    Spent   more than is left of the limit on that day: nothing was written down
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from perennial.aws.table import TTL_ATTRIBUTE, Absent, Below, Item, Key, Put, Refused, Table, Update, Write
from perennial.domain.actions import action_id
from perennial.domain.values import Instant, Model, iso

KEPT_FOR = timedelta(days=30)
"""Who asks again after that asks for something new."""


class Spent(Exception):
    """There is not so much left of the limit today. Nothing was written down; ask for less, or somebody who may."""


class First(Model):
    """The first time."""

    at: Instant
    said: str
    """A digest of what was asked for."""


class Use(NamedTuple):
    """So much of what may be used in a day, of UTC, for one customer."""

    customer: str
    name: str
    """Of what: one limit each."""
    number: int
    most: int


class Asked:
    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self, asked: str) -> First | None:
        """The first time that this was asked; None: never."""
        found = self._table.get([_key(asked)]).get(_key(asked))
        return First.model_validate_json(found.body) if found else None

    def first(self, asked: str, said: str, now: datetime, use: Use | None = None) -> First:
        """The first time that this was asked, which may be now; and what for, which may be something else.

        Raises `Spent` if it is now, and the day has not so much left.
        """
        if use and use.number > use.most:
            raise Spent
        first = First(at=now, said=said)
        item = Item(_key(asked), first.model_dump_json(), _expiry(now))
        try:
            self._table.write([Put(item, (Absent(),)), *([_counted(use, now)] if use else [])])
        except Refused as refused:
            if asked_before := refused.found[0]:
                return First.model_validate_json(asked_before.body)
            raise Spent from refused
        return first


def _counted(use: Use, now: datetime) -> Write:
    """Refused where it would be more than may be."""
    key = Key(f"ASKED#{action_id('spent', use.customer, iso(now)[:10])}", "SPENT")
    left = Below(use.name, use.most - use.number + 1)
    return Update(key, set=_expiry(now), add={use.name: use.number}, conditions=(left,))


def _key(asked: str) -> Key:
    return Key(f"ASKED#{asked}", "ASKED")


def _expiry(now: datetime) -> dict[str, str | int]:
    return {TTL_ATTRIBUTE: int((now + KEPT_FOR).timestamp())}
