"""What staff asked for under a key of their own, so that asking again is no second time.

    pk            sk      what                                                attributes
    ASKED#<id>    ASKED   when it was asked first, and a digest of what for   expires

An event that staff ask for bears the time at which it was asked first: asked again, it is the same event.
"""

from datetime import datetime, timedelta

from perennial.aws.table import TTL_ATTRIBUTE, Absent, Item, Key, Put, Refused, Table
from perennial.domain.values import Instant, Model

KEPT_FOR = timedelta(days=30)
"""Who asks again after that asks for something new."""


class First(Model):
    """The first time."""

    at: Instant
    said: str
    """A digest of what was asked for."""


class Asked:
    def __init__(self, table: Table) -> None:
        self._table = table

    def first(self, asked: str, said: str, now: datetime) -> First:
        """The first time that this was asked, which may be now; and what for, which may be something else."""
        first = First(at=now, said=said)
        attributes = {TTL_ATTRIBUTE: int((now + KEPT_FOR).timestamp())}
        item = Item(Key(f"ASKED#{asked}", "ASKED"), first.model_dump_json(), attributes)
        try:
            self._table.write([Put(item, (Absent(),))])
        except Refused as refused:
            found = refused.found[0]
            return first if found is None else First.model_validate_json(found.body)
        return first
