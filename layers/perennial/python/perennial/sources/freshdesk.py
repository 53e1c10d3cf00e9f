"""Freshdesk: signs nothing, so each delivery carries the merchant's key; automations and app events are read.

An automation sends what the merchant writes into it: docs/connect/freshdesk.md has the text to paste. An app event is
what Freshworks hands to an app of the merchant's, passed on as it is. Both tell what changed, and not merely how things
are: the same ticket is told of many times.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.domain.events import (
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
from perennial.domain.values import at_milliseconds, iso
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.freshdesk_payloads import (
    AboutContact,
    AboutConversation,
    AboutTicket,
    Actor,
    AppEvent,
    Automated,
    Automation,
    Body,
    Changes,
    Contact,
    Conversation,
    TicketTold,
)
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    LONGEST_TEXT,
    Delivery,
    cut,
    fingerprint,
    instant,
    locale,
    understanding,
)
from perennial.sources.signatures import require_key
from perennial.sources.tickets import By, intent_of, ticket_id, written_in

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

SOLVED = frozenset({4, 5})
"""Resolved and closed. Statuses that a merchant adds have higher numbers, and are of open tickets."""
WRITTEN_BY_US = 10
"""Source of tickets that begin with a message of ours: outbound e-mail."""
FORWARDED = 8
"""Source of what went to somebody else than the customer."""
CHANNELS: Mapping[str, str] = {
    "1": "mail",
    "2": "portal",
    "3": "phone",
    "5": "twitter",
    "6": "facebook",
    "7": "chat",
    "9": "widget",
    "10": "mail",
    "13": "whatsapp",
    "email": "mail",
}
"""Source, by number or name -> channel. Other names stand for themselves."""
PRODUCTS: Mapping[str, str] = {"freshservice.com": "freshservice", "freshsales.com": "freshsales"}
"""Freshworks' other products send in the same shape; the same number is another person there."""
RATINGS: Mapping[int, float] = {-103: 1, -102: 1.67, -101: 2.33, 100: 3, 101: 3.67, 102: 4.33, 103: 5}
"""From "extremely unhappy" to "extremely happy", in even steps on CSAT's 1 to 5."""
WHO: Mapping[str, By] = {"requester": "customer", "contact": "customer", "agent": "agent", "system": "bot"}

HOUSEKEEPING = frozenset(
    {
        "onAgentCreate", "onAgentDelete", "onAgentUpdate", "onAppInstall", "onAppUninstall", "onCompanyCreate",
        "onCompanyDelete", "onCompanyUpdate", "onConversationDelete", "onConversationUpdate", "onGroupCreate",
        "onGroupDelete", "onGroupUpdate", "onTicketFieldCreate", "onTicketFieldDelete", "onTicketFieldUpdate",
        "onTimeEntryCreate", "onTimeEntryDelete", "onTimeEntryUpdate",
    }
)  # fmt: skip

_STATUS = re.compile(r"\{?status:\{from:(?P<was>[^,{}]*),to:(?P<now>[^,{}]*)\}\}?")
_NUMBER = re.compile(r"[0-9]{1,9}")


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """There is no signature and no signed time: the key says who sends, and nothing of what."""
    require_key(headers, secrets)


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    told = Body.model_validate_json(body)
    if told.freshdesk_webhook is not None:
        return _automated(Automated.model_validate_json(body).freshdesk_webhook, store, received_at, body)
    if told.event is None:
        raise NotUnderstood(
            "event: neither an app event nor the body that docs/connect/freshdesk.md has for automations"
        )
    if told.event in HOUSEKEEPING:
        raise Ignored(f"{told.event}: the help desk's own housekeeping")
    if told.event not in APP_EVENTS:
        raise NotUnderstood("event: no event of Freshdesk that Perennial reads")
    return APP_EVENTS[told.event](Passed(AppEvent.model_validate_json(body), store, received_at, body))


# App events


@dataclass(frozen=True, slots=True)
class Passed:
    """An app event on its way through."""

    app: AppEvent
    store: str
    received_at: datetime
    body: bytes

    @property
    def sent_at(self) -> datetime:
        return self.received_at if self.app.timestamp is None else at_milliseconds(self.app.timestamp)

    @property
    def product(self) -> str:
        """Whose ids these are. A help desk under an address of the merchant's own is Freshdesk."""
        domain = (self.app.domain or "").lower()
        return next((name for end, name in PRODUCTS.items() if domain.endswith(end)), "freshdesk")

    def delivery(self, about: str, at: datetime | None) -> Delivery:
        """Freshdesk numbers no events: what, of which ticket, and when it was changed make the id."""
        happened_at = at or self.sent_at
        name = ":".join((self.product, self.app.event, about, iso(happened_at)))
        return Delivery("freshdesk", name, self.store, happened_at, self.body)

    def person(self, number: str, contact: Contact | None) -> Person:
        known = contact if contact and contact.id == number else None
        return Person(
            ids={self.product: number},
            email=known.email if known else None,
            phone=(known.mobile or known.mobile_number) if known else None,
            name=cut(known.name or known.display_name, LONGEST_SHORT_TEXT) if known else None,
            locale=locale(known.language) if known else None,
        )


