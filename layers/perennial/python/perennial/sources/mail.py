"""Mail that comes back: reports of mail servers on what they could not deliver (RFC 3464), and complaints (RFC 5965).

Anybody may send mail to an address. What is believed bears a mark of ours (domain/return_path.py), wherever in it: in
the address that it came to, or in the head of our own mail, which reports repeat. All else is ignored before anything
of it is taken apart. Over HTTPS the merchant's key says besides that it came from their mailbox.

No words of mail servers are kept; they quote addresses.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message as Mail
from email.utils import parsedate_to_datetime
from typing import TypeVar

from perennial.domain.events import (
    BaseEvent,
    Event,
    MessageBounced,
    MessageComplained,
    MessageData,
    MessageDelivered,
    MessageFailed,
)
from perennial.domain.return_path import STORE_HEADER, Keys, Mark, is_ours, marked
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.mail_reports import (
    LARGEST_READ,
    Fate,
    delivery_fates,
    feedback_type,
    field,
    opened,
    report_type,
)
from perennial.sources.payloads import Delivery, understanding
from perennial.sources.signatures import require_key

Events = tuple[Event, ...]
E = TypeVar("E", bound=BaseEvent)

SOURCE = "mail"
HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()
NOT_OURS = "no mail of ours came back, or one of another store"

AHEAD, AGO = timedelta(hours=2), timedelta(days=30)
"""How far a server's clock may be off, and how late its report may come, for us to take its date for the time."""
NO_COMPLAINTS = frozenset({"not-spam", "auth-failure"})
TOLD_BY_LISTS = ("list-id", "list-unsubscribe", "list-post")
MACHINES = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-suppress")
PRECEDENCES = frozenset({"bulk", "list", "junk", "auto_reply"})
_STORE = re.compile(
    rb"^%b:[ \t]*([a-z0-9][a-z0-9-]{0,62})[ \t]*\r?$" % STORE_HEADER.encode(), re.IGNORECASE | re.MULTILINE
)


def nothing_newer() -> bool:
    """Of a house whose keys do not change."""
    return False


@dataclass(frozen=True, slots=True)
class Door:
    """The source as mail comes to it: a `Source`, which knows the keys of our marks."""

    keys: Callable[[], Keys]
    refresh: Callable[[], bool] = nothing_newer
    """Look for newer keys: a mail may come back within seconds. False where that was asked for only just now."""

    @property
    def HEADERS(self) -> frozenset[str]:  # noqa: N802  as of all sources
        return HEADERS

    @property
    def MEDIA_TYPES(self) -> frozenset[str]:  # noqa: N802
        return MEDIA_TYPES

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[str], moments: Sequence[datetime], /) -> None:
        verify(headers, body, secrets, moments)

    def split(self, body: bytes, /) -> tuple[bytes, ...]:
        return whole(body)

    def translate(self, headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
        """Raises `Ignored` for what bears no mark of ours, of this store."""
        if self._of_one(body, (store,)) is None:
            raise Ignored(NOT_OURS)
        return translate(headers, body, store, received_at)

    def store_of(self, body: bytes, usual: str) -> str | None:
        """Whose mail it was that came back to an address of all stores; None where it was none of ours."""
        named = _STORE.search(body, 0, LARGEST_READ)
        return self._of_one(body, (named[1].decode().lower(), usual) if named else (usual,))

    def _of_one(self, body: bytes, stores: Sequence[str]) -> str | None:
        """The store whose mark it bears. What bears none costs no look at the keys."""
        found = _marked(body)
        if found is None:
            return None
        return self._sealed(found, stores) or (self._sealed(found, stores) if self.refresh() else None)

    def _sealed(self, found: Mark, stores: Sequence[str]) -> str | None:
        keys = self.keys()
        return next((store for store in stores if is_ours(found, store, keys)), None)


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Nothing of it is signed but its mark, which `Door` looks at."""
    require_key(headers, secrets)


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    """Of what a `Door` has let in."""
    mark = _marked(body)
    if mark is None:
        raise Ignored(NOT_OURS)
    mail = opened(body)
    return (_event(_Back(mail, mark, store, _told_at(mail, received_at), body)),)


def _marked(body: bytes) -> Mark | None:
    return marked(body[:LARGEST_READ])


@dataclass(frozen=True, slots=True)
class _Back:
    """What came back, while its event is being made."""

    mail: Mail
    mark: Mark
    store: str
    at: datetime
    body: bytes

    def event(self, kind: type[E], reason: str | None = None) -> E:
        """One of each kind for a mail: told again, it is the same event."""
        data = MessageData(action=self.mark.action, channel="email", reason=reason)
        told = Delivery(SOURCE, self.mark.action, self.store, self.at, self.body).event(kind, None, data)
        return told.but({"customer": self.mark.customer})


def _event(back: _Back) -> Event:
    match report_type(back.mail):
        case "delivery-status":
            return _became(back, delivery_fates(back.mail))
        case "feedback-report":
            return _complained(back, feedback_type(back.mail))
        case "disposition-notification":
            raise Ignored("a receipt of the reader's own mail program")
        case _:
            raise _no_report(back.mail)


def _became(back: _Back, fates: tuple[Fate, ...]) -> Event:
    """Where our one recipient turned out to be several, the mildest counts: somebody may have got it."""
    if not fates:
        raise NotUnderstood("delivery-status: it names no action of any recipient")
    failed = [fate for fate in fates if fate.action == "failed"]
    if len(failed) == len(fates):
        return _failed(back, min(failed, key=lambda fate: (fate.is_for_the_address, fate.is_for_good)))
    if any(fate.action == "delivered" for fate in fates):
        return back.event(MessageDelivered)
    raise Ignored("a server still tries to deliver it, or has handed it on")


def _failed(back: _Back, fate: Fate) -> Event:
    status = fate.status or "no status"
    if fate.is_for_the_address:
        return back.event(MessageBounced, f"bounced for good: {status}")
    if fate.is_for_good:
        return back.event(MessageFailed, f"refused, not for its address: {status}")
    return back.event(MessageFailed, f"bounced for now: {status}")


def _complained(back: _Back, feedback: str | None) -> Event:
    if feedback is None:
        raise NotUnderstood("feedback-report: it names no Feedback-Type")
    if feedback in NO_COMPLAINTS:
        raise Ignored("feedback that is no complaint")
    return back.event(MessageComplained)


def _no_report(mail: Mail) -> Ignored | NotUnderstood:
    """Of what comes to an address that only mail servers are to write to."""
    if field(mail, "auto-submitted").lower() not in ("", "no") or any(name in mail for name in MACHINES):
        return Ignored("an answer by a machine, such as out of office")
    if any(name in mail for name in TOLD_BY_LISTS) or field(mail, "precedence").lower() in PRECEDENCES:
        return Ignored("mail of a list")
    return NotUnderstood("a mail came back that is no report of a server: see what it says")


def _told_at(mail: Mail, received_at: datetime) -> datetime:
    """The report's own date, so that it is the same event when it comes again; unless it cannot be."""
    try:
        told = parsedate_to_datetime(field(mail, "date"))
        at = told.replace(tzinfo=told.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return received_at
    return at if received_at - AGO <= at <= received_at + AHEAD else received_at
