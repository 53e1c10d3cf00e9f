"""Gorgias: signs nothing, so each delivery carries the merchant's key; tickets are read as its API has them.

An HTTP integration sends what the merchant writes into it (docs/connect/gorgias.md has the text to paste) and does not
say what happened. It need not: the ticket says when it was opened, answered, closed and rated, and each of these has an
id of its own, so that the same ticket told ten times is ten times the same events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from perennial.domain.events import (
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
from perennial.domain.values import Id, Utc, iso
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    LONGEST_TEXT,
    Delivery,
    Many,
    Maybe,
    Payload,
    cut,
    locale,
    understanding,
)
from perennial.sources.signatures import require_key
from perennial.sources.tickets import By, intent_of, ticket_id, written_in

Events = tuple[Event, ...]

HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()

CLOSED = "closed"
NOTE = "internal-note"
PHONES = frozenset({"phone", "sms", "whatsapp"})
"""Kinds of channel whose address is the customer's own number."""
AT_ONCE = timedelta(seconds=1)
"""A message so near to the beginning of its ticket began it."""
NEWEST = 5
"""Messages of a ticket that are read with each delivery: a lost delivery is made good by the next."""


def _filled(value: Any) -> Any:
    """What a template makes of nothing."""
    return None if isinstance(value, str) and value.strip().lower() in ("", "none", "null") else value


