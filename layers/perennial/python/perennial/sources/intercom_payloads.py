"""What Intercom sends, as far as we read it: conversations of API 1 and 2, tickets, contacts, subscriptions.

Times are seconds since 1970, as numbers or as text, or ISO 8601; the same field in all three ways.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from perennial.domain.values import Id, Utc
from perennial.sources.payloads import Many, Maybe, Payload, Text

_FIRST_OF_2100 = 4_102_444_800


def _moment(value: Any) -> Any:
    """Seconds as a time. What is neither seconds nor a time is left to be refused."""
    if isinstance(value, str):
        value = value.strip() or None
        if value and value.isascii() and value.isdigit() and len(value) <= len(str(_FIRST_OF_2100)):
            value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _FIRST_OF_2100:
        return datetime.fromtimestamp(value, UTC) if value else None
    return value


Time = Annotated[Utc | None, BeforeValidator(_moment)]


class Who(Payload):
    """An author, a contact or a user. `role` is of API 2, where all of them are contacts by type."""

    id: Id | None = None
    type: Text = None
    role: Text = None
    email: Text = None
    phone: Text = None
    name: Text = None
    from_ai_agent: bool | None = None
    language_override: Text = None
    browser_language: Text = None


class Contacts(Payload):
    contacts: Many[Who] = ()


class Part(Payload):
    """A message, or something done: closed, opened, assigned, snoozed; of a ticket also a change of its state."""

    id: Id
    part_type: Text = None
    body: Text = None
    author: Maybe[Who] = None
    created_at: Time = None
    redacted: bool | None = None
    ticket_state: Text = None
    previous_ticket_state: Text = None


class Parts(Payload):
    conversation_parts: Many[Part] = ()


class Beginning(Payload):
    """The first message: `source` in API 2, `conversation_message` before."""

    type: Text = None
    subject: Text = None
    body: Text = None
    author: Maybe[Who] = None
    redacted: bool | None = None


class Rating(Payload):
    rating: float | None = None
    remark: Text = None
    created_at: Time = None


class Statistics(Payload):
    last_close_at: Time = None


class Tag(Payload):
    name: Text = None


class Tags(Payload):
    tags: Many[Tag] = ()


class Conversation(Payload):
    id: Id
    created_at: Time = None
    updated_at: Time = None
    title: Text = None
    source: Maybe[Beginning] = None
    conversation_message: Maybe[Beginning] = None
    contacts: Maybe[Contacts] = None
    user: Maybe[Who] = None
    conversation_parts: Maybe[Parts] = None
    conversation_rating: Maybe[Rating] = None
    statistics: Maybe[Statistics] = None
    tags: Maybe[Tags] = None


class ConversationItem(Payload):
    item: Conversation


class AboutConversation(Payload):
    data: ConversationItem


class Contact(Who):
    """`merged_from` is whom this one has absorbed."""

    merged_from: Maybe[Who] = None


class Wording(Payload):
    title: Text = Field(default=None, alias="_default_title_")
    description: Text = Field(default=None, alias="_default_description_")


class TicketParts(Payload):
    ticket_parts: Many[Part] = ()


class Ticket(Payload):
    """Of the kinds Customer, Back-office and Tracker; the latter two are the merchant's own work."""

    id: Id
    category: Text = None
    created_at: Time = None
    updated_at: Time = None
    contacts: Maybe[Contacts] = None
    ticket_attributes: Maybe[Wording] = None
    ticket_parts: Maybe[TicketParts] = None


class TicketItem(Payload):
    item: Ticket


class AboutTicket(Payload):
    data: TicketItem


class TicketAnswer(Payload):
    ticket: Ticket
    ticket_part: Part


class TicketAnswerItem(Payload):
    item: TicketAnswer


class AboutTicketAnswer(Payload):
    data: TicketAnswerItem


class ContactItem(Payload):
    item: Contact


class AboutContact(Payload):
    data: ContactItem


class Subscription(Payload):
    """What kinds of messages one of Intercom's lists sends: email, sms_message, push."""

    content_types: Many[str] = ()


class Subscriptions(Payload):
    data: Many[Subscription] = ()


class Subscribing(Payload):
    """The contact is within in API 2; before, the item is the contact."""

    id: Id | None = None
    email: Text = None
    phone: Text = None
    name: Text = None
    contact: Maybe[Who] = None
    subscription_types: Maybe[Subscriptions] = None


class SubscribingItem(Payload):
    item: Subscribing


class AboutSubscribing(Payload):
    data: SubscribingItem


class Notification(Payload):
    id: Id | None = None
    topic: str
    created_at: Time = None
