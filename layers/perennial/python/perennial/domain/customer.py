"""The customer record: facts folded from events, and what was judged from them. It names nobody.

Every fact is a join (earliest, latest, sum over distinct ids), so that the order in which events arrive
does not matter. Orders and tickets beyond the newest few move to items of their own; what rules need of
them stays in the totals.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PlainSerializer, Strict

from perennial.domain.actions import Channel, Purpose
from perennial.domain.events import ShipmentState
from perennial.domain.send_time import Reads
from perennial.domain.signals import Decayed
from perennial.domain.values import Instant, Model, Money, Row

RECENT_ORDERS = 8
RECENT_TICKETS = 6
RECENT_CARTS = 3
RECENT_COUPONS = 4
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
    """When this was said; the latest word holds."""
    total: Money
    """What the customer pays, in the currency they saw."""
    base: PlainDecimal | None = None
    """In the merchant's currency; None when neither the vendor nor the policy's rates say."""
    country: str | None = None
    """Where the order is sent."""
    coupons: Mapping[str, PlainDecimal] = Field(default_factory=dict)
    """Mark of a coupon's code -> what it took off, in the merchant's currency (0 where it cannot be told)."""


class Parcel(Model):
    """One tracking number: when each state was first reached."""

    states: Mapping[ShipmentState, Instant] = Field(default_factory=dict)
    """State -> when it was first reached."""

    @property
    def state(self) -> ShipmentState | None:
        return max(self.states, key=lambda state: (self.states[state], state), default=None)


NO_PARCEL = Parcel.made_of(states={})
"""One of which nothing was heard yet."""


class Order(Model):
    """An order, folded from whatever was heard of it. Known once it was placed; before that a stray."""

    id: str
    """The shop's own id."""
    heard_at: Instant
    """The earliest event about it."""
    name: str | None = None
    """What people call it: #1001."""
    cart: str | None = None
    """The cart that it was made of."""
    terms: Terms | None = None
    """What it costs, as last told."""
    placed_at: Instant | None = None
    """When it was ordered, by the earliest that was said. None as long as it is a stray."""
    paid_at: Instant | None = None
    """When it was first paid."""
    shipped_at: Instant | None = None
    """When its first parcel left."""
    delivered_at: Instant | None = None
    """When its first parcel arrived."""
    cancelled_at: Instant | None = None
    """When it was first cancelled; it counts as no purchase from then on."""
    returned_at: Instant | None = None
    """When goods of it first came back."""
    activated_at: Instant | None = None
    """When what it brought was first put to use."""
    promised_at: Instant | None = None
    """The earliest day that was promised."""
    refunds: Mapping[str, PlainDecimal] = Field(default_factory=dict)
    """Refund id -> amount in base currency (0 where it cannot be told)."""
    given_back: PlainDecimal | None = None
    """The largest sum of all refunds, in base currency, that was told by a source that does not tell them apart."""
    parcels: Mapping[str, Parcel] = Field(default_factory=dict)
    """Tracking number -> what its carrier said."""

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
        return max(Decimal(0), self.terms.base - self.refunded)

    @property
    def refunded(self) -> Decimal:
        """What went back. What was told one by one and what was told as a sum is the same money: the larger holds."""
        one_by_one = sum(self.refunds.values(), Decimal(0))
        return one_by_one if self.given_back is None else max(one_by_one, self.given_back)

    @property
    def refund_count(self) -> int:
        """A sum stands for one refund, where nothing more is known."""
        return len(self.refunds) or int(self.given_back is not None)


class Ticket(Model):
    id: str
    """The help desk's own id."""
    heard_at: Instant
    """The earliest event about it."""
    touched_at: Instant
    """Latest event about it. It only grows, so who is among the last touched does not depend on the order of events."""
    opened_at: Instant | None = None
    """When it was opened, by the earliest that was said."""
    resolved_at: Instant | None = None
    """When it was last resolved."""
    resolved_by: Literal["customer", "agent", "bot"] | None = None
    """Who did that: an agent, the customer, or nobody but a rule of the help desk."""
    reopened_at: Instant | None = None
    """When it was last reopened."""
    answered_at: Instant | None = None
    """First reply of an agent."""
    intent: str | None = None
    """What it is about."""
    channel: str | None = None
    """Where it was held."""

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
    """The shop's own id."""
    touched_at: Instant
    """When something was last put into it, or taken out."""
    base: PlainDecimal | None = None
    """What it would cost, in the merchant's currency."""


