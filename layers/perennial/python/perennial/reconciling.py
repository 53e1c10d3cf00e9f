"""What WooCommerce told nobody is asked for: it sends each webhook once, and what is lost on the way is lost.

Every ten minutes each shop is asked for the orders that were changed. What it answers is read as a webhook with the
same content would be, into events of the same ids; those that no journal has are sent, and counted as repaired.

No gap, although orders change while they are read. The orders are walked by the time of their last change and not by
the number of a page: one that is changed meanwhile moves to the end, and all behind it move up by one, over the edge
of the page. Where one second fills a page, as a bulk edit does, that second is read by id to its end, and once more
when its total shows that an order has left it. Each run goes back by `OVERLAP` behind the newest change ever seen, by
the shop's own clock, so that what was saved slowly is found too. The cursor moves when what it passes is stored.
No double, because an event has its id from the order and its change.

Accounts are asked for by when they were made, the newest first: WooCommerce does not list them by change. What an
account's owner changes comes with their next order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pydantic_core import from_json, to_json

from perennial.aws.clock import Clock
from perennial.domain.values import Model, Utc
from perennial.vendor_api import LONGEST_CALL, Answer, Api, ApiError, Denied, Unavailable

if TYPE_CHECKING:
    from perennial.domain.events import Event
    from perennial.ingest import Ingest

SOURCE = "woocommerce"
PAGE = 100
"""Orders; the most that WooCommerce gives at once."""
SECOND = timedelta(seconds=1)
OVERLAP = timedelta(minutes=10)
"""How long a shop may take to make visible what it has dated already."""
SETTLED = timedelta(minutes=5)
"""A change is left to its webhook for so long: what is on its way still is no repair."""
FIRST_LOOK = timedelta(days=1)
"""How far back a shop is asked for when it is met first; what is older comes by import."""
ENOUGH_MS = round((LONGEST_CALL + 5) * 1000)
"""Of run time: with less than that left no call is begun."""
NEWER_SHOP = "the shop does not filter by the time of change: WooCommerce 5.8 or newer is needed"


class Cursor(Model):
    """How far one shop's orders were read."""

    at: Utc
    """All that was changed before this second was read and stored."""
    seen: Utc
    """The newest change that was ever seen, by the shop's clock."""
    page: int | None = None
    """Where that one second is being read by id: which page of it is next."""
    total: int | None = None
    """How many orders had their last change in that second, when its first page was read."""
    is_finished: bool = False
    """The run came to the end; the next begins anew, a little earlier."""
    is_first: bool = False
    """Nobody has read this shop to the end before: what it tells was not lost, it was never sent."""


class Newest(Model):
    """How far one shop's accounts were read."""

    seen: Utc
    """When the newest that was ever seen was made, by the shop's clock."""


class Page(NamedTuple):
    """Of a list of orders, or of accounts."""

    objects: tuple[bytes, ...]
    times: tuple[datetime, ...]
    """When each order was changed last, or each account made; as many as there are objects."""
    total: int | None
    """How many orders the question has in all; None where something on the way took the header off."""


# ── pure ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def first_cursor(now: datetime) -> Cursor:
    start = (now - FIRST_LOOK).replace(microsecond=0)
    return Cursor(at=start, seen=start, is_first=True)


def begun(cursor: Cursor) -> Cursor:
    """Where a run begins: at the overlap, or exactly where the one before had to stop."""
    return Cursor(at=cursor.seen - OVERLAP, seen=cursor.seen) if cursor.is_finished else cursor


def question(cursor: Cursor, before: datetime) -> Mapping[str, str]:
    """The query for the next page. Both ends are a second wider than needed: shops differ in whether they count."""
    whole_second = cursor.page is not None
    return {
        "modified_after": _gmt(cursor.at - SECOND),
        "modified_before": _gmt(cursor.at + SECOND if whole_second else before),
        "dates_are_gmt": "true",
        "orderby": "id" if whole_second else "modified",
        "order": "asc",
        "per_page": str(PAGE),
        "page": str(cursor.page or 1),
    }


