"""What was asked of us about somebody's data, and what became of it: kept for ever, as proof, and naming nobody.

Key: `PRIVACY` / `<when asked>#<id>`. The id is made of the event that asked: told twice, it is one request.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from perennial.aws.table import Absent, Equals, Item, Key, Put, Refused, Table
from perennial.domain.events import PrivacyRequested
from perennial.domain.values import Instant, Model, iso
from perennial.sources.payloads import fingerprint

PARTITION = "PRIVACY"
LOOKED_THROUGH = 200
"""Requests that are read at once."""
ANSWERED_WITHIN = timedelta(days=92)
"""The law gives a month for each, and two more where it is hard (GDPR, article 12)."""


class Request(Model):
    id: str
    request: Literal["erase", "export", "erase_shop"]
    store: str
    by: str
    """The source of the event that asked: a vendor, or `perennial/admin`."""
    asked_at: Instant
    due_at: Instant | None = None
    state: Literal["running", "waits", "done"] = "running"
    """waits: for a person, who is to hand the data over, or to say that a whole shop may go."""
    customers: tuple[str, ...] = ()
    """Our own ids of those who are meant: one, or several who were merged."""
    others: tuple[str, ...] = ()
    """Customers who share a weaker key of the request, and were left alone: somebody may want to look at them."""
    removed: Mapping[str, int] = {}
    """Place -> how many things that named them were removed there."""
    done_at: Instant | None = None
    look_again_at: Instant | None = None
    """When what was in somebody's hands during the erasure has come to rest, and is looked for once more."""

    @property
    def key(self) -> Key:
        return Key(PARTITION, f"{iso(self.asked_at)}#{self.id}")


class Page(NamedTuple):
    requests: tuple[Request, ...]
    cursor: str | None


class Requests:
    def __init__(self, table: Table) -> None:
        self._table = table

    def noted(self, event: PrivacyRequested) -> Request:
        """The request of this event as it stands; new, if it was not told before."""
        request = Request(
            id=request_id(event),
            request=event.data.request,
            store=event.store,
            by=event.source,
            asked_at=event.time,
            due_at=event.data.due_at,
        )
        try:
            self._table.write([Put(_item(request), (Absent(),))])
        except Refused as refused:
            if refused.found[0]:
                return Request.model_validate_json(refused.found[0].body)
            raise
        return request

    def change(self, request: Request, changes: Mapping[str, object]) -> Request:
        """With these changes. Who is told a second time at the same moment writes the same."""
        changed = request.but(changes)
        self._table.write([Put(_item(changed), (Equals("request", request.id),))])
        return changed

    def list(self, limit: int = 50, cursor: str | None = None) -> Page:
        """Newest first."""
        page = self._table.query(PARTITION, newest_first=True, limit=limit, cursor=cursor)
        return Page(tuple(Request.model_validate_json(item.body) for item in page.items), page.cursor)

    def since(self, moment: datetime) -> Iterator[Request]:
        """All that were asked since then, the newest first; and the newest `LOOKED_THROUGH` in any case."""
        cursor: str | None = None
        while True:
            page = self.list(LOOKED_THROUGH, cursor)
            yield from page.requests
            cursor = page.cursor
            if cursor is None or page.requests[-1].asked_at < moment:
                return

    def waiting(self, now: datetime) -> tuple[Request, ...]:
        """Those of the last `ANSWERED_WITHIN` that wait for a person, however many came after them."""
        return tuple(each for each in self.since(now - ANSWERED_WITHIN) if each.state == "waits")

    def answer_exports(self, customers: Iterable[str], now: datetime) -> None:
        """What was asked of these has been handed over, or is gone."""
        theirs = set(customers)
        for request in self.waiting(now):
            if request.request == "export" and theirs & set(request.customers):
                self.change(request, {"state": "done", "done_at": now})

    def get(self, asked_at: datetime, request: str) -> Request | None:
        """request: its id."""
        key = Key(PARTITION, f"{iso(asked_at)}#{request}")
        item = self._table.get([key]).get(key)
        return Request.model_validate_json(item.body) if item else None


def request_id(event: PrivacyRequested) -> str:
    return fingerprint(event.source, event.store, event.id)


def _item(request: Request) -> Item:
    return Item(request.key, request.model_dump_json(exclude_defaults=True), {"request": request.id})
