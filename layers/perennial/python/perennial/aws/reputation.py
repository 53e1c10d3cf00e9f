"""How our emails were received, day by day: as SES told it, or the sender by a mail server and the mail that came back.

    pk                  sk                what                                         attributes
    REPUTATION#<day>    SENT#<shard>      how many left; spread over 16 items, which      sent, expires
    REPUTATION#<day>    BOUNCED#<id>      one that bounced for good: told again, it    expires
                                          is the same item
    REPUTATION#<day>    COMPLAINED#<id>   one that was called spam, likewise           expires

A send that is told twice counts twice: that is rare, and of many.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from perennial.aws.table import TTL_ATTRIBUTE, Item, Key, Put, Table, Update, Write
from perennial.domain.events import Event, MessageBounced, MessageComplained, MessageSent

KEPT_FOR = timedelta(days=30)
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Received:
    """What became of the emails of some days."""

    sent: int
    bounced: int
    complained: int


class Reputation:
    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, events: Iterable[Event]) -> None:
        """Count what tells of emails. Raises what the table raises: then it comes again."""
        for event in events:
            if write := _write(event):
                self._table.write([write])

    def since(self, first: date, last: date) -> Received:
        """Both days included."""
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        items = [item for day in days for item in self._items(day)]
        return Received(
            sent=sum(int(item.attributes.get("sent", 0)) for item in items),
            bounced=sum(item.key.sk.startswith("BOUNCED#") for item in items),
            complained=sum(item.key.sk.startswith("COMPLAINED#") for item in items),
        )

    def _items(self, day: date) -> Iterable[Item]:
        cursor = None
        while True:
            page = self._table.query(_partition(day), limit=PAGE, cursor=cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return


def _write(event: Event) -> Write | None:
    match event:
        case MessageSent(data=data) if data.channel == "email":
            key = Key(_partition(event.time.date()), f"SENT#{_mark(event.id)[0]}")
            return Update(key, set={TTL_ATTRIBUTE: _expiry(event.time)}, add={"sent": 1})
        case MessageBounced(data=data) | MessageComplained(data=data) if data.channel == "email":
            kind = event.type.removeprefix("message.").upper()
            key = Key(_partition(event.time.date()), f"{kind}#{_mark(event.id)}")
            return Put(Item(key, "", {TTL_ATTRIBUTE: _expiry(event.time)}))
        case _:
            return None


def _mark(event_id: str) -> str:
    """Its first character is the shard."""
    return hashlib.blake2b(event_id.encode(), digest_size=16).hexdigest()


def _expiry(at: datetime) -> int:
    return int((at + KEPT_FOR).timestamp())


def _partition(day: date) -> str:
    return f"REPUTATION#{day.isoformat()}"
