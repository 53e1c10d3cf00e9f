"""What we ask the outside world to do. Ids are deterministic, and fit the alphabet of SES message tags."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from perennial.domain.values import Id, Instant, Model

Channel = Literal["email", "sms"]
Purpose = Literal["transactional", "service", "marketing"]
ASKED_FOR = timedelta(days=30)
"""How long an action may be asked for again after it would be out of place. Events come again for two times 14 days at
most, in a queue and as dead letters; what a vendor posts once more after that must not bring back what is forgotten."""
CouponMark = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
ActionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]

PoolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]


def action_id(*parts: str) -> str:
    """The same reason gives the same id, whoever works it out, however often."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def coupon_mark(code: str) -> str:
    """What is kept of a coupon's code: the same however it is typed, and no code."""
    return hashlib.blake2b(code.strip().upper().encode(errors="replace"), digest_size=6).hexdigest()


class Coupon(Model):
    """A promise of value. The code is drawn when the message leaves, the same for the same action."""

    kind: Literal["percent", "amount", "gift", "trial"]
    value: Annotated[str, Field(min_length=1, max_length=60)]
    """"10" (percent), "5.00" (in the base currency), or what the gift or trial is."""
    expires_at: Instant
    pool: PoolName | None = None
    """Of the imported codes that one is taken from; None: the code is generated."""
    minimum: str | None = None
    """What the order comes to at the least, in the base currency."""
    products: tuple[str, ...] = ()
    """The shop's ids of the products that it is good for; empty: all."""
    collections: tuple[str, ...] = ()
    """The same by the shop's collections or categories."""
    code: Annotated[str, Field(max_length=60)] | None = None
    """Only while the message is made: no journal and no queue holds it."""


class Action(Model):
    """A message to send. Holds no personal data: the sender reads whom and what from erasable items."""

    id: ActionId
    customer: Id
    store: str
    play: str
    about: str
    """The occasion: the same play and occasion give the same id."""
    channel: Channel
    template: str
    purpose: Purpose
    decided_at: Instant
    not_after: Instant
    """After this the message would be out of place; it is dropped with that reason."""
    policy: int
    """Version that decided it."""
    subject: Mapping[str, str] = Field(default_factory=dict)
    """What it is about: ids of order, ticket, cart, tracking; and words the template may use (order_name, state)."""
    coupon: Coupon | None = None
    given_up: bool = False
    """Staff discarded it where it waited under a hold: it ends with that reason."""

    def may_be_asked_for(self, now: datetime) -> bool:
        return now <= self.not_after + ASKED_FOR


class Grant(Model):
    """Loyalty points that a play gives. They come into the account by an event of the same id (`points.told_by`)."""

    id: ActionId
    customer: Id
    store: str
    play: str
    about: str
    """The occasion; with the time at which it came about it makes the id."""
    points: int
    decided_at: Instant
    policy: int
    expires_at: Instant | None = None
    reference: str | None = None
    """The order that it is about, if it is about one."""


class Task(Model):
    """Something for a person to do; waits on the desk."""

    id: ActionId
    customer: Id
    store: str
    play: str
    task: str
    decided_at: Instant
    due_at: Instant
    policy: int
    subject: Mapping[str, str] = Field(default_factory=dict)
