"""The door: a vendor's request comes in, its events go out on their lanes, and what nobody can read is kept.

Answers are given only after everything is stored: on the queues, or in quarantine. When one of the two refuses,
the exception goes up, the answer is 500, and the vendor delivers again; the engine knows what it had before.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.aws.clock import Clock
from perennial.aws.identities import Identity
from perennial.aws.quarantine import Entry, Quarantine
from perennial.aws.queues import MESSAGE_BYTES, Message, Queue, Unsendable, batches
from perennial.aws.secrets import Secrets
from perennial.domain.events import Event
from perennial.domain.identity import identity_keys
from perennial.domain.quality import Impossible, cleaned
from perennial.fetching import Fetch
from perennial.sources import (
    Forged,
    Headers,
    Ignored,
    NotUnderstood,
    OnlyNamed,
    Ping,
    Source,
    Untrusted,
    Wanted,
)
from perennial.sources.on_demand import OnDemand, module
from perennial.sources.payloads import fingerprint

LARGEST_BODY = 1024 * 1024
"""Bytes. An event must fit a queue's message, and no vendor's webhook comes near."""

MOST_PARTS = 1_000
"""Of one delivery: they are stored while the sender waits, and the answer tells of each."""
MOST_KEPT_SINGLY = 20
SURELY_SENDABLE = MESSAGE_BYTES // 8
"""Bytes. An event repeats what it was made of at most about four times."""

AHEAD = timedelta(days=1)
"""How far the clock of a vendor may be ahead of ours."""

SOURCES = OnDemand(
    {
        "shopify": module("shopify"),
        "woocommerce": module("woocommerce"),
        "bigcommerce": module("bigcommerce"),
        "zendesk": module("zendesk"),
        "freshdesk": module("freshdesk"),
        "gorgias": module("gorgias"),
        "intercom": module("intercom"),
        "aftership": module("aftership"),
        "aftership_returns": module("aftership_returns"),
        "17track": module("seventeentrack"),
        "easypost": module("easypost"),
        "twilio": module("twilio"),
        "open": module("open_events"),
    }
)
"""The vendors that may speak over HTTPS, by the name in their address."""

READERS = SOURCES.also("sns", module("sns")).also("mail", module("mail")).also("perennial", module("canonical"))
"""Who can read what lies in quarantine: the vendors, and ourselves for events that wait for whose they are."""

Lane = Literal["orders", "tickets", "outcomes", "privacy"]
FETCHES: Literal["fetches"] = "fetches"
"""The queue of what vendors only named."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sender is told. Says nothing about who we know to those who did not sign."""

    status: int
    body: Mapping[str, Any]


UNTRUSTED = Reply(401, {"error": "no active secret of this source and store gives this signature, or it is too old"})
TOO_LARGE = Reply(413, {"error": f"a body may have {LARGEST_BODY} bytes"})
TOO_MANY = Reply(413, {"error": f"a batch may have {MOST_PARTS} events"})


@dataclass(frozen=True, slots=True)
class Note:
    """A part of a delivery that gave no events, and why."""

    index: int
    reason: str
    part: bytes


@dataclass(slots=True)
class Reading:
    """What one delivery came to."""

    events: list[Event] = field(default_factory=list)
    quarantined: list[Note] = field(default_factory=list)
    ignored: list[Note] = field(default_factory=list)
    wanted: list[tuple[Wanted, bytes]] = field(default_factory=list)
    """What must be fetched, and the part of the delivery that named it."""

    def reply(self) -> Reply:
        return Reply(
            200,
            {
                "accepted": len(self.events),
                "quarantined": [{"index": each.index, "reason": each.reason} for each in self.quarantined],
                "ignored": [{"index": each.index, "reason": each.reason} for each in self.ignored],
            },
        )


def nobody_listens(source: str, store: str, now: datetime) -> None:
    """Where nobody wants to know who has fallen silent."""


def nothing_counted(events: Sequence[Event]) -> None:
    """Where nobody counts how emails were received."""