def _created(passed: Passed) -> Events:
    told = AboutTicket.model_validate_json(passed.body).data
    if told.ticket.spam:
        raise Ignored("spam")
    text = cut(told.ticket.description_text, LONGEST_TEXT) or written_in(told.ticket.description)
    delivery = passed.delivery(told.ticket.id, told.ticket.created_at)
    return (delivery.event(TicketOpened, None, _ticket(passed, told, _opener(told), text)),)


def _opener(told: TicketTold) -> By:
    """What the customer mailed is entered by the system: the ticket is the customer's all the same."""
    is_ours = told.ticket.source == WRITTEN_BY_US or (told.actor and _actor(told) == "agent")
    return "agent" if is_ours else "customer"


def _actor(told: TicketTold) -> By:
    """Freshdesk tells what the actor is; where it does not, everybody but the requester is one of us."""
    actor = told.actor or Actor()
    is_requester = actor.id == told.ticket.requester_id
    return WHO.get((actor.type or "").lower()) or ("customer" if is_requester else "agent")


def _updated(passed: Passed) -> Events:
    told = AboutTicket.model_validate_json(passed.body).data
    changes = told.ticket.changes or told.changes or Changes()
    delivery = passed.delivery(told.ticket.id, told.ticket.updated_at)
    if hidden := [each[-1] for each in (changes.deleted, changes.spam) if each]:
        return _hidden(passed, delivery, told, any(hidden))
    if len(changes.status) != 2:
        raise Ignored("nothing changed of what a customer waits for")
    was, is_now = (status in SOLVED for status in changes.status)
    return _turned(delivery, was, is_now, _ticket(passed, told, _actor(told)))


def _hidden(passed: Passed, delivery: Delivery, told: TicketTold, is_hidden: bool) -> Events:
    """Deleted or marked as spam, a ticket waits for nobody; taken back, it waits again unless it was solved."""
    facts = _ticket(passed, told, "bot")
    return _turned(delivery, not is_hidden, is_hidden or told.ticket.status in SOLVED, facts)


def _turned(delivery: Delivery, was_solved: bool, is_solved: bool, facts: TicketData) -> Events:
    if was_solved == is_solved:
        raise Ignored("the ticket is as open, or as solved, as before")
    if is_solved:
        return (delivery.event(TicketResolved, None, facts),)
    return (delivery.event(TicketReopened, None, facts),)


def _deleted(passed: Passed) -> Events:
    """That no person solved it is told by "bot". When it was last changed is not when it was deleted."""
    told = AboutTicket.model_validate_json(passed.body).data
    delivery = passed.delivery(told.ticket.id, None)
    return (delivery.event(TicketResolved, None, _ticket(passed, told, "bot")),)


def _ticket(passed: Passed, told: TicketTold, by: By, text: str | None = None) -> TicketData:
    ticket = told.ticket
    facts = TicketFacts(
        id=ticket_id("freshdesk", ticket.id),
        opened_at=ticket.created_at,
        channel=CHANNELS.get(str(ticket.source)),
        by=by,
        intent=intent_of(ticket.tags),
        subject=cut(ticket.subject, LONGEST_SHORT_TEXT),
        text=text,
    )
    return TicketData(customer=passed.person(ticket.requester_id, told.requester), ticket=facts)


def _replied(passed: Passed) -> Events:
    told = AboutConversation.model_validate_json(passed.body).data
    said, requester = told.conversation, _requester(told.conversation, told.requester)
    if said.private:
        raise Ignored("a private note: the customer does not see it")
    if said.source == FORWARDED:
        raise Ignored("forwarded to somebody else than the customer")
    if requester is None:
        raise NotUnderstood(
            "data.conversation.ticket_requester_id: an answer on a ticket, and not whose ticket it is; "
            "let the app pass the ticket's requester on as data.requester"
        )
    if said.incoming and said.user_id not in (None, requester):
        raise Ignored("somebody in copy wrote: neither the customer nor one of us")
    facts = TicketFacts(
        id=ticket_id("freshdesk", said.ticket_id),
        by="customer" if said.incoming else "agent",
        text=cut(said.body_text, LONGEST_TEXT) or written_in(said.body),
    )
    person = passed.person(requester, told.requester)
    delivery = passed.delivery(f"{said.ticket_id}:{said.id}", said.created_at)
    return (delivery.event(TicketReplied, None, TicketData(customer=person, ticket=facts)),)


def _requester(said: Conversation, contact: Contact | None) -> str | None:
    """Whose ticket it is: told, or who wrote when the customer wrote."""
    told = said.ticket_requester_id or (contact.id if contact else None)
    return told or (said.user_id if said.incoming else None)


