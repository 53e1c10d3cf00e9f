"""Amazon SES: what became of an email, by event publishing (tags and all) or as a classic notification (without).

Tags say which action it was. Of emails that Perennial did not send, bounces and complaints count all the same: the
address is as unreachable, and the person as annoyed, whoever wrote. No words of mail servers are kept; they quote
addresses.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import TypeVar

from perennial.domain.events import (
    BaseEvent,
    ConsentChanged,
    ConsentData,
    Event,
    MessageBounced,
    MessageClicked,
    MessageComplained,
    MessageData,
    MessageDelivered,
    MessageFailed,
    MessageOpened,
    Person,
)
from perennial.domain.label import Label
from perennial.domain.values import Id, iso
from perennial.sources import Ignored, NotUnderstood
from perennial.sources.payloads import Delivery, Many, Maybe, Payload, Text, Time

Events = tuple[Event, ...]
E = TypeVar("E", bound=BaseEvent)

SOURCE = "amazon_ses"
FOREIGN = "not sent by Perennial"
NOT_SPAM = "not-spam"
"""The one feedback that takes a complaint back."""
APPLE_MAIL = "Mozilla/5.0"
"""All that Apple's proxies say of themselves, when they load what is in an email that nobody may ever open."""
AT_ONCE = timedelta(minutes=1)
MOST_RECIPIENTS = 50
"""SES's own limit."""

BOUNCES = frozenset(
    {
        "General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient", "MailboxFull",
        "MessageTooLarge", "CustomTimeoutExceeded", "ContentRejected", "AttachmentRejected", "Undetermined",
    }
)  # fmt: skip
"""Sub-types that are repeated as a reason."""


class Recipient(Payload):
    emailAddress: str  # noqa: N815  as SES writes it


class Mail(Payload):
    messageId: Id  # noqa: N815
    timestamp: Time = None
    destination: Many[str] = ()
    tags: Mapping[str, Many[str]] = {}


class Moment(Payload):
    timestamp: Time = None


class Reading(Moment):
    userAgent: Text = None  # noqa: N815


class Bounce(Moment):
    bounceType: Text = None  # noqa: N815
    bounceSubType: Text = None  # noqa: N815
    bouncedRecipients: Many[Recipient] = ()  # noqa: N815


class Complaint(Moment):
    complaintFeedbackType: Text = None  # noqa: N815
    complainedRecipients: Many[Recipient] = ()  # noqa: N815


class Preferences(Payload):
    unsubscribeAll: bool = False  # noqa: N815


class Subscription(Moment):
    newTopicPreferences: Maybe[Preferences] = None  # noqa: N815


class Told(Payload):
    eventType: Text = None  # noqa: N815
    notificationType: Text = None  # noqa: N815
    mail: Mail
    delivery: Maybe[Moment] = None
    open: Maybe[Reading] = None
    click: Maybe[Reading] = None
    bounce: Maybe[Bounce] = None
    complaint: Maybe[Complaint] = None
    subscription: Maybe[Subscription] = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One email, while its events are being made."""

    told: Told
    label: Label | None
    store: str
    received_at: datetime
    body: bytes

    def event(self, kind: type[E], at: datetime | None, data: MessageData | ConsentData, *about: str) -> E:
        mail = self.told.mail
        store = self.label.store if self.label else self.store
        happened_at = at or mail.timestamp or self.received_at
        event = Delivery(SOURCE, mail.messageId, store, happened_at, self.body).event(kind, None, data, *about)
        return event.but({"customer": self.label.customer}) if self.label else event

    def ours(self, reason: str | None = None, read_at: datetime | None = None) -> MessageData:
        """Raises `Ignored` for an email that Perennial did not send."""
        if self.label is None:
            raise Ignored(FOREIGN)
        return self.label.data("email", provider_id=self.told.mail.messageId, reason=reason, read_at=read_at)

    def each(self, recipients: tuple[str, ...], reason: str | None = None) -> Iterator[tuple[MessageData, str]]:
        """(data, number of the recipient): of our own email, which has one; of others', for everybody they went to."""
        if self.label:
            yield self.ours(reason), "0"
            return
        mail = self.told.mail
        addresses = (parseaddr(recipient)[1] for recipient in recipients[:MOST_RECIPIENTS])
        for number, email in enumerate(dict.fromkeys(filter(None, addresses))):
            person = Person(email=email)
            yield MessageData(customer=person, action=mail.messageId, channel="email", reason=reason), str(number)