def read_page(answer: Answer, cursor: Cursor) -> Page:
    """Raises `Unavailable` for what is no list of orders, and `Denied` for a shop that lists what was not asked for."""
    page = _listed(answer, "date_modified_gmt")
    is_sorted = cursor.page is not None or page.times == tuple(sorted(page.times))
    if not is_sorted or any(each < cursor.at - 2 * SECOND for each in page.times):
        raise Denied(NEWER_SHOP)
    return page


def accounts_question(number: int) -> Mapping[str, str]:
    """The query for a page of accounts, the newest first."""
    return {"orderby": "registered_date", "order": "desc", "per_page": str(PAGE), "page": str(number)}


def read_accounts(answer: Answer) -> Page:
    """Raises `Unavailable` for what is no list of accounts."""
    return _listed(answer, "date_created_gmt")


def young(page: Page, since: datetime, before: datetime) -> Page:
    """The accounts of the page that were made in between."""
    pairs = [pair for pair in zip(page.objects, page.times, strict=True) if since <= pair[1] <= before]
    return Page(tuple(thing for thing, _ in pairs), tuple(made for _, made in pairs), page.total)


def _listed(answer: Answer, dated: str) -> Page:
    try:
        listed = from_json(answer.body)
        times = tuple(datetime.fromisoformat(each[dated]).replace(tzinfo=UTC) for each in listed)
    except (ValueError, TypeError, KeyError):
        raise Unavailable("the answer is no list of what was asked for") from None
    total = answer.headers.get("x-wp-total", "")
    return Page(tuple(map(to_json, listed)), times, int(total) if total.isdecimal() else None)


def advanced(cursor: Cursor, page: Page) -> Cursor:
    """The cursor after this page was stored."""
    return _moved(cursor, page).but({"is_first": cursor.is_first})


def _moved(cursor: Cursor, page: Page) -> Cursor:
    seen = max((cursor.seen, *page.times))
    if cursor.page is not None:
        return _within_second(cursor, page, seen)
    if len(page.objects) < PAGE:
        return Cursor(at=max((cursor.at, *page.times)), seen=seen, is_finished=True)
    if page.times[-1] > cursor.at:
        return Cursor(at=page.times[-1], seen=seen)
    return Cursor(at=cursor.at, seen=seen, page=1)


def _within_second(cursor: Cursor, page: Page, seen: datetime) -> Cursor:
    if cursor.page != 1 and page.total != cursor.total:
        return Cursor(at=cursor.at, seen=seen, page=1)  # one has left: those behind it moved up
    if len(page.objects) < PAGE:
        return Cursor(at=cursor.at + SECOND, seen=seen)
    return Cursor(at=cursor.at, seen=seen, page=(cursor.page or 1) + 1, total=page.total)