def _contact(passed: Passed) -> Events:
    contact = AboutContact.model_validate_json(passed.body).data.contact
    person = passed.person(contact.id, contact)
    if not (person.email or person.phone):
        raise Ignored("a contact without an e-mail and a mobile number: nothing to tie the requester to")
    delivery = passed.delivery(contact.id, contact.updated_at)
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _contact_deleted(_passed: Passed) -> Events:
    """Agents delete doubles and strays every day: who is never contacted again for that misses the news of an order."""
    raise NotUnderstood(
        "a contact was deleted in the help desk, which deletes nobody here: if the person asked to be forgotten, "
        "erase the customer here too, and then delete this entry"
    )


APP_EVENTS: Mapping[str, Callable[[Passed], Events]] = {
    "onTicketCreate": _created,
    "onTicketUpdate": _updated,
    "onTicketDelete": _deleted,
    "onConversationCreate": _replied,
    "onContactCreate": _contact,
    "onContactUpdate": _contact,
    "onContactDelete": _contact_deleted,
}


# Automations


def _automated(told: Automation, store: str, received_at: datetime, body: bytes) -> Events:
    """What changed is in `triggered_event`, such as {status:{from:2,to:4}}: no JSON, and only the first of all changes.

    Freshdesk writes times in the account's zone, which it does not tell: the time of arrival counts, unless the
    merchant has a better one.
    """
    at = instant(told.happened_at)
    happened_at = at if at and at.tzinfo else received_at
    delivery = Delivery("freshdesk", fingerprint(body, iso(happened_at)), store, happened_at, body)
    if not (told.ticket_requester_email or told.ticket_requester_mobile):
        raise NotUnderstood("freshdesk_webhook.ticket_requester_email: a requester without e-mail and mobile number")
    if told.rating is not None:
        return _rated(delivery, told, told.rating)
    if told.triggered_event is None:
        raise NotUnderstood("freshdesk_webhook.triggered_event: missing; it belongs into the automation's body")
    return _triggered(delivery, told, "".join(told.triggered_event.split()))


def _triggered(delivery: Delivery, told: Automation, what: str) -> Events:
    if status := _STATUS.fullmatch(what):
        was, is_now = (_is_solved(status[name]) for name in ("was", "now"))
        return _turned(delivery, was, is_now, _automated_ticket(told, _who_if_told(told) or "agent"))
    match what.strip("{}").split(":"):
        case ["ticket_action", "created"]:
            return (delivery.event(TicketOpened, None, _automated_ticket(told, _who(told), told.ticket_description)),)
        case ["ticket_action", "deleted" | "marked_as_spam"]:
            return (delivery.event(TicketResolved, None, _automated_ticket(told, "bot")),)
        case ["note_type", "private"]:
            raise Ignored("a private note: the customer does not see it")
        case ["note_type" | "reply_sent", _]:
            facts = _automated_ticket(told, _who(told), told.ticket_latest_public_comment)
            return (delivery.event(TicketReplied, None, facts),)
        case _:
            raise Ignored("nothing changed of what a customer waits for")


def _is_solved(status: str) -> bool:
    return bool(_NUMBER.fullmatch(status)) and int(status) in SOLVED


def _who_if_told(told: Automation) -> By | None:
    return WHO.get((told.by or "").strip().lower())


def _who(told: Automation) -> By:
    by = _who_if_told(told)
    if by is None:
        raise NotUnderstood('freshdesk_webhook.by: "requester" or "agent", for whose actions the rule is')
    return by


def _rated(delivery: Delivery, told: Automation, rating: int) -> Events:
    if rating not in RATINGS:
        raise NotUnderstood(f"freshdesk_webhook.rating: one of {', '.join(map(str, RATINGS))}")
    about = ticket_id("freshdesk", told.ticket_id)
    data = SurveyData(customer=_automated_person(told), survey="csat", score=RATINGS[rating], ticket=about)
    return (delivery.event(SurveyAnswered, None, data),)


def _automated_ticket(told: Automation, by: By, html: str | None = None) -> TicketData:
    source = (told.ticket_source or "").strip().lower()
    facts = TicketFacts(
        id=ticket_id("freshdesk", told.ticket_id),
        channel=CHANNELS.get(source, source)[:40] or None,
        by=by,
        intent=intent_of(tag.strip() for tag in (told.ticket_tags or "").split(",")),
        subject=cut(told.ticket_subject, LONGEST_SHORT_TEXT),
        text=written_in(html),
    )
    return TicketData(customer=_automated_person(told), ticket=facts)


def _automated_person(told: Automation) -> Person:
    return Person(
        email=told.ticket_requester_email,
        phone=told.ticket_requester_mobile,
        name=cut(told.ticket_requester_name, LONGEST_SHORT_TEXT),
    )