class Totals(Model):
    """Orders and tickets that have left the record, summed up."""

    orders: int = 0
    """Orders, the cancelled ones included."""
    purchases: int = 0
    """Orders that were not cancelled."""
    value: PlainDecimal = Decimal(0)
    """What they brought, net of refunds, in the merchant's currency."""
    refunds: int = 0
    """Refunds, by number."""
    returns: int = 0
    """Orders of which goods came back."""
    first_at: Instant | None = None
    """The first purchase."""
    last_at: Instant | None = None
    """The last purchase."""
    tickets: int = 0
    """Tickets."""
    activated: int = 0
    """Orders whose product was put to use."""


class Points(Model):
    """The account of loyalty points; `points.account` says what it holds."""

    given: int = 0
    """All that were ever given."""
    lapsing: Mapping[str, int] = Field(default_factory=dict)
    """Of those that lapse: "2026-06/2027-06" (month of giving, month with which they lapse) -> how many."""
    taken: Mapping[str, int] = Field(default_factory=dict)
    """Month, in UTC -> how many were spent, taken back or told to have expired in it."""


class Known(NamedTuple):
    """The latest word on something, and when it was said."""

    value: str
    """The word."""
    at: Instant
    """When it was said."""


class Consent(NamedTuple):
    granted: bool
    """Given, or withdrawn."""
    at: Instant
    """When it was said."""


class Given(NamedTuple):
    """A coupon whose code has left with a message, or may have."""

    play: str
    """The play that gave it."""
    at: Instant
    """When the message left."""


class Send(NamedTuple):
    """A message that left, or may have left: what caps count."""

    channel: Channel
    """By which way."""
    purpose: Purpose
    """Under which rules."""
    at: Instant
    """When it left."""


class Facts(Model):
    orders: Mapping[str, Order] = Field(default_factory=dict)
    """The newest known ones, by id."""
    strays: Mapping[str, Order] = Field(default_factory=dict)
    """Orders that were heard of but not placed yet, by id; or by "~tracking" where only a parcel was heard of."""
    tickets: Mapping[str, Ticket] = Field(default_factory=dict)
    """The tickets last touched, by id."""
    carts: Mapping[str, Cart] = Field(default_factory=dict)
    """The carts last touched, by id."""
    totals: Totals = Field(default_factory=Totals)
    """What has left the record, summed up."""
    signals: Mapping[str, Row[Decayed]] = Field(default_factory=dict)
    """Name of a signal -> its fading sum: engagement, satisfaction, sentiment, recommendation and their weights."""
    counts: Mapping[str, int] = Field(default_factory=dict)
    """Kind of a sign of life -> how often: view, open, click, reply, ticket, review, survey, sign_up, use."""
    latest: Mapping[str, Instant] = Field(default_factory=dict)
    """Event type -> when it last happened; for the types that the policy's plays watch."""
    consent: Mapping[str, Row[Consent]] = Field(default_factory=dict)
    """ "marketing/email" -> the latest word."""
    confirmed: Mapping[str, Instant] = Field(default_factory=dict)
    """ "marketing/email" -> when it was last agreed to from the address itself (double opt-in)."""
    withdrawn: Mapping[str, Instant] = Field(default_factory=dict)
    """ "marketing/email" -> when it was last withdrawn."""
    about: Mapping[str, Row[Known]] = Field(default_factory=dict)
    """locale, time_zone, country, birthday (as 1904-05-17)."""
    reach: Annotated[frozenset[Channel], PlainSerializer(sorted, when_used="json")] = frozenset()
    """The channels that an address is known for."""
    suppressed: Mapping[Channel, Row[Known]] = Field(default_factory=dict)
    """Channels that may not be used any more: the message bounced, or the customer complained."""
    sends: tuple[Row[Send], ...] = ()
    """Oldest first, as far back as the longest cap looks."""
    reads: Reads = ()
    """The newest hours in which they opened or clicked an email, numbered from 2020 on, UTC; where the policy's
    `send_time` is learned."""
    coupons: Mapping[str, Row[Given]] = Field(default_factory=dict)
    """Mark of its code -> a coupon that the customer has been given; the newest few."""
    points: Points = Field(default_factory=Points)
    """The account of loyalty points."""
    signed_up_at: Instant | None = None
    """When the customer first made an account."""
    activated_at: Instant | None = None
    """First activation that named no order."""
    contact_at: Instant | None = None
    """Latest sign of life: what the customer did, other than buying."""
    deleted_at: Instant | None = None
    """When a source first said that the account is gone: nothing is sent from then on."""


