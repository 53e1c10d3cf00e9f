"""Twilio: what became of an SMS that the merchant sent with it, and what customers text back.

The address that Twilio called is signed together with the form that it sent (or, of JSON, with a digest that stands in
the address). A status callback whose address ends in `?action=...` is about that action of Perennial's.
No request tells its time: see `opting.until_the_hour_ends`.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

from perennial.domain.events import (
    Event,
    MessageBounced,
    MessageData,
    MessageDelivered,
    MessageFailed,
    MessageReplied,
    Person,
)
from perennial.domain.keywords import HELP, meaning
from perennial.sources import URL, Forged, Headers, Ignored, NotUnderstood, whole
from perennial.sources.opting import consents, until_the_hour_ends
from perennial.sources.payloads import LONGEST_TEXT, Delivery, Payload, Text, cut, understanding
from perennial.sources.signatures import hmac_sha1_base64, require_signature

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset({URL})
MEDIA_TYPES: frozenset[str] = frozenset()

ON_ITS_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "canceled"})
ARRIVED = frozenset({"delivered", "read"})
FAILED = frozenset({"undelivered", "failed"})
COMING_IN = frozenset({"received", "receiving"})

OPTED_OUT = "21610"
"""The number has texted STOP to Twilio, which takes no more messages for it."""
NOBODY_THERE = frozenset({"21211", "21214", "21217", "21614", "30005", "30006"})
"""No such number, or none that takes SMS: it never will."""
_CODE = re.compile(r"[0-9]{1,6}")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Form(Payload):
    """The parameters that we read: of a status callback, and of a message that came in."""

    MessageSid: str
    MessageStatus: Text = None
    SmsStatus: Text = None
    ErrorCode: Text = None
    From: Text = None
    To: Text = None
    Body: Text = None
    OptOutType: Text = None
    OriginalRepliedMessageSid: Text = None


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Nothing that is signed tells when it was sent. Twilio writes the address with or without its port."""
    url, given = headers.get(URL, ""), headers.get("x-twilio-signature")
    signed = _parameters(body)
    if digest := parse_qs(urlsplit(url).query).get("bodySHA256"):
        _require_digest(digest[0], body)
        signed = b""
    require_signature(
        [given],
        (hmac_sha1_base64(secret, each.encode() + signed) for secret in secrets for each in _written(url)),
    )


def _require_digest(digest: str, body: bytes) -> None:
    """The address is signed, and the digest in it stands for a body that is no form."""
    if not hmac.compare_digest(digest.lower().encode(), hashlib.sha256(body).hexdigest().encode()):
        raise Forged("the body is not the one that the address names")


def _parameters(body: bytes) -> bytes:
    """Each name and each of its values, sorted, without anything between them."""
    pairs = {(name, value) for name, value in _pairs(body)}
    return "".join(name + value for name, value in sorted(pairs)).encode()


def _pairs(body: bytes) -> Iterator[tuple[str, str]]:
    yield from parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _written(url: str) -> Iterator[str]:
    """The address with its port and without."""
    yield url
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] or parts.netloc
    yield parts._replace(netloc=host).geturl()
    yield parts._replace(netloc=f"{host}:{_DEFAULT_PORTS.get(parts.scheme, 443)}").geturl()


split = whole


@understanding
def translate(headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    form = Form.model_validate(dict(_pairs(body)))
    status = form.MessageStatus or form.SmsStatus or ""
    if any((number or "").partition(":")[0] in ("whatsapp", "messenger", "rcs") for number in (form.From, form.To)):
        raise Ignored("a message of another channel than SMS")
    if status in COMING_IN or (form.MessageStatus is None and form.Body is not None):
        return _came_in(form, body, store, received_at)
    if status in ON_ITS_WAY:
        raise Ignored("the message is on its way; Twilio tells when it arrived")
    if status not in ARRIVED | FAILED:
        raise NotUnderstood("MessageStatus: a status of a message that Perennial does not know")
    delivery = Delivery("twilio", f"{form.MessageSid}:{status}", store, received_at, body)
    return _went_out(delivery, form, status, _action(headers) or form.MessageSid)


def _went_out(delivery: Delivery, form: Form, status: str, action: str) -> Events:
    data = MessageData(customer=Person(phone=form.To), action=action, channel="sms", provider_id=form.MessageSid)
    if status in ARRIVED:
        return (delivery.event(MessageDelivered, None, data),)
    code = form.ErrorCode if form.ErrorCode and _CODE.fullmatch(form.ErrorCode) else "no reason"
    failed = data.but({"reason": f"twilio: {code}"})
    if code in NOBODY_THERE:
        return (delivery.event(MessageBounced, None, failed),)
    if code != OPTED_OUT:
        return (delivery.event(MessageFailed, None, failed),)
    stopped = Delivery(delivery.source, delivery.id, delivery.store, until_the_hour_ends(delivery.at), delivery.body)
    objections = consents(stopped, data.customer, granted=False, method="STOP by SMS, told by Twilio")
    return (delivery.event(MessageFailed, None, failed), *objections)


def _came_in(form: Form, body: bytes, store: str, arrived: datetime) -> Events:
    """Twilio's own reading of the word, where it reads them, goes before ours."""
    said = (form.OptOutType or "").lower() or meaning(form.Body)
    person = Person(phone=form.From)
    if said == "stop":
        stopped = Delivery("twilio", form.MessageSid, store, until_the_hour_ends(arrived), body)
        return consents(stopped, person, granted=False, method="STOP by SMS")
    delivery = Delivery("twilio", form.MessageSid, store, arrived, body)
    if said == "start":
        return consents(delivery, person, granted=True, method="START by SMS")
    if said == "help" and _is_answered_by_twilio(form):
        raise Ignored("a request for help, which Twilio answers")
    about, text = form.OriginalRepliedMessageSid or form.MessageSid, cut(form.Body, LONGEST_TEXT)
    keyword: Literal["help"] | None = "help" if said == "help" else None
    data = MessageData(customer=person, action=about, channel="sms", text=text, keyword=keyword)
    return (delivery.event(MessageReplied, None, data),)


def _is_answered_by_twilio(form: Form) -> bool:
    """By Advanced Opt-Out whatever it takes for that, and without it the English words, bare."""
    return form.OptOutType is not None or (form.Body or "").strip().casefold() in HELP["en"]


def _action(headers: Headers) -> str | None:
    """As the address of the status callback names it: it is signed, and only the merchant writes it."""
    return next(iter(parse_qs(urlsplit(headers.get(URL, "")).query).get("action", [])), None)
