"""The customer record: facts folded from events, and what was judged from them. It names nobody.

Every fact is a join (earliest, latest, sum over distinct ids), so that the order in which events arrive
does not matter. Orders and tickets beyond the newest few move to items of their own; what rules need of
them stays in the totals.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, NamedTuple

from pydantic import Field, PlainSerializer, Strict

from perennial.domain.actions import Channel, Purpose
from perennial.domain.events import ShipmentState
from perennial.domain.signals import Decayed
from perennial.domain.values import Instant, Model, Money, Row

RECENT_ORDERS = 8
RECENT_TICKETS = 6
RECENT_CARTS = 3
MOST_PARCELS = 6
"""How many are kept in the record itself: it is read and written with each event, and each kilobyte costs."""


class Stage(StrEnum):
    AWARENESS = "awareness"
    DECISION = "decision"
    ONBOARDING = "onboarding"
    RETENTION = "retention"
    WINBACK = "winback"


class Label(StrEnum):
    PROSPECT = "prospect"
    NEW = "new"
    GROWING = "growing"
    MATURE = "mature"
    DECLINING = "declining"
    SILENT = "silent"


Exact = Annotated[
    str | Annotated[bool, Strict()] | Annotated[int, Strict()] | Annotated[float, Strict()],
    Field(union_mode="left_to_right"),
]
"""A plain value as it is written: the first type that is exactly its own is found sooner than the best of all four."""
PlainDecimal = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount.normalize():f}", when_used="json")]
"""12.30 and 12.3 are one amount and are written as one."""


class Terms(Model):
    """What an order costs, as last told."""

    told_at: Instant
    total: Money
    base: PlainDecimal | None = None
    """In the merchant's currency; None when neither the vendor nor the policy's rates say."""
    country: str | None = None


class Parcel(Model):
    """One tracking number: when each state was first reached."""

    states: Mapping[ShipmentState, Instant] = Field(default_factory=dict)

    @property
    def state(self) -> ShipmentState | None:
        return max(self.states, key=lambda state: (self.states[state], state), default=None)


NO_PARCEL = Parcel.made_of(states={})
"""One of which nothing was heard yet."""


class Order(Model):
    """An order, folded from whatever was heard of it. Known once it was placed; before that a stray."""

    id: str
    heard_at: Instant
    name: str | None = None
    cart: str | None = None
    terms: Terms | None = None
    placed_at: Instant | None = None
    paid_at: Instant | None = None
    shipped_at: Instant | None = None
    delivered_at: Instant | None = None
    cancelled_at: Instant | None = None
    returned_at: Instant | None = None
    activated_at: Instant | None = None
    promised_at: Instant | None = None
    refunds: Mapping[str, PlainDecimal] = Field(default_factory=dict)
    """Refund id -> amount in base currency (0 where it cannot be told)."""
    parcels: Mapping[str, Parcel] = Field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return self.placed_at is not None

    @property
    def counts(self) -> bool:
        """A purchase: placed, and not cancelled."""
        return self.placed_at is not None and self.cancelled_at is None

    @property
    def value(self) -> Decimal:
        """What it brought, in base currency, net of refunds; never below zero."""
        if not self.counts or self.terms is None or self.terms.base is None:
            return Decimal(0)
        return max(Decimal(0), self.terms.base - sum(self.refunds.values(), Decimal(0)))


class Ticket(Model):
    id: str
    heard_at: Instant
    touched_at: Instant
    """Latest event about it. It only grows, so who is among the last touched does not depend on the order of events."""
    opened_at: Instant | None = None
    resolved_at: Instant | None = None
    """Latest."""
    reopened_at: Instant | None = None
    """Latest."""
    answered_at: Instant | None = None
    """First reply of an agent."""
    intent: str | None = None
    channel: str | None = None

    @property
    def started_at(self) -> Instant:
        return self.opened_at or self.heard_at

    @property
    def open_since(self) -> Instant:
        """Of an open ticket: when the present wait for us began."""
        return self.reopened_at or self.started_at

    @property
    def is_open(self) -> bool:
        if self.resolved_at is None:
            return True
        return self.reopened_at is not None and self.reopened_at > self.resolved_at


class Cart(Model):
    id: str
    touched_at: Instant
    base: PlainDecimal | None = None


class Totals(Model):
    """Orders and tickets that have left the record, summed up."""

    orders: int = 0
    purchases: int = 0
    value: PlainDecimal = Decimal(0)
    refunds: int = 0
    returns: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None
    tickets: int = 0
    activated: int = 0


class Known(NamedTuple):
    """The latest word on something, and when it was said."""

    value: str
    at: Instant


class Consent(NamedTuple):
    granted: bool
    at: Instant


class Send(NamedTuple):
    """A message that left, or may have left: what caps count."""

    channel: Channel
    purpose: Purpose
    at: Instant


class Facts(Model):
    orders: Mapping[str, Order] = Field(default_factory=dict)
    """The newest known ones, by id."""
    strays: Mapping[str, Order] = Field(default_factory=dict)
    """Orders that were heard of but not placed yet, by id; or by "~tracking" where only a parcel was heard of."""
    tickets: Mapping[str, Ticket] = Field(default_factory=dict)
    carts: Mapping[str, Cart] = Field(default_factory=dict)
    totals: Totals = Field(default_factory=Totals)
    signals: Mapping[str, Row[Decayed]] = Field(default_factory=dict)
    counts: Mapping[str, int] = Field(default_factory=dict)
    latest: Mapping[str, Instant] = Field(default_factory=dict)
    """Event type -> when it last happened; for the types that the policy's plays watch."""
    consent: Mapping[str, Row[Consent]] = Field(default_factory=dict)
    """ "marketing/email" -> the latest word."""
    about: Mapping[str, Row[Known]] = Field(default_factory=dict)
    """locale, time_zone, country, birthday (as 1904-05-17)."""
    reach: Annotated[frozenset[Channel], PlainSerializer(sorted, when_used="json")] = frozenset()
    suppressed: Mapping[Channel, Row[Known]] = Field(default_factory=dict)
    """Channels that may not be used any more: the message bounced, or the customer complained."""
    sends: tuple[Row[Send], ...] = ()
    """Oldest first, as far back as the longest cap looks."""
    signed_up_at: Instant | None = None
    activated_at: Instant | None = None
    """First activation that named no order."""
    contact_at: Instant | None = None
    """Latest sign of life: what the customer did, other than buying."""
    deleted_at: Instant | None = None