@cache
def _nothing() -> Facts:
    return Facts()


class Part(NamedTuple):
    """One term of the score. `points` are hundredths of a point; they add up to the score exactly."""

    name: str
    """Which part: rhythm, engagement, satisfaction, resolution, sentiment, delivery, recommendation."""
    value: float
    """How it stands, from 0 to 1."""
    weight: float
    """After renormalisation over the parts that can be judged."""
    points: int
    """What it adds to the score, in hundredths of a point."""


class Wait(Model):
    """A play that waits: for its time, for the morning, or both."""

    play: str
    """The play that waits."""
    about: str
    """The occasion: same play and occasion, same action."""
    since: Instant
    """When it began."""
    due: Instant
    """When it is looked at again."""
    held: bool = False
    """It was due and waits for the morning, or for the hour that the customer reads at."""
    sent_back: bool = False
    """It had fired already; the sender found the hour wrong and gave it back."""
    not_after: Instant | None = None
    """Until when what was given back may still leave: what was good for three days is not, because it waited."""
    channel: Channel | None = None
    """Of what was given back: by which channel it was to leave."""
    of: str | None = None
    """Whose messages it makes, where the event that began it was told to somebody who has been merged into this one."""
    event: Mapping[str, Exact] = Field(default_factory=dict)
    """What the play's conditions and templates need of the event that began it."""


class Customer(Model):
    """The record."""

    id: str
    """Our own id, worked out from the first key that the customer was met by."""
    store: str
    """The merchant's shop that they are a customer of."""
    version: int = 0
    """How many times the record was written; a write of another version is refused."""
    facts: Facts = Field(default_factory=_nothing)
    """All that events told."""
    waits: tuple[Wait, ...] = ()
    """Plays that wait for their time, or for the morning."""
    fired: Mapping[str, tuple[Instant, ...]] = Field(default_factory=dict)
    """Play -> when it last fired, as many times as its `at_most` must remember."""
    stage: Stage = Stage.AWARENESS
    """Where the relationship is."""
    stage_since: Instant | None = None
    """Since when."""
    label: Label = Label.PROSPECT
    """What kind of customer it is."""
    label_since: Instant | None = None
    """Since when."""
    band: str | None = None
    """The policy's name for the range that the score is in."""
    band_since: Instant | None = None
    """Since when."""
    score: int | None = Field(default=None, description="Hundredths of a point; None when nothing can be judged.")
    parts: tuple[Row[Part], ...] = ()
    """What the score is made of; they add up to it exactly."""
    due_at: Instant | None = None
    """The first instant at which time alone would change something."""
    policy: int = 0
    """Version that judged it last."""
    members: Mapping[str, str] = Field(default_factory=dict)
    """Who has been merged into this customer: id -> the id they were merged into at the time. Their journals are
    folded into these facts too."""
    merged_into: str | None = None
    """Whose record to read instead. Of such a one nothing else is kept here."""
    together_since: Instant | None = None
    """When somebody was last merged in or taken out: nothing is decided as if it were before."""
    shelf: str = ""
    """Where orders and tickets that left the record are kept. A merge or its undoing puts them on a new one."""
    loaded_at: Instant | None = None
    """When history of theirs was loaded last: for a while after, more of it may be on its way (plays.LOADING)."""
