"""SMS by AWS End User Messaging: what became of one, and what customers text back (two-way SMS).

Read are the events of its configuration sets ("TEXT_DELIVERED"), those that Pinpoint made of them before
("_SMS.SUCCESS" with a record status), and incoming messages. The context says which action it was.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import from_json

from perennial.domain.events import (
    Event,
    MessageBounced,
    MessageData,
    MessageDelivered,
    MessageFailed,
    MessageReplied,
    Person,
)
from perennial.domain.keywords import meaning
from perennial.domain.label import Label
from perennial.domain.values import Id, at_milliseconds
from perennial.sources import Ignored, NotUnderstood
from perennial.sources.opting import consents, until_the_hour_ends
from perennial.sources.payloads import LONGEST_TEXT, Delivery, Payload, Text, Time, cut

Events = tuple[Event, ...]

SOURCE = "amazon_sms"
FOREIGN = "not sent by Perennial"

ON_ITS_WAY = frozenset({"QUEUED", "PENDING", "SENT", "BUFFERED"})
TAKEN, ARRIVED = "SUCCESSFUL", "DELIVERED"
"""By the carrier; by the phone. Where no receipt of the phone is to come, the carrier's is the last word."""
NOBODY_THERE = "INVALID"
"""No such number: it never will take one."""
FAILED: Mapping[str, str] = {
    "INVALID_MESSAGE": "the text cannot be sent",
    "UNREACHABLE": "the phone is off or out of reach",
    "CARRIER_UNREACHABLE": "the carrier is out of reach",
    "BLOCKED": "the number takes no SMS of this sender",
    "CARRIER_BLOCKED": "the carrier blocked it",
    "SPAM": "the carrier took it for spam",
    "UNKNOWN": "nobody says what became of it",
    "TTL_EXPIRED": "it was not delivered in time",
    "PROTECT_BLOCKED": "the account's own rules blocked it",
    "MAX_PRICE_EXCEEDED": "it would have cost more than allowed",
}
OUTCOMES: Mapping[str, type[MessageDelivered | MessageBounced | MessageFailed]] = {
    TAKEN: MessageDelivered,
    ARRIVED: MessageDelivered,
    NOBODY_THERE: MessageBounced,
    **dict.fromkeys(FAILED, MessageFailed),
}
OTHER_CHANNELS = ("VOICE_", "MEDIA_", "RCS_")


def _in_milliseconds(value: object) -> object:
    """Since 1970; a number that is no time of ours stays what it is, and is refused."""
    return at_milliseconds(value) if isinstance(value, int) and 0 <= value < 10**13 else value


Milliseconds = Annotated[Time, BeforeValidator(_in_milliseconds)]


class Receipt(Payload):
    """An event of a configuration set."""

    eventType: str  # noqa: N815  as AWS writes it
    eventTimestamp: Milliseconds = None  # noqa: N815
    isFinal: bool = False  # noqa: N815
    messageId: Id  # noqa: N815
    destinationPhoneNumber: Text = None  # noqa: N815
    context: Mapping[str, str] | None = None


class Attributes(Payload):
    record_status: Text = None
    message_id: Id | None = None
    destination_phone_number: Text = None
    customer_context: Text = None


class Record(Payload):
    """The same, as Pinpoint's event stream had it."""

    event_type: str
    event_timestamp: Milliseconds = None
    attributes: Attributes


class Incoming(Payload):
    originationNumber: str  # noqa: N815
    messageBody: Text = None  # noqa: N815
    inboundMessageId: Id  # noqa: N815
    previousPublishedMessageId: Id | None = None  # noqa: N815


def receipts(body: bytes, store: str, received_at: datetime) -> Events:
    """Raises `NotUnderstood`, `Ignored` and pydantic's errors, as all below."""
    told = Receipt.model_validate_json(body)
    if told.eventType.startswith(OTHER_CHANNELS):
        raise Ignored("a message of another channel than SMS")
    word = told.eventType.removeprefix("TEXT_")
    if word == TAKEN and not told.isFinal:
        raise Ignored("the carrier has it; whether it arrived is told later")
    label = Label.read(told.context or {})
    delivery = _delivery(label, told.messageId, word, store, told.eventTimestamp or received_at, body)
    return _became(delivery, word, told.messageId, label, told.destinationPhoneNumber)


def records(body: bytes, store: str, received_at: datetime) -> Events:
    told = Record.model_validate_json(body)
    at, said = told.event_timestamp or received_at, told.attributes
    name = said.message_id or "unnamed"
    if told.event_type == "_SMS.OPTOUT":
        stopped = Delivery(SOURCE, name, store, at, body)
        return consents(stopped, Person(phone=said.destination_phone_number), granted=False, method="STOP by SMS")
    word = said.record_status or told.event_type.removeprefix("_SMS.")
    label = Label.read(_context(said.customer_context))
    return _became(_delivery(label, name, word, store, at, body), word, name, label, said.destination_phone_number)


def incoming(body: bytes, store: str, told_at: datetime | None, received_at: datetime) -> Events:
    """`told_at`: when SNS took it, where that is known. A HELP that AWS answers itself is not passed on."""
    told = Incoming.model_validate_json(body)
    person, said = Person(phone=told.originationNumber), meaning(told.messageBody)
    assumed = until_the_hour_ends(received_at) if said == "stop" else received_at
    delivery = Delivery(SOURCE, told.inboundMessageId, store, told_at or assumed, body)
    if said in ("stop", "start"):
        granted = said == "start"
        return consents(delivery, person, granted=granted, method="START by SMS" if granted else "STOP by SMS")
    about, text = told.previousPublishedMessageId or told.inboundMessageId, cut(told.messageBody, LONGEST_TEXT)
    data = MessageData(customer=person, action=about, channel="sms", text=text, keyword="help" if said else None)
    return (delivery.event(MessageReplied, None, data),)


def _became(delivery: Delivery, word: str, name: str, label: Label | None, phone: str | None) -> Events:
    if word in ON_ITS_WAY:
        raise Ignored("the message is on its way; what became of it is told later")
    if word not in OUTCOMES:
        raise NotUnderstood("the status of an SMS that Perennial does not know")
    if label is None and word != NOBODY_THERE:
        raise Ignored(FOREIGN)
    event = delivery.event(OUTCOMES[word], None, _data(label, name, phone, FAILED.get(word)))
    return (event.but({"customer": label.customer}) if label else event,)


def _data(label: Label | None, name: str, phone: str | None, reason: str | None) -> MessageData:
    if label:
        return label.data("sms", provider_id=name, reason=reason)
    return MessageData(customer=Person(phone=phone), action=name, channel="sms", reason=reason)


def _delivery(label: Label | None, name: str, word: str, store: str, at: datetime, body: bytes) -> Delivery:
    return Delivery(SOURCE, f"{name}:{word}", label.store if label else store, at, body)


def _context(text: str | None) -> Mapping[str, str]:
    """JSON within the record; what is none was not written by us."""
    try:
        told = from_json(text or "{}")
    except ValueError:
        return {}
    return {name: value for name, value in told.items() if isinstance(value, str)} if isinstance(told, dict) else {}
