"""What Freshdesk sends, as far as we read it: app events as they are passed on, and the body of an automation."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from perennial.domain.values import Id
from perennial.sources.payloads import Many, Maybe, Payload, Text, Time


def _filled(value: Any) -> Any:
    """What Freshdesk could not fill in comes as it was written, or as nothing."""
    if not isinstance(value, str):
        return value
    return None if not value.strip() or value.strip().startswith("{{") else value


def _filled_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _filled(value)


Filled = Annotated[str | None, BeforeValidator(_filled_text)]
"""A text that may be missing; phone numbers come as numbers too."""
Count = Annotated[int | None, BeforeValidator(_filled)]
Milliseconds = Annotated[int, Field(ge=0, lt=4_102_444_800_000)]
"""Since 1970, until 2100."""


class Contact(Payload):
    """A requester or a contact. Of numbers only the mobile is read: colleagues share the other."""

    id: Id
    name: Text = None
    display_name: Text = None
    email: Text = None
    mobile: Filled = None
    mobile_number: Filled = None
    language: Text = None
    updated_at: Time = None


class Actor(Payload):
    id: Id | None = None
    type: Text = None


class Changes(Payload):
    """[before, after] of what changed."""

    status: Many[int | None] = ()
    deleted: Many[bool | None] = ()
    spam: Many[bool | None] = ()


class Ticket(Payload):
    id: Id
    requester_id: Id
    subject: Text = None
    description: Text = None
    description_text: Text = None
    status: int | None = None
    source: int | None = None
    spam: bool | None = None
    tags: Many[str] = ()
    created_at: Time = None
    updated_at: Time = None
    changes: Maybe[Changes] = None


class Conversation(Payload):
    """A reply or a note on a ticket."""

    id: Id
    ticket_id: Id
    ticket_requester_id: Id | None = None
    user_id: Id | None = None
    body: Text = None
    body_text: Text = None
    incoming: bool | None = None
    private: bool | None = None
    source: int | None = None
    created_at: Time = None


class TicketTold(Payload):
    ticket: Ticket
    requester: Maybe[Contact] = None
    actor: Maybe[Actor] = None
    changes: Maybe[Changes] = None


class ConversationTold(Payload):
    conversation: Conversation
    requester: Maybe[Contact] = None


class ContactTold(Payload):
    contact: Contact


class AppEvent(Payload):
    """The envelope; `domain` tells of which of Freshworks' products."""

    event: str
    domain: Text = None
    timestamp: Milliseconds | None = None


class AboutTicket(Payload):
    data: TicketTold


class AboutConversation(Payload):
    data: ConversationTold


class AboutContact(Payload):
    data: ContactTold


class Automation(Payload):
    """By the names that Freshdesk itself gives to its placeholders, and three that the merchant writes."""

    ticket_id: Id
    triggered_event: Filled = None
    by: Filled = None
    """Written by the merchant: for whose actions the rule is, "requester" or "agent"."""
    rating: Count = None
    """Written by the merchant: the rating that the rule is for."""
    happened_at: Filled = None
    """Written by the merchant, where a time with its zone can be had."""
    ticket_subject: Filled = None
    ticket_description: Filled = None
    ticket_latest_public_comment: Filled = None
    ticket_source: Filled = None
    ticket_tags: Filled = None
    ticket_requester_name: Filled = None
    ticket_requester_email: Filled = None
    ticket_requester_mobile: Filled = None


class Automated(Payload):
    freshdesk_webhook: Automation


class Body(Payload):
    """Enough of it to tell which of the two it is."""

    event: Text = None
    freshdesk_webhook: Any = None