@cache
def _nothing() -> Facts:
    return Facts()


class Part(NamedTuple):
    """One term of the score. `points` are hundredths of a point; they add up to the score exactly."""

    name: str
    value: float
    weight: float
    """After renormalisation over the parts that can be judged."""
    points: int


class Wait(Model):
    """A play that waits: for its time, for the morning, or both."""

    play: str
    about: str
    """The occasion: same play and occasion, same action."""
    since: Instant
    due: Instant
    held: bool = False
    """It was due and waits for the morning."""
    sent_back: bool = False
    """It had fired already; the sender found the hour wrong and gave it back."""
    event: Mapping[str, Exact] = Field(default_factory=dict)
    """What the play's conditions and templates need of the event that began it."""


class Customer(Model):
    """The record."""

    id: str
    store: str
    version: int = 0
    facts: Facts = Field(default_factory=_nothing)
    waits: tuple[Wait, ...] = ()
    fired: Mapping[str, tuple[Instant, ...]] = Field(default_factory=dict)
    """Play -> when it last fired, as many times as its `at_most` must remember."""
    stage: Stage = Stage.AWARENESS
    stage_since: Instant | None = None
    label: Label = Label.PROSPECT
    label_since: Instant | None = None
    band: str | None = None
    band_since: Instant | None = None
    score: int | None = Field(default=None, description="Hundredths of a point; None when nothing can be judged.")
    parts: tuple[Row[Part], ...] = ()
    due_at: Instant | None = None
    policy: int = 0
    """Version that judged it last."""
