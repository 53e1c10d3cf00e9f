"""What the admin API answers: the shapes that docs/openapi.json promises. Money is text, in the base currency."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from perennial.channels.catalogue import TaskText
from perennial.domain.actions import Channel, Coupon, Purpose
from perennial.domain.customer import Label, PlainDecimal, Stage
from perennial.domain.events import Person
from perennial.domain.journal import Did
from perennial.domain.policy import Authority
from perennial.domain.values import Instant, Model, Money

Points = Annotated[float | None, Field(description="Health score of 100; null where nothing can be judged.")]
Cursor = Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


class FoundCustomer(Model):
    """A line of a list. The score is of now; stage, label and band are those that plays go by."""

    id: str
    store: str
    stage: Stage
    label: Label
    band: str | None
    score: Points
    due_at: Annotated[Instant | None, Field(description="When time alone will next change something.")]
    country: str | None
    orders: Annotated[int, Field(description="Purchases, without cancelled ones.")]
    name: Annotated[str | None, Field(description="Masked.")]
    email: Annotated[str | None, Field(description="Masked.")]


class FoundCustomers(Model):
    """A page; it may be short, or empty, and yet have a cursor."""

    customers: tuple[FoundCustomer, ...]
    cursor: Cursor


class Part(Model):
    name: str
    value: Annotated[float, Field(ge=0, le=1)]
    points: float


class Order(Model):
    """An order that is recent, or that was heard of and never placed."""

    id: str
    name: str | None
    state: Literal["unknown", "placed", "paid", "shipped", "delivered", "returned", "cancelled"]
    placed_at: Instant | None
    promised_at: Instant | None
    delivered_at: Instant | None
    activated_at: Instant | None
    total: Annotated[Money | None, Field(description="As paid.")]
    value: Annotated[PlainDecimal, Field(description="Net of refunds, in the base currency.")]
    parcels: Annotated[Mapping[str, str | None], Field(description="Tracking number -> latest state.")]


class Ticket(Model):
    id: str
    is_open: bool
    opened_at: Instant
    resolved_at: Instant | None
    channel: str | None
    intent: str | None


class Business(Model):
    """What the relationship amounts to: all of it in the counts, the recent part one by one."""

    orders: Annotated[int, Field(description="Purchases, without cancelled ones.")]
    value: PlainDecimal
    currency: Annotated[str, Field(description="The base currency.")]
    tickets: int
    open_tickets: int
    activated: bool
    first_order_at: Instant | None
    last_order_at: Instant | None
    last_contact_at: Annotated[Instant | None, Field(description="Latest sign of life other than buying.")]
    recent_orders: tuple[Order, ...]
    recent_tickets: tuple[Ticket, ...]


class Consent(Model):
    purpose: str
    channel: str
    granted: bool
    since: Instant


class Wait(Model):
    """A play that waits for its time, or for the hour."""

    play: str
    about: str
    due: Instant
    held: bool


class DeskTask(Model):
    """Something for a person to do."""

    id: str
    play: str
    task: str
    decided_at: Instant
    due_at: Instant
    subject: Mapping[str, str]
    texts: Annotated[Mapping[str, TaskText], Field(description="By language.")]


class CustomerPage(Model):
    """All that whoever talks with this customer wants to have in sight."""

    id: str
    store: str
    version: int
    stage: Stage
    stage_since: Instant | None
    label: Label
    label_since: Instant | None
    band: str | None
    band_since: Instant | None
    score: Points
    parts: tuple[Part, ...]
    due_at: Instant | None
    waits: tuple[Wait, ...]
    script: Annotated[tuple[str, ...], Field(description="What to say and do now, by the policy.")]
    authority: Annotated[Authority, Field(description="What may be granted without asking, at this stage.")]
    tasks: tuple[DeskTask, ...]
    business: Business
    consent: tuple[Consent, ...]
    suppressed: Annotated[Mapping[str, str], Field(description="Channel that may not be used any more -> why.")]
    profile: Annotated[Person, Field(description="Masked for viewers.")]


class Standing(Model):
    stage: Stage
    label: Label
    band: str | None
    score: Points


class Outcome(Model):
    """What became of a play."""

    play: str
    about: str
    did: Did
    reason: str | None
    until: Instant | None


class Message(Model):
    """A message that was asked for."""

    id: str
    play: str
    channel: Channel
    template: str
    purpose: Purpose
    not_after: Instant
    coupon: Coupon | None


class Happening(Model):
    """One event and what came of it."""

    at: Annotated[Instant, Field(description="When it happened.")]
    decided_at: Instant
    type: str
    source: str
    event: Annotated[str, Field(description="Its id at its source.")]
    data: Annotated[Mapping[str, Any], Field(description="What it told, without personal data.")]
    texts: Annotated[Mapping[str, str], Field(description="What people wrote; for agents, while it is kept.")]
    policy: int
    before: Standing
    after: Standing
    outcomes: tuple[Outcome, ...]
    messages: tuple[Message, ...]
    tasks: tuple[str, ...]
    due_at: Instant | None


class Timeline(Model):
    """Newest first."""

    entries: tuple[Happening, ...]
    cursor: Cursor


class PolicyChanged(Model):
    version: Annotated[int, Field(description="The version that is in force now.")]


class QuarantineEntry(Model):
    """A delivery that was authentic and could not be understood. Its payload is not shown."""

    id: str
    source: str
    store: str
    received_at: Instant
    reason: str
    expires_on: date


class QuarantinePage(Model):
    """Newest first."""

    entries: tuple[QuarantineEntry, ...]
    cursor: Cursor


class Refusal(Model):
    index: int
    reason: str


class Replayed(Model):
    """What came of trying again. With `quarantined` empty the entry is gone."""

    accepted: Annotated[int, Field(description="Events that are on their way now.")]
    quarantined: tuple[Refusal, ...]
    ignored: tuple[Refusal, ...]
