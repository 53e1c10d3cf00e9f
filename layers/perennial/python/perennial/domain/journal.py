"""The journal entry: what happened, what it changed, why, and what was asked for. History line, receipt and outbox."""

import hashlib
from typing import Literal, NamedTuple

from perennial.domain.actions import Action, Grant, Task
from perennial.domain.customer import Label, Part, PlainDecimal, Stage
from perennial.domain.events import AnyEvent, Event
from perennial.domain.values import Instant, Model, Row, iso

Did = Literal["sent", "task", "points", "waits", "held", "dropped", "ended"]


class Outcome(Model):
    """What became of a play on one occasion."""

    play: str
    about: str
    did: Did
    """sent: an action was asked for; points: some were given; held: due, but waits for a better hour; ended: its
    `unless` happened."""
    reason: str | None = None
    until: Instant | None = None


class Cost(Model):
    """What a play costs more, or, below zero, less than was known before."""

    play: str
    amount: PlainDecimal
    """In base currency."""
    coupon: str | None = None
    """Mark of the code that was redeemed; None: of points that were given."""
    order: str | None = None


class Judged(NamedTuple):
    """Stage, label and score at one moment."""

    stage: Stage
    label: Label
    band: str | None = None
    score: int | None = None


class Kin(NamedTuple):
    """What a merge or its undoing was to one of the two."""

    role: Literal["took_in", "went_to", "let_go", "came_from"]
    other: str
    members: dict[str, str]
    """Of whoever is a customer of their own after it: who belongs to them, as `Customer.members`."""
    lived_until: Instant | None = None
    """Of an undoing: until when the time that was spent together has been lived through apart."""


class Met(NamedTuple):
    """Two customers whose keys one event carried."""

    customer: str
    """To whom the event was told."""
    other: str
    kinds: tuple[str, ...]
    """Of the keys that are the other's, sorted."""


class Entry(Model):
    """One decision. Holds no personal data."""

    version: int
    """Of the record that it made."""
    decided_at: Instant
    policy: int
    event: AnyEvent
    """Impersonal."""
    before: Row[Judged]
    after: Row[Judged]
    parts: tuple[Row[Part], ...] = ()
    label_rule: int
    """Which of the policy's label rules decided, counted from 0."""
    stage_rule: int
    outcomes: tuple[Outcome, ...] = ()
    actions: tuple[Action, ...] = ()
    tasks: tuple[Task, ...] = ()
    grants: tuple[Grant, ...] = ()
    costs: tuple[Cost, ...] = ()
    releases: tuple[str, ...] = ()
    """Quarantine entries that waited for a key that became this customer's: to be replayed."""
    due_at: Instant | None = None
    record: str | None = None
    """Whose record it was decided on, and whose versions it counts, where that was not the journal's own."""
    kin: Row[Kin] | None = None
    """Of `customer.merged` and `customer.unmerged`: what it was to this journal's customer."""
    met: tuple[Row[Met], ...] = ()
    """Who else was named by the keys of this event: to be merged, or proposed."""


def entry_key(event: Event) -> str:
    """The sort key of the event's entry: by time, then by who says it. The same event has the same key for ever."""
    mark = hashlib.blake2b(f"{event.store}\x1f{event.source}\x1f{event.id}".encode(), digest_size=12).hexdigest()
    return f"J#{iso(event.time)}#{mark}"
