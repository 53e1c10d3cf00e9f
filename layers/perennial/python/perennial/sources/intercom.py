"""Intercom: signed with SHA-1 over the raw body; conversations, tickets, ratings, contacts and who unsubscribed.

A notification about a conversation carries the parts that are new, and some carry earlier ones too: what was said has
the id of its part, so that it counts once, whichever topics tell of it. A contact is found by Intercom's own id, e-mail
and phone; `external_id` is left alone, because for leads Intercom makes it up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.domain.events import (
    ConsentChanged,
    ConsentData,
    CustomerData,
    CustomerUpdated,
    Event,
    Person,
    SurveyAnswered,
    SurveyData,
    TicketData,
    TicketFacts,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
)
from perennial.domain.values import iso
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.intercom_payloads import (
    AboutContact,
    AboutConversation,
    AboutSubscribing,
    AboutTicket,
    AboutTicketAnswer,
    Beginning,
    Contacts,
    Conversation,
    Notification,
    Part,
    Parts,
    Statistics,
    Subscriptions,
    Tags,
    Ticket,
    TicketParts,
    Who,
    Wording,
)
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    LONGEST_TEXT,
    Delivery,
    cut,
    fingerprint,
    locale,
    understanding,
)
from perennial.sources.signatures import hmac_sha1_hex, require_signature
from perennial.sources.tickets import By, intent_of, ticket_id, written_in

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

AUTHORS: Mapping[str, By] = {
    "user": "customer",
    "lead": "customer",
    "contact": "customer",
    "visitor": "customer",
    "bot": "bot",
    "operator": "bot",
}
"""Type of an author -> who that is. All others are the merchant's own: admins and teams."""
CUSTOMERS: frozenset[By] = frozenset({"customer"})
OURS: frozenset[By] = frozenset({"agent", "bot"})
SAID = frozenset({"comment", "quick_reply"})
"""Kinds of parts that are messages also where they have no words: a picture, a file."""
CHANNELS: Mapping[str, str] = {
    "conversation": "chat",
    "email": "mail",
    "sms": "sms",
    "whatsapp": "whatsapp",
    "facebook": "facebook",
    "instagram": "instagram",
    "phone_call": "phone",
}
SENDS: Mapping[str, str] = {"email": "email", "sms_message": "sms", "sms": "sms"}
"""Content type of a subscription -> our channel."""
NEWEST = 5
"""Parts of a conversation that are read with each notification."""
PING = "ping"
OF_CUSTOMERS = "customer"
"""The one category of tickets that a customer waits for."""
RESOLVED = "resolved"
CHANGE_OF_STATE = "ticket_state_updated"