@dataclass(frozen=True, slots=True)
class Ingest:
    secrets: Secrets
    lanes: Mapping[Lane | Literal["fetches"], Queue]
    """Where events go, and under `FETCHES` what must be asked for first."""
    quarantine: Quarantine
    clock: Clock
    doors: Mapping[str, Source] = field(default_factory=lambda: SOURCES)
    """Who may speak over HTTPS: the vendors, and those whose signature takes more than a secret to verify."""
    heard: Callable[[str, str, datetime], None] = nobody_listens
    """Told of each source and store when it was heard (gaps.py)."""
    counted: Callable[[Sequence[Event]], None] = nothing_counted
    """Told what came over HTTPS, once it is stored (aws/reputation.py). Raises what the table raises."""

    def receive(self, source: str, store: str, headers: Headers, body: bytes) -> Reply:
        """Verify, translate, store, answer. Raises what the queue or the table raises: then nothing is promised."""
        if len(body) > LARGEST_BODY:
            return TOO_LARGE
        named = {name.lower(): value for name, value in headers.items()}
        try:
            vendor = self._verified(source, store, named, body)
        except Untrusted:
            return UNTRUSTED
        except Ping as ping:
            return Reply(200, {"ping": str(ping)})
        if not _takes(vendor, named.get("content-type", "")):
            return Reply(415, {"error": f"the content type is one of {', '.join(sorted(vendor.MEDIA_TYPES))}"})
        kept = {name: value for name, value in named.items() if name in vendor.HEADERS}
        parts, now = vendor.split(body), self.clock.now()
        if len(parts) > MOST_PARTS:
            return TOO_MANY
        reading = _read(vendor, kept, parts, store, now, now + AHEAD)
        self.keep(source, store, kept, reading)
        self.counted(reading.events)
        self.heard(source, store, now)
        return reading.reply()

    def understood(self, source: str, store: str, headers: Headers, parts: Iterable[bytes]) -> Reading:
        """What a vendor's own objects say that nobody sent: we asked for them. Nothing is kept yet."""
        now = self.clock.now()
        return _read(READERS[source], headers, parts, store, now, now + AHEAD)

    def keep(self, source: str, store: str, headers: Headers, reading: Reading) -> None:
        """Store what was read, to the last part. Raises what the queue or the table raises: then do it again."""
        for reason, payload in _to_keep(reading.quarantined):
            self.put_aside(source, store, headers, payload, reason)
        self._ask(source, store, reading.wanted)
        self._send(reading.events)

    def put_aside(self, source: str, store: str, headers: Headers, payload: bytes, reason: str) -> None:
        """Into quarantine, from where it can be replayed."""
        self.quarantine.put(_entry(source, store, headers, payload, reason, self.clock.now()))

    def replay(self, entry_id: str) -> Reply | None:
        """Try a quarantined entry again with today's code; its signature was checked when it came in.

        Its events go out and the entry goes away; while it is still not understood it stays, with the new reason.
        None where there is no such entry.
        """
        entry = self.quarantine.get(entry_id)
        if entry is None:
            return None
        vendor, now = READERS[entry.source], self.clock.now()
        reading = read(vendor, entry.headers, entry.payload, entry.store, entry.received_at, latest=now + AHEAD)
        self._ask(entry.source, entry.store, reading.wanted)
        self._send(reading.events)
        if reading.quarantined:
            self.quarantine.explain(entry.id, reading.quarantined[0].reason)
        else:
            self.quarantine.delete(entry)
        return reading.reply()

    def keep_event(self, event: Event, reason: str, until: Identity | None) -> str | None:
        """Keep one of our own events, which nobody can be found for, until it is replayed: by staff, or by whoever
        makes this key somebody's. Returns whose it is where it is already: then it is not kept."""
        entry = _entry("perennial", event.store, {}, event.to_json().encode(), reason, self.clock.now())
        if until:
            return self.quarantine.park(entry, until).customer
        self.quarantine.put(entry)
        return None

    def _verified(self, source: str, store: str, headers: Headers, body: bytes) -> Source:
        """A signature that does not fit may be made with a secret that is newer than those we hold: look once."""
        vendor = self.doors.get(source)
        if vendor is None:
            raise Forged("no such source")
        moments = (self.clock.now(), self.clock.wall())
        try:
            vendor.verify(headers, body, self.secrets.of(source, store), moments)
        except Forged:
            if not self.secrets.refresh():
                raise
            vendor.verify(headers, body, self.secrets.of(source, store), moments)
        return vendor

    def _ask(self, source: str, store: str, named: Iterable[tuple[Wanted, bytes]]) -> None:
        for wanted, hook in named:
            fetch = Fetch(source=source, store=store, kind=wanted.kind, id=wanted.id, hook=hook.decode())
            self.lanes[FETCHES].send([Message(fetch.model_dump_json(), fetch.group)])

    def _send(self, events: Iterable[Event]) -> None:
        waiting: dict[Lane, list[Message]] = {}
        for event in events:
            waiting.setdefault(lane_of(event), []).append(_message(event))
        for lane, messages in waiting.items():
            self.lanes[lane].send(messages)


