"""The open event API: CloudEvents, signed as Standard Webhooks says; `data` is the canonical event's.

All three modes of CloudEvents over HTTP: one event (structured), a JSON array of them (batch), and attributes in `ce-`
headers with the data as the body (binary). Standard Webhooks signs no headers but its own; so a binary message is named
(`webhook-id`, which is signed) by a digest of its attributes, or whoever recorded it could make another event of it.

The store is the one of the path, and the sender's `source` is kept behind "open/", so that no outsider speaks with
the voice of a vendor, or of us. See docs/events.md.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic_core import from_json, to_json
from standardwebhooks import Webhook

from perennial.domain.events import Event, MessageData, MessageReplied, OrderData, PointsData
from perennial.domain.keywords import meaning
from perennial.domain.values import Id
from perennial.sources import Forged, Headers, NotUnderstood
from perennial.sources.opting import consents_of
from perennial.sources.payloads import LONGEST_TEXT, Payload, Time, understanding
from perennial.sources.signatures import require_fresh, require_signature

ATTRIBUTES = ("ce-type", "ce-source", "ce-id", "ce-time", "ce-specversion")
"""Of the binary mode: each a header; time and specversion may be missing."""
HEADERS = frozenset(ATTRIBUTES)
MEDIA_TYPES = frozenset({"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"})

OURS = frozenset(
    {
        "message.sent", "message.deferred", "message.failed", "agent.acted", "privacy.requested", "timer.due",
        "policy.changed", "customer.merged", "customer.unmerged",
    }
)  # fmt: skip
"""What only Perennial itself can know. Who could say it from outside could make a message count as sent, an agent
as having acted, or time as having passed, or have a person erased without the role that this takes. What a provider
reports of a message (delivered, opened, clicked, bounced, complained, replied) may come from outside: a merchant with
a provider of their own has no other way."""
OPEN_TYPES = {kind: each for each in Event.__args__ if (kind := each.model_fields["type"].default) not in OURS}
"""Event type -> model, of what may be said from outside."""

MOST_IDS = 20
"""Vendors that know one customer by an id; each is a key that is written with the first event."""
TOLD_OF_MESSAGES = frozenset({"customer", "action", "channel", "reason", "text"})
"""What a provider can tell of a message; all else of it is what we said ourselves."""

OURS_OF_POINTS = frozenset({"play", "by"})
"""Who of us gave points; others say it in `reference` and `reason`."""

_SECONDS = re.compile(r"[0-9]{1,11}\Z")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")


class CloudEvent(Payload):
    """The attributes that we read; extension attributes, `subject` and `dataschema` are dropped."""

    specversion: str = "1.0"
    id: Id
    source: Id
    type: str
    time: Time = None
    data: Mapping[str, object] = {}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], moments: Sequence[datetime], /) -> None:
    _require_bound(headers)
    signed_at = _signed_at(headers)
    name, text = headers.get("webhook-id", ""), _text(body)
    expected = (Webhook(secret).sign(name, signed_at, text).encode() for secret in secrets)
    require_signature(headers.get("webhook-signature", "").split(" "), expected)
    require_fresh(signed_at, moments)


def binary_id(headers: Headers) -> str:
    """The `webhook-id` of a binary message: SHA-256 over its attributes, as they stand in the headers, in hex."""
    return hashlib.sha256("\n".join(headers.get(name, "") for name in ATTRIBUTES).encode()).hexdigest()


def _is_binary(headers: Headers) -> bool:
    return any(name in headers for name in ATTRIBUTES)


def _require_bound(headers: Headers) -> None:
    if _is_binary(headers) and headers.get("webhook-id") != binary_id(headers):
        raise Forged("the webhook-id of a binary message is the SHA-256 of its ce- attributes")


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
def translate(headers: Headers, body: bytes, store: str, received_at: datetime, /) -> tuple[Event, ...]:
    said = _of_headers(headers, body) if _is_binary(headers) else CloudEvent.model_validate_json(body)
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
    return _as_meant(_of_an_outsider(OPEN_TYPES[said.type].model_validate_json(to_json(event))))


def _as_meant(event: Event) -> tuple[Event, ...]:
    """Who answers with STOP or START, and nothing else, changes what they get; it is no sign of life."""
    word = meaning(event.data.text) if isinstance(event, MessageReplied) else None
    if isinstance(event, MessageReplied) and word in ("stop", "start"):
        return consents_of(event, granted=word == "start")
    return (event.but({"data": event.data.but({"keyword": word})}),) if word else (event,)


def _of_headers(headers: Headers, body: bytes) -> CloudEvent:
    """The binary mode: what stands in the headers is percent-encoded where it is not plain ASCII."""
    attributes = {name.removeprefix("ce-"): _decoded(headers[name]) for name in ATTRIBUTES if name in headers}
    try:
        data = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise NotUnderstood("the body is no JSON") from None
    return CloudEvent.model_validate({**attributes, "data": data})


def _decoded(value: str) -> str:
    return _ENCODED.sub(lambda code: bytes([int(code[1], 16)]), value.encode()).decode(errors="replace")


def _of_an_outsider(event: Event) -> Event:
    if len(event.data.customer.ids) > MOST_IDS:
        raise NotUnderstood(f"data.customer.ids: at most {MOST_IDS}")
    if event.data.customer.cleaned:
        raise NotUnderstood("data.customer.cleaned: is what Perennial itself did to the other fields")
    if isinstance(event.data, PointsData) and event.data.model_fields_set & OURS_OF_POINTS:
        raise NotUnderstood(f"data: of points, only Perennial itself tells {' and '.join(sorted(OURS_OF_POINTS))}")
    if isinstance(event.data, OrderData) and any(coupon.mark for coupon in event.data.order.coupons):
        raise NotUnderstood("data.order.coupons.mark: is what Perennial itself makes of the code")
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