def _gmt(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Overtaken(Exception):
    """Another run reads the same shop and has moved the cursor: leave it the rest."""


class Keys(Protocol):
    def stores(self, source: str) -> tuple[str, ...]:
        """The stores of this vendor that there is a key for."""


class Bookmarks(Protocol):
    """Where cursors are kept."""

    def read(self, name: str) -> tuple[str, int]:
        """What was written last, and its version; "" and 0 where nothing was."""

    def write(self, name: str, text: str, version: int) -> int:
        """Write over that version; returns the next. Raises `Overtaken`."""


class Journals(Protocol):
    def lacking(self, events: Sequence["Event"]) -> list["Event"]:
        """Those of the events that no customer's journal has."""


@dataclass(slots=True)
class Report:
    """What one run came to."""

    read: int = 0
    """Orders and accounts that shops listed, those of the overlap included."""
    repaired: int = 0
    """Events that were missing, and are on their lanes now."""
    caught_up: int = 0
    """Such events of a shop that was read for the first time."""
    repaired_in: dict[str, int] = field(default_factory=dict)
    """Store -> how many of those that were missing."""
    unfinished: list[str] = field(default_factory=list)
    """Stores whose rest is left to the next run."""
    failed: dict[str, str] = field(default_factory=dict)
    """Store -> why it could not be read to the end."""

    def require_success(self) -> None:
        """Raises `Unreconciled`, so that the run counts as failed and somebody hears of it."""
        if self.failed:
            raise Unreconciled("; ".join(f"{store}: {why}" for store, why in self.failed.items()))


class Unreconciled(Exception):
    """Some shops could not be read; the next run goes on where this one stopped."""


class Reconciler:
    def __init__(
        self,
        keys: Keys,
        api_of: Callable[[str, str], Api | None],
        bookmarks: Bookmarks,
        journals: Journals,
        ingest: "Ingest",
        clock: Clock,
    ) -> None:
        """`api_of(source, store)` is the shop's API, while there is a key for it."""
        self._keys = keys
        self._api_of = api_of
        self._bookmarks = bookmarks
        self._journals = journals
        self._ingest = ingest
        self._clock = clock

    def run(self, remaining_ms: Callable[[], int]) -> Report:
        """Each shop that there is a key for gets its share of the time. One that fails keeps no other waiting."""
        report, stores = Report(), self._keys.stores(SOURCE)
        for position, store in enumerate(stores):
            left = remaining_ms()
            until = left - left // (len(stores) - position) + ENOUGH_MS
            before = report.repaired
            try:
                self._visit(store, report, partial(_is_time, remaining_ms, until))
            except ApiError as why:
                report.failed[store] = str(why)
            except Overtaken:
                report.unfinished.append(store)
            if report.repaired > before:
                report.repaired_in[store] = report.repaired - before
        return report

    def _visit(self, store: str, report: Report, is_time: Callable[[], bool]) -> None:
        """Orders first: accounts tell less, and wait for a run that has time for them."""
        api = self._api_of(SOURCE, store)
        if api is None:
            raise Unavailable("its key was taken out of the secret just now")
        visit = _Visit(store, api, self._clock.now(), is_time, report, self._bookmarks, self._journals, self._ingest)
        if not (visit.read_orders() and visit.read_accounts()):
            report.unfinished.append(store)


def _is_time(remaining_ms: Callable[[], int], until: int) -> bool:
    return remaining_ms() >= until


@dataclass(frozen=True, slots=True)
class _Visit:
    """One run's reading of one shop."""

    store: str
    api: Api
    now: datetime
    is_time: Callable[[], bool]
    """Whether there is time for one page more."""
    report: Report
    bookmarks: Bookmarks
    journals: Journals
    ingest: "Ingest"
    sent: set[str] = field(default_factory=set)
    """Ids of what this run has sent: what stands at the edge of two pages is read twice, sooner than it is applied."""

    @property
    def before(self) -> datetime:
        return self.now - SETTLED

    def read_orders(self) -> bool:
        """Whether it came to the end. The cursor moves with each page that was stored."""
        name = f"{SOURCE}#{self.store}#orders"
        text, version = self.bookmarks.read(name)
        cursor = begun(Cursor.model_validate_json(text)) if text else first_cursor(self.now)
        while not cursor.is_finished and self.is_time():
            page = read_page(self.api.get("/orders", question(cursor, self.before)), cursor)
            self._take("order.updated", page, cursor.is_first)
            cursor = advanced(cursor, page)
            version = self.bookmarks.write(name, cursor.model_dump_json(), version)
        return cursor.is_finished

    def read_accounts(self) -> bool:
        """Whether it came to the end; the next run begins anew where it did not, for new accounts are few."""
        name = f"{SOURCE}#{self.store}#accounts"
        text, version = self.bookmarks.read(name)
        seen = Newest.model_validate_json(text).seen if text else self.before - FIRST_LOOK
        newest = seen
        for number in count(1):
            if not self.is_time():
                return False
            page = read_accounts(self.api.get("/customers", accounts_question(number)))
            new = young(page, seen - OVERLAP, self.before)
            self._take("customer.created", new, is_first=not text)
            newest = max((newest, *new.times))
            if len(page.objects) < PAGE or page.times[-1] < seen - OVERLAP:
                break
        self.bookmarks.write(name, Newest(seen=newest).model_dump_json(), version)
        return True

    def _take(self, topic: str, page: Page, is_first: bool) -> None:
        """As if their webhooks had come."""
        headers = {"x-wc-webhook-topic": topic}
        reading = self.ingest.understood(SOURCE, self.store, headers, page.objects)
        reading.events = self.journals.lacking([event for event in reading.events if event.id not in self.sent])
        self.ingest.keep(SOURCE, self.store, headers, reading)
        self.sent.update(event.id for event in reading.events)
        self.report.read += len(page.objects)
        if is_first:
            self.report.caught_up += len(reading.events)
        else:
            self.report.repaired += len(reading.events)
