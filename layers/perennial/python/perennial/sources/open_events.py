"""The open event API: CloudEvents, one or a batch, signed as Standard Webhooks says; `data` is the canonical event's.

The store is the one of the path, and the sender's `source` is kept behind "open/", so that no outsider speaks with
the voice of a vendor, or of us. See docs/events.md.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic_core import from_json, to_json
from standardwebhooks import Webhook

from perennial.domain.events import Event, MessageData
from perennial.domain.values import Id
from perennial.sources import Forged, Headers, NotUnderstood
from perennial.sources.payloads import LONGEST_TEXT, Payload, Time, understanding
from perennial.sources.signatures import require_fresh, require_signature

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})

OURS = frozenset({"message.sent", "message.deferred", "message.failed", "agent.acted", "timer.due", "policy.changed"})
"""What only Perennial itself can know. Who could say it from outside could make a message count as sent, an agent
as having acted, or time as having passed. What a provider reports of a message (delivered, opened, clicked,
bounced, complained, replied) may come from outside: a merchant with a provider of their own has no other way."""
OPEN_TYPES = {kind: each for each in Event.__args__ if (kind := each.model_fields["type"].default) not in OURS}
"""Event type -> model, of what may be said from outside."""

MOST_IDS = 20
"""Vendors that know one customer by an id; each is a key that is written with the first event."""
TOLD_OF_MESSAGES = frozenset({"customer", "action", "channel", "reason", "text"})
"""What a provider can tell of a message; all else of it is what we said ourselves."""

_SECONDS = re.compile(r"[0-9]{1,11}\Z")


class CloudEvent(Payload):
    """The attributes that we read; extension attributes, `subject` and `dataschema` are dropped."""

    specversion: str = "1.0"
    id: Id
    source: Id
    type: str
    time: Time = None
    data: Mapping[str, object] = {}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], moments: Sequence[datetime], /) -> None:
    signed_at = _signed_at(headers)
    name, text = headers.get("webhook-id", ""), _text(body)
    expected = (Webhook(secret).sign(name, signed_at, text).encode() for secret in secrets)
    require_signature(headers.get("webhook-signature", "").split(" "), expected)
    require_fresh(signed_at, moments)


def _signed_at(headers: Headers) -> datetime:
    stamp = headers.get("webhook-timestamp", "")
    if not headers.get("webhook-id") or not _SECONDS.match(stamp):
        raise Forged("webhook-id and webhook-timestamp (in seconds) are needed")
    return datetime.fromtimestamp(int(stamp), UTC)


def _text(body: bytes) -> str:
    """The standard signs text: what is no UTF-8 was not signed by any sender of it."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Forged("the body is not UTF-8") from None


def split(body: bytes, /) -> tuple[bytes, ...]:
    """The entries of a JSON array, else the body as it is. Amounts written as JSON numbers pass through floats."""
    try:
        parsed = from_json(body, allow_inf_nan=False)
    except ValueError:
        return (body,)
    return tuple(to_json(each) for each in parsed) if isinstance(parsed, list) else (body,)


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> tuple[Event, ...]:
    said = CloudEvent.model_validate_json(body)
    if said.type not in OPEN_TYPES:
        raise NotUnderstood(_refusal(said.type))
    event = {
        "specversion": said.specversion,
        "id": said.id,
        "source": f"open/{said.source}",
        "store": store,
        "time": said.time or received_at,
        "data": said.data,
    }
    return (_of_an_outsider(OPEN_TYPES[said.type].model_validate_json(to_json(event))),)


def _of_an_outsider(event: Event) -> Event:
    if len(event.data.customer.ids) > MOST_IDS:
        raise NotUnderstood(f"data.customer.ids: at most {MOST_IDS}")
    return event.but({"data": _told_of_a_message(event.data)}) if isinstance(event.data, MessageData) else event


def _told_of_a_message(data: MessageData) -> MessageData:
    """Why a message bounced is told in the provider's words, mostly with the address: a text, and kept as texts are."""
    if data.model_fields_set - TOLD_OF_MESSAGES:
        raise NotUnderstood(f"data: of a message only {', '.join(sorted(TOLD_OF_MESSAGES))} are told from outside")
    words = "\n".join(each for each in (data.reason, data.text) if each)
    return data.but({"reason": None, "text": words[:LONGEST_TEXT] or None})


def _refusal(kind: str) -> str:
    if kind in OURS:
        return f"type: {kind} is only said by Perennial itself"
    return "type: no event type of docs/events.md"