HOUSEKEEPING = frozenset(
    {
        "contact.archived", "contact.unarchive", "contact.unarchived", "contact.lead.tag.created",
        "contact.lead.tag.deleted", "contact.tag.created", "contact.tag.deleted", "contact.user.tag.created",
        "contact.user.tag.deleted", "conversation.admin.assigned", "conversation.admin.noted",
        "conversation.admin.open.assigned", "conversation.admin.snoozed", "conversation.admin.unsnoozed",
        "conversation.company.updated", "conversation.contact.attached", "conversation.contact.detached",
        "conversation.priority.updated", "conversation.read", "conversation_part.tag.created", "granular.subscribe",
        "ticket.admin.assigned", "ticket.attribute.updated", "ticket.contact.attached", "ticket.contact.detached",
        "ticket.note.created", "ticket.team.assigned", "user.tag.created", "user.tag.deleted",
    }
)  # fmt: skip
"""What changes nothing that a customer wrote, waits for or allowed: `granular.subscribe` is one of Intercom's lists."""
UNREAD: Mapping[str, str] = {
    "conversation.admin.single.created": "we wrote first: a ticket begins when the customer answers",
    "conversation.deleted": "a deleted conversation does not say whose it was",
    "ticket.closed": "its change of state is told by ticket.state.updated",
    "ticket.resolved": "its change of state is told by ticket.state.updated",
    "conversation_part.redacted": "what was redacted there is kept here until it expires or the customer is erased",
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """No time is signed. A ping is signed like all else."""
    given = headers.get("x-hub-signature", "").lower()
    require_signature([given], (b"sha1=" + hmac_sha1_hex(secret, body) for secret in secrets))


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    told = Notification.model_validate_json(body)
    topic = told.topic
    if topic == PING:
        raise Ignored("a ping")
    if topic in HOUSEKEEPING:
        raise Ignored(f"{topic}: nothing that a customer wrote, waits for or allowed")
    if topic in UNREAD:
        raise Ignored(f"{topic}: {UNREAD[topic]}")
    if topic not in TOPICS:
        raise NotUnderstood("topic: none that Perennial reads; docs/connect/intercom.md lists those to subscribe to")
    name = told.id or fingerprint(body)
    return TOPICS[topic](Delivery("intercom", name, store, told.created_at or received_at, body))


# Conversations


@dataclass(frozen=True, slots=True)
class _Talk:
    """A conversation as it is told now."""

    delivery: Delivery
    conversation: Conversation

    @classmethod
    def of(cls, delivery: Delivery) -> "_Talk":
        return cls(delivery, AboutConversation.model_validate_json(delivery.body).data.item)

    def about(self, kind: str, number: str) -> Delivery:
        """For what has an id of its own, whichever notification tells it."""
        told = self.delivery
        return Delivery(told.source, f"{kind}-{number}", told.store, told.at, told.body)

    @property
    def beginning(self) -> Beginning:
        return self.conversation.source or self.conversation.conversation_message or Beginning()

    def parts(self, by: frozenset[By]) -> list[Part]:
        """The newest of these people, without notes, which the customer does not see, and without people in copy."""
        parts = (self.conversation.conversation_parts or Parts()).conversation_parts[-NEWEST:]
        copied = {who.id for who in (self.conversation.contacts or Contacts()).contacts[1:]}
        seen = (part for part in parts if _author(part.author) in by and "note" not in (part.part_type or ""))
        return list({part.id: part for part in seen if (part.author or Who()).id not in copied}.values())

    def ended(self, kind: str) -> Part | None:
        """The part that tells of the closing, or of the opening again."""
        parts = (self.conversation.conversation_parts or Parts()).conversation_parts
        return next((part for part in reversed(parts) if (part.part_type or "").startswith(kind)), None)

    def data(self, by: By, text: str | None = None) -> TicketData:
        told, beginning = self.conversation, self.beginning
        facts = TicketFacts(
            id=ticket_id("intercom", told.id),
            opened_at=told.created_at,
            channel=CHANNELS.get(beginning.type or ""),
            by=by,
            intent=intent_of(tag.name for tag in (told.tags or Tags()).tags if tag.name),
            text=text,
        )
        return TicketData(customer=self.person(), ticket=facts)

    def person(self) -> Person:
        """Who has the conversation: the user of API 1, the first contact of API 2, else whoever began it."""
        told, author = self.conversation, self.beginning.author
        began = [author] if author and _author(author) == "customer" else []
        known = [*([told.user] if told.user else []), *(told.contacts or Contacts()).contacts, *began]
        number = next((who.id for who in known if who.id), None)
        if number is None:
            raise NotUnderstood("data.item.contacts: a conversation without the contact who has it")
        wrote = [part.author for part in self.parts(CUSTOMERS) if part.author]
        return _person(number, [who for who in (*known, *wrote) if who.id == number])


def _opened(delivery: Delivery) -> Events:
    return _began(_Talk.of(delivery))


def _began(talk: _Talk) -> Events:
    beginning = talk.beginning
    subject = cut(written_in(beginning.subject or talk.conversation.title), LONGEST_SHORT_TEXT)
    data = talk.data(_author(beginning.author), None if beginning.redacted else written_in(beginning.body))
    data = data.but({"ticket": data.ticket.but({"subject": subject})})
    opened_at = talk.conversation.created_at
    return (talk.about("conversation", talk.conversation.id).event(TicketOpened, opened_at, data),)


def _user_replied(delivery: Delivery) -> Events:
    talk = _Talk.of(delivery)
    return (*_said(talk, CUSTOMERS), *_woken(talk))


def _admin_replied(delivery: Delivery) -> Events:
    return _said(_Talk.of(delivery), OURS)


def _said(talk: _Talk, by: frozenset[By]) -> Events:
    replies = tuple(_reply(talk, part) for part in talk.parts(by) if part.part_type in SAID or part.body)
    if not replies:
        raise NotUnderstood("data.item.conversation_parts: an answer, and not what was answered")
    return replies


def _reply(talk: _Talk, part: Part) -> Event:
    data = talk.data(_author(part.author), None if part.redacted else written_in(part.body))
    return talk.about("part", part.id).event(TicketReplied, part.created_at, data)


def _woken(talk: _Talk) -> Iterator[Event]:
    """What a customer writes into a closed conversation opens it again, and no topic of its own tells of that.

    Intercom does it, not the customer, whose answer is told already.
    """
    closed_at = (talk.conversation.statistics or Statistics()).last_close_at
    written = (part.created_at for part in talk.parts(CUSTOMERS))
    later = next((at for at in written if at and closed_at and at > closed_at), None)
    if closed_at and later:
        about = talk.about("conversation", talk.conversation.id)
        yield about.event(TicketReopened, later, talk.data("bot"), iso(closed_at))


def _closed(delivery: Delivery) -> Events:
    talk = _Talk.of(delivery)
    part = talk.ended("close")
    words = (_reply(talk, part),) if part and part.body else ()
    return (*words, _turned(talk, part, TicketResolved))


def _reopened(delivery: Delivery) -> Events:
    talk = _Talk.of(delivery)
    return (_turned(talk, talk.ended("open"), TicketReopened),)


def _turned(talk: _Talk, part: Part | None, kind: type[TicketResolved] | type[TicketReopened]) -> Event:
    """By whom and when is told by the part; without it, what the topic says holds since the notification."""
    if part is None:
        return talk.delivery.event(kind, None, talk.data("agent"))
    return talk.about("part", part.id).event(kind, part.created_at, talk.data(_author(part.author)))


def _rated(delivery: Delivery) -> Events:
    """A remark that is added later comes with the same rating: it is the same answer."""
    talk = _Talk.of(delivery)
    rating = talk.conversation.conversation_rating
    if rating is None or rating.rating is None:
        raise NotUnderstood("data.item.conversation_rating.rating: missing")
    told = talk.conversation
    text = cut(rating.remark, LONGEST_TEXT)
    rated = ticket_id("intercom", told.id)
    data = SurveyData(customer=talk.person(), survey="csat", score=rating.rating, ticket=rated, text=text)
    asked = (iso(rating.created_at),) if rating.created_at else ()
    about = talk.about("rating", told.id)
    return (about.event(SurveyAnswered, told.updated_at, data, f"{rating.rating:g}", *asked),)


# Tickets


def _ticket_opened(delivery: Delivery) -> Events:
    return _began(_as_talk(delivery, AboutTicket.model_validate_json(delivery.body).data.item, ()))


def _ticket_answered(by: frozenset[By]) -> Callable[[Delivery], Events]:
    def answered(delivery: Delivery) -> Events:
        told = AboutTicketAnswer.model_validate_json(delivery.body).data.item
        return _said(_as_talk(delivery, told.ticket, (told.ticket_part,)), by)

    return answered


def _ticket_turned(delivery: Delivery) -> Events:
    """The last change of state among its parts is the one that is told."""
    ticket = AboutTicket.model_validate_json(delivery.body).data.item
    talk = _as_talk(delivery, ticket, (ticket.ticket_parts or TicketParts()).ticket_parts)
    part = talk.ended(CHANGE_OF_STATE)
    if part is None:
        raise NotUnderstood("data.item.ticket_parts: a change of state, and not from what to what")
    was, is_now = part.previous_ticket_state == RESOLVED, part.ticket_state == RESOLVED
    if was == is_now:
        raise Ignored("the ticket is as open, or as resolved, as before")
    return (_turned(talk, part, TicketResolved if is_now else TicketReopened),)


def _as_talk(delivery: Delivery, ticket: Ticket, parts: Sequence[Part]) -> _Talk:
    """A ticket is a conversation with other names; one that was made of a conversation has its number and its parts."""
    if (ticket.category or OF_CUSTOMERS).lower() != OF_CUSTOMERS:
        raise Ignored("a ticket of the merchant's own: no customer waits for it")
    words, contacts = ticket.ticket_attributes or Wording(), ticket.contacts or Contacts()
    author = next((Who(id=who.id, type="contact") for who in contacts.contacts), None)
    return _Talk(
        delivery,
        Conversation(
            id=ticket.id,
            created_at=ticket.created_at,
            updated_at=ticket.updated_at,
            source=Beginning(subject=words.title, body=words.description, author=author),
            contacts=contacts,
            conversation_parts=Parts(conversation_parts=tuple(parts)),
        ),
    )


def _author(author: Who | None) -> By:
    if author is None:
        return "agent"
    return "bot" if author.from_ai_agent else AUTHORS.get(author.type or "", "agent")


def _person(number: str, told: Sequence[Who]) -> Person:
    """What all that is told of this contact comes to."""
    return Person(
        ids={"intercom": number},
        email=next((who.email for who in told if who.email), None),
        phone=next((who.phone for who in told if who.phone), None),
        name=cut(next((who.name for who in told if who.name), None), LONGEST_SHORT_TEXT),
        locale=next((locale(tag) for who in told if (tag := who.language_override or who.browser_language)), None),
    )


# Contacts


def _contact(delivery: Delivery) -> Events:
    contact = AboutContact.model_validate_json(delivery.body).data.item
    if contact.id is None:
        raise NotUnderstood("data.item.id: a contact without its id")
    if not (contact.email or contact.phone):
        raise Ignored("a contact without e-mail and phone: nothing to tie the conversations to")
    person = _person(contact.id, (contact,))
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _merged(delivery: Delivery) -> Events:
    """Somebody at the help desk has found two contacts to be one person, and Intercom has made them one."""
    contact = AboutContact.model_validate_json(delivery.body).data.item
    if contact.id is None or contact.merged_from is None or contact.merged_from.id is None:
        raise NotUnderstood("data.item.merged_from.id: a merger, and not of whom")
    person = _person(contact.id, (contact,)).but({"former": {"intercom": contact.merged_from.id}})
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _contact_deleted(_delivery: Delivery) -> Events:
    """A help desk's contact is not the shop's customer, who may have orders under way."""
    raise NotUnderstood(
        "a contact was deleted in Intercom, which deletes nobody here: if the person asked to be forgotten, "
        "erase the customer here too, and then delete this entry"
    )


def _unsubscribed(delivery: Delivery) -> Events:
    """Who leaves one of Intercom's lists gets no marketing of ours either: a "no" is taken for the whole channel."""
    return _consents(delivery, granted=False)


def _subscribed(delivery: Delivery) -> Events:
    return _consents(delivery, granted=True)


def _unsubscribed_from_sms(delivery: Delivery) -> Events:
    return (_consent(delivery, _subscriber(delivery), "sms", granted=False),)


def _consents(delivery: Delivery, *, granted: bool) -> Events:
    item = AboutSubscribing.model_validate_json(delivery.body).data.item
    lists = (item.subscription_types or Subscriptions()).data
    kinds = [kind for each in lists for kind in each.content_types] or ["email"]
    channels = dict.fromkeys(SENDS[kind] for kind in kinds if kind in SENDS)
    if not channels:
        raise Ignored("a list of messages that are not sent by e-mail or SMS")
    person = _subscriber(delivery)
    return tuple(_consent(delivery, person, channel, granted=granted) for channel in channels)


def _subscriber(delivery: Delivery) -> Person:
    item = AboutSubscribing.model_validate_json(delivery.body).data.item
    contact = item.contact or Who(id=item.id, email=item.email, phone=item.phone, name=item.name)
    if contact.id is None:
        raise NotUnderstood("data.item.contact.id: a subscription without the contact whose it is")
    return _person(contact.id, (contact,))


def _consent(delivery: Delivery, person: Person, channel: str, *, granted: bool) -> Event:
    data = {"customer": person, "channel": channel, "granted": granted, "method": "intercom"}
    return delivery.event(ConsentChanged, None, ConsentData.model_validate(data), channel)


TOPICS: Mapping[str, Callable[[Delivery], Events]] = {
    "conversation.user.created": _opened,
    "conversation.user.replied": _user_replied,
    "conversation.admin.replied": _admin_replied,
    "conversation.operator.replied": _admin_replied,
    "conversation.admin.closed": _closed,
    "conversation.admin.opened": _reopened,
    "conversation.rating.added": _rated,
    "conversation.rating.remarked": _rated,
    "ticket.created": _ticket_opened,
    "ticket.contact.replied": _ticket_answered(CUSTOMERS),
    "ticket.admin.replied": _ticket_answered(OURS),
    "ticket.state.updated": _ticket_turned,
    "contact.created": _contact,
    "contact.email.updated": _contact,
    "contact.lead.added_email": _contact,
    "contact.added_email": _contact,
    "contact.lead.created": _contact,
    "contact.lead.signed_up": _contact,
    "contact.lead.updated": _contact,
    "contact.signed_up": _contact,
    "contact.updated": _contact,
    "contact.user.created": _contact,
    "contact.user.updated": _contact,
    "user.created": _contact,
    "user.email.updated": _contact,
    "visitor.signed_up": _contact,
    "contact.merged": _merged,
    "contact.deleted": _contact_deleted,
    "user.deleted": _contact_deleted,
    "contact.subscribed": _subscribed,
    "contact.unsubscribed": _unsubscribed,
    "contact.unsubscribed_from_sms": _unsubscribed_from_sms,
    "granular.unsubscribe": _unsubscribed,
    "user.unsubscribed": _unsubscribed,
}