def _entry(source: str, store: str, headers: Headers, payload: bytes, reason: str, now: datetime) -> Entry:
    told = (f"{name}:{value}" for name, value in sorted(headers.items()))
    return Entry(
        id=fingerprint(source, store, payload, *told),
        source=source,
        store=store,
        received_at=now,
        reason=reason,
        headers=headers,
        payload=payload,
    )


def read(
    vendor: Source, headers: Headers, body: bytes, store: str, received_at: datetime, latest: datetime | None = None
) -> Reading:
    """Each part on its own: a bad entry of a batch does not hold up the others.

    What the vendor gives no time for happened in the hour in which it arrived: delivered again within that hour, it
    is the same event. What claims to happen after `latest` is not understood.
    """
    return _read(vendor, headers, vendor.split(body), store, received_at, latest)


def _read(
    vendor: Source, headers: Headers, parts: Iterable[bytes], store: str, received_at: datetime, latest: datetime | None
) -> Reading:
    arrived, reading = received_at.replace(minute=0, second=0, microsecond=0), Reading()
    for index, part in enumerate(parts):
        try:
            events = vendor.translate(headers, part, store, arrived)
            clean = tuple(cleaned(event, latest) for event in _not_after(latest, events))
            reading.events.extend(_sendable(part, clean))
        except (NotUnderstood, Impossible) as why:
            reading.quarantined.append(Note(index, str(why), part))
        except OnlyNamed as why:
            reading.wanted.append((why.wanted, part))
            reading.ignored.append(Note(index, str(why), part))
        except Ignored as why:
            reading.ignored.append(Note(index, str(why), part))
    return reading


def _not_after(latest: datetime | None, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """One event of next year would keep its customer from ever falling silent."""
    if latest and any(event.time > latest for event in events):
        raise NotUnderstood("its time is more than a day ahead of ours; replay it when that day has come")
    return events


def _sendable(part: bytes, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """An event that no queue takes would be answered 500 and delivered again, until the vendor gives up on us."""
    if len(part) > SURELY_SENDABLE:
        try:
            deque(batches(map(_message, events)), maxlen=0)
        except Unsendable:
            raise NotUnderstood("an event made of it is larger than a queue takes") from None
    return events


def _message(event: Event) -> Message:
    return Message(event.to_json(), group_of(event))


def _to_keep(notes: Sequence[Note]) -> Iterator[tuple[str, bytes]]:
    """(reason, payload) of each entry: one a note, and one for all that are too many to be looked at singly.

    Thousands of bad entries in one batch must not take longer to store than the sender waits.
    """
    for note in notes[:MOST_KEPT_SINGLY]:
        yield note.reason, note.part
    if rest := notes[MOST_KEPT_SINGLY:]:
        yield (
            f"{len(rest)} more of one batch; the first: {rest[0].reason}",
            b"[" + b",".join(n.part for n in rest) + b"]",
        )


def _takes(vendor: Source, content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return not (vendor.MEDIA_TYPES and media_type) or media_type in vendor.MEDIA_TYPES


def lane_of(event: Event) -> Lane:
    """What a customer says in words goes where tickets go; what became of messages, and of points, to the outcomes."""
    kind = event.type
    if kind == "privacy.requested":
        return "privacy"
    if kind.startswith("ticket.") or kind in ("survey.answered", "message.replied"):
        return "tickets"
    return "outcomes" if kind.startswith(("message.", "points.")) else "orders"


def group_of(event: Event) -> str:
    """Whose message it is, for fair queues: a digest of the first thing the customer is known by."""
    keys = identity_keys(event)
    known_by = "\x1f".join(keys[0]) if keys else f"{event.source}\x1f{event.id}"
    return hashlib.sha256(known_by.encode()).hexdigest()[:32]