def events(body: bytes, store: str, received_at: datetime) -> Events:
    """Raises `NotUnderstood`, `Ignored` and pydantic's errors."""
    told = Told.model_validate_json(body)
    kind = (told.eventType or told.notificationType or "").replace(" ", "")
    if kind in IGNORED:
        raise Ignored(IGNORED[kind])
    if kind not in KINDS:
        raise NotUnderstood("eventType: an event of SES's that Perennial does not know")
    label = Label.read({name: values[0] for name, values in told.mail.tags.items() if values})
    made = KINDS[kind](Letter(told, label, store, received_at, body))
    if not made:
        raise NotUnderstood(f"{kind}: it names no recipient")
    return made


def _sent(letter: Letter) -> Events:
    """The outcome in its sender's own words: where the sender told it already, this is the same event."""
    letter.ours()
    sent = letter.label and letter.label.sent("email", letter.told.mail.messageId)
    if not sent:
        raise Ignored("sent by a version of Perennial that told of it itself")
    return (sent,)


def _delivered(letter: Letter) -> Events:
    return (letter.event(MessageDelivered, (letter.told.delivery or Moment()).timestamp, letter.ours()),)


def _opened(letter: Letter) -> Events:
    return (_read(letter, MessageOpened, letter.told.open),)


def _clicked(letter: Letter) -> Events:
    return (_read(letter, MessageClicked, letter.told.click),)


def _read(letter: Letter, kind: type[E], told: Reading | None) -> E:
    """An email is opened as often as it is opened: each is told apart by when it was."""
    reading = told or Reading()
    at = reading.timestamp
    data = letter.ours(read_at=at if _is_by_a_person(reading, letter.told.mail.timestamp) else None)
    return letter.event(kind, at, data, *([iso(at)] if at else []))


def _is_by_a_person(reading: Reading, sent_at: datetime | None) -> bool:
    """As far as can be told. Scanners come at once; a mail program that loads the pictures of all emails says so."""
    if reading.timestamp is None or sent_at is None or reading.userAgent == APPLE_MAIL:
        return False
    return reading.timestamp - sent_at >= AT_ONCE


def _bounced(letter: Letter) -> Events:
    """For good: the address is dead. For now, or for no reason told: this one message did not arrive."""
    bounce = letter.told.bounce or Bounce()
    sub_type = bounce.bounceSubType if bounce.bounceSubType in BOUNCES else "Undetermined"
    if bounce.bounceType != "Permanent":
        why = "bounced for now" if bounce.bounceType == "Transient" else "bounced, nobody says why"
        return (letter.event(MessageFailed, bounce.timestamp, letter.ours(f"{why}: {sub_type}")),)
    recipients = tuple(each.emailAddress for each in bounce.bouncedRecipients)
    everyone = letter.each(recipients, f"bounced for good: {sub_type}")
    return tuple(letter.event(MessageBounced, bounce.timestamp, data, number) for data, number in everyone)


def _complained(letter: Letter) -> Events:
    complaint = letter.told.complaint or Complaint()
    if complaint.complaintFeedbackType == NOT_SPAM:
        raise Ignored("somebody says that it was no spam")
    recipients = tuple(each.emailAddress for each in complaint.complainedRecipients)
    everyone = letter.each(recipients)
    return tuple(letter.event(MessageComplained, complaint.timestamp, data, number) for data, number in everyone)


def _rejected(letter: Letter) -> Events:
    return (letter.event(MessageFailed, None, letter.ours("SES refused it: it found a virus"), "rejected"),)


def _not_rendered(letter: Letter) -> Events:
    return (letter.event(MessageFailed, None, letter.ours("SES could not fill its template"), "not rendered"),)


def _unsubscribed(letter: Letter) -> Events:
    """By the link or the header that SES's own list management adds."""
    subscription = letter.told.subscription or Subscription()
    if not (subscription.newTopicPreferences or Preferences()).unsubscribeAll:
        raise Ignored("topics of a contact list of SES's, which Perennial does not keep")
    everyone = letter.each(letter.told.mail.destination)
    return tuple(
        letter.event(ConsentChanged, subscription.timestamp, _objection(data.customer), number)
        for data, number in everyone
    )


def _objection(person: Person) -> ConsentData:
    return ConsentData(customer=person, channel="email", granted=False, method="unsubscribed through SES")


KINDS: Mapping[str, Callable[[Letter], Events]] = {
    "Send": _sent,
    "Delivery": _delivered,
    "Open": _opened,
    "Click": _clicked,
    "Bounce": _bounced,
    "Complaint": _complained,
    "Reject": _rejected,
    "RenderingFailure": _not_rendered,
    "Subscription": _unsubscribed,
}
IGNORED: Mapping[str, str] = {
    "DeliveryDelay": "SES still tries to deliver it",
    "AmazonSnsSubscriptionSucceeded": "SES tries the topic",
}