def _moment(value: Any) -> Any:
    """Gorgias writes its times in UTC, and leaves the zone away in places."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) and value.strip() else _filled(value)
    except ValueError:
        return _filled(value)
    return time.replace(tzinfo=UTC) if isinstance(time, datetime) and time.tzinfo is None else time


Text = Annotated[str | None, BeforeValidator(_filled)]
Some = Annotated[Id | None, BeforeValidator(_filled)]
Flag = Annotated[bool | None, BeforeValidator(_filled)]
Time = Annotated[Utc | None, BeforeValidator(_moment)]
Score = Annotated[float | None, BeforeValidator(_filled)]


class Channel(Payload):
    type: Text = None
    address: Text = None


class Customer(Payload):
    id: Some = None
    email: Text = None
    name: Text = None
    channels: Many[Channel] = ()


class Tag(Payload):
    name: Text = None


class Survey(Payload):
    id: Some = None
    score: Score = None
    body_text: Text = None
    scored_datetime: Time = None


class Message(Payload):
    id: Some = None
    from_agent: Flag = None
    public: Flag = None
    channel: Text = None
    via: Text = None
    rule_id: Some = None
    sender: Maybe[Customer] = None
    stripped_text: Text = None
    body_text: Text = None
    body_html: Text = None
    created_datetime: Time = None


class Ticket(Payload):
    id: Id
    status: Text = None
    channel: Text = None
    subject: Text = None
    language: Text = None
    from_agent: Flag = None
    spam: Flag = None
    customer: Maybe[Customer] = None
    tags: Many[Tag] = ()
    messages: Many[Message] = ()
    satisfaction_survey: Maybe[Survey] = None
    created_datetime: Time = None
    updated_datetime: Time = None
    closed_datetime: Time = None
    snooze_datetime: Time = None
    trashed_datetime: Time = None


class Told(Payload):
    """What the integration of docs/connect/gorgias.md sends."""

    ticket: Ticket
    message: Maybe[Message] = None


class Body(Payload):
    """Enough of it to tell it from a ticket as it is."""

    ticket: Any = None


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """There is no signature and no signed time: the key says who sends, and nothing of what."""
    require_key(headers, secrets)


split = whole


@understanding
def translate(_headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    if Body.model_validate_json(body).ticket is None:
        told = Told(ticket=Ticket.model_validate_json(body))
    else:
        told = Told.model_validate_json(body)
    events = tuple(_Telling(told, store, received_at, body).events())
    if not events:
        raise Ignored("nothing that a customer wrote, waits for or rated")
    return events


@dataclass(frozen=True, slots=True)
class _Telling:
    """One ticket as it is told now."""

    told: Told
    store: str
    received_at: datetime
    body: bytes

    def events(self) -> Iterator[Event]:
        """Spam and what lies in the trash wait for nobody; nothing else of them is read."""
        ticket = self.told.ticket
        if ticket.spam or ticket.trashed_datetime:
            yield self._of("ticket", ticket.id).event(TicketResolved, ticket.trashed_datetime, self._data("bot"), "out")
            return
        messages = self._messages()
        yield from self._opened(messages)
        yield from (self._replied(message) for message in messages if not self._is_first(message))
        yield from self._state(messages)
        yield from self._rated()

    def _messages(self) -> list[Message]:
        """The newest that the customer sees. One that nobody filled in has no number: the trigger was not a message."""
        ticket, told = self.told.ticket, self.told.message
        every = [*ticket.messages[-NEWEST:], *([told] if told else [])]
        numbered = {message.id: message for message in every if message.id and self._is_of_the_two(message)}
        return sorted(numbered.values(), key=lambda message: message.created_datetime or self._told_at)

    def _is_of_the_two(self, message: Message) -> bool:
        """Neither a note nor somebody's in copy."""
        if message.public is False or message.channel == NOTE:
            return False
        sender, customer = message.sender or Customer(), self.told.ticket.customer or Customer()
        is_another = bool(sender.id and customer.id and sender.id != customer.id)
        return bool(message.from_agent) or not is_another

    def _is_first(self, message: Message) -> bool:
        opened, written = self.told.ticket.created_datetime, message.created_datetime
        return opened is not None and written is not None and abs(written - opened) <= AT_ONCE

    def _opened(self, messages: Sequence[Message]) -> Iterator[Event]:
        ticket = self.told.ticket
        if ticket.created_datetime is None:
            return
        first = next((message for message in messages if self._is_first(message)), None)
        by: By = _author(first) if first else "agent" if ticket.from_agent else "customer"
        yield self._of("ticket", ticket.id).event(TicketOpened, ticket.created_datetime, self._data(by, first))

    def _replied(self, message: Message) -> Event:
        about = self._of("message", str(message.id))
        return about.event(TicketReplied, message.created_datetime, self._data(_author(message), message))

    def _state(self, messages: Sequence[Message]) -> Iterator[Event]:
        """A snoozed ticket is closed only until it wakes. One that was closed, and is open, was opened again since.

        Gorgias does it when the customer answers, and the answer is told already.
        """
        ticket, closed_at = self.told.ticket, self.told.ticket.closed_datetime
        about = self._of("ticket", ticket.id)
        if (ticket.status or "").lower() == CLOSED:
            if ticket.snooze_datetime is None:
                yield about.event(TicketResolved, closed_at, self._data("agent"), *_when(closed_at))
        elif closed_at is not None:
            later = (at for message in messages if (at := message.created_datetime) and at > closed_at)
            yield about.event(TicketReopened, next(later, None), self._data("bot"), *_when(closed_at))

    def _rated(self) -> Iterator[Event]:
        ticket, survey = self.told.ticket, self.told.ticket.satisfaction_survey
        if survey is None or survey.score is None:
            return
        text = cut(survey.body_text, LONGEST_TEXT)
        rated = ticket_id("gorgias", ticket.id)
        data = SurveyData(customer=self._person(), survey="csat", score=survey.score, ticket=rated, text=text)
        about = self._of("survey", survey.id or ticket.id)
        yield about.event(SurveyAnswered, survey.scored_datetime, data, *_when(survey.scored_datetime))

    @property
    def _told_at(self) -> datetime:
        return self.told.ticket.updated_datetime or self.received_at

    def _of(self, kind: str, number: str) -> Delivery:
        return Delivery("gorgias", f"{kind}-{number}", self.store, self._told_at, self.body)

    def _data(self, by: By, message: Message | None = None) -> TicketData:
        ticket = self.told.ticket
        facts = TicketFacts(
            id=ticket_id("gorgias", ticket.id),
            opened_at=ticket.created_datetime,
            channel="mail" if ticket.channel == "email" else cut(ticket.channel, 40),
            by=by,
            intent=intent_of(tag.name for tag in ticket.tags if tag.name),
            subject=cut(ticket.subject, LONGEST_SHORT_TEXT) if message else None,
            text=_text(message) if message else None,
        )
        return TicketData(customer=self._person(), ticket=facts)

    def _person(self) -> Person:
        customer = self.told.ticket.customer or Customer()
        if not (customer.id or customer.email):
            raise NotUnderstood("ticket.customer.id: a ticket without its customer")
        return Person(
            ids={"gorgias": customer.id} if customer.id else {},
            email=customer.email,
            phone=next((each.address for each in customer.channels if each.type in PHONES and each.address), None),
            name=cut(customer.name, LONGEST_SHORT_TEXT),
            locale=locale(self.told.ticket.language),
        )


def _author(message: Message) -> By:
    if not message.from_agent:
        return "customer"
    return "bot" if message.rule_id or message.via == "rule" else "agent"


def _text(message: Message) -> str | None:
    """Without the earlier messages that it quotes, as Gorgias found it, else as we do."""
    return cut(message.stripped_text or message.body_text, LONGEST_TEXT) or written_in(message.body_html)


def _when(at: datetime | None) -> tuple[str, ...]:
    """Tells one closing from the next; without a time there is but one."""
    return (iso(at),) if at else ()
