"""What the admin API answers: the shapes that docs/openapi.json promises. Money is text, in the base currency."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, model_validator

from perennial.channels.catalogue import TaskText
from perennial.domain.actions import Channel, Coupon, Purpose
from perennial.domain.countries import AssignedCountry
from perennial.domain.customer import Label, PlainDecimal, Stage
from perennial.domain.events import REFERENCE, Person
from perennial.domain.explanation import Explanation, PointsHeld
from perennial.domain.holds import Reach
from perennial.domain.journal import Cost, Did
from perennial.domain.offers import Authority
from perennial.domain.values import Country, Instant, Locale, Model, Money, Told

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
    value: Annotated[PlainDecimal, Field(description="What they brought, net of refunds, in the base currency.")]
    last_order_at: Instant | None
    points: Annotated[int, Field(description="Loyalty points that they have now.")]
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
    confirmed: Annotated[bool, Field(description="Said from the address itself, and not withdrawn since.")]
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
    points: Annotated[PointsHeld | None, Field(description="Loyalty points; null where there never were any.")]
    consent: tuple[Consent, ...]
    suppressed: Annotated[Mapping[str, str], Field(description="Channel that may not be used any more -> why.")]
    profile: Annotated[Person, Field(description="Masked for viewers.")]
    members: Annotated[tuple[str, ...], Field(description="Ids of those who were merged into this customer.")]


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
    points: Annotated[int, Field(description="Loyalty points that plays gave.")]
    costs: Annotated[tuple[Cost, ...], Field(description="What plays cost more, or less, than was known before.")]
    due_at: Instant | None
    told_to: Annotated[str, Field(description="Whose journal it is in: this customer's, or of who was merged in.")]


class Timeline(Model):
    """Newest first."""

    entries: tuple[Happening, ...]
    cursor: Cursor


class PolicyChanged(Model):
    version: Annotated[int, Field(description="The version that is in force now.")]
    warnings: Annotated[tuple[str, ...], Field(description="Allowed, and yet worth a second look.")]


class QuarantineEntry(Model):
    """A delivery that was authentic and could not be understood. Its payload is not shown."""

    id: str
    source: str
    store: str
    received_at: Instant
    reason: str
    expires_on: date
    is_stray: Annotated[bool, Field(description="Nothing is wrong with it: it waits for whose it is.")] = False


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


class QuarantineGroup(Model):
    """Entries of one source and store with one reason."""

    source: str
    store: str
    reason: str
    is_stray: Annotated[bool, Field(description="Nothing is wrong with them: they wait for whose they are.")]
    count: int
    oldest: Instant
    newest: Instant


class QuarantineSummary(Model):
    """The largest group first."""

    groups: tuple[QuarantineGroup, ...]
    is_complete: Annotated[bool, Field(description="False: older entries were not counted.")]


class QuarantinedPayload(Model):
    entry: QuarantineEntry
    headers: Mapping[str, str]
    payload: Annotated[str, Field(description="As received; for admins. For others its shape, without words.")]


class ReplayAll(Model):
    """Which entries to try again."""

    source: Annotated[str | None, Field(max_length=60)] = None
    store: Annotated[str | None, Field(max_length=63)] = None
    reason: Annotated[str | None, Field(max_length=500, description="Or how it begins.")] = None
    cursor: Annotated[str | None, Field(max_length=4000, description="`cursor` of the answer before.")] = None


class ReplayedAll(Model):
    tried: int
    accepted: Annotated[int, Field(description="Events that are on their way now.")]
    left: Annotated[int, Field(description="Entries that are still not understood.")]
    cursor: Cursor


class Discard(Model):
    because: Annotated[str, Field(min_length=3, max_length=200, description="Kept; do not name anybody.")]


class Discarded(Model):
    """An entry that was given up."""

    entry: QuarantineEntry
    because: str
    by: str
    discarded_at: Instant


class DiscardedPage(Model):
    """Newest first."""

    entries: tuple[Discarded, ...]
    cursor: Cursor


class Erasure(Model):
    """Erasing takes a moment: `GET /privacy/requests` tells how far it is."""

    request: Annotated[str | None, Field(description="Null: they were erased already.")]
    erased_at: Instant | None


class PrivacyRequest(Model):
    """What was asked about somebody's data, and what became of it."""

    id: str
    request: Literal["erase", "export", "erase_shop"]
    store: str
    by: Annotated[str, Field(description="A vendor, or `perennial/admin/` and who of the staff.")]
    asked_at: Instant
    due_at: Instant | None
    state: Annotated[Literal["running", "waits", "done"], Field(description="waits: for a person.")]
    customers: tuple[str, ...]
    others: Annotated[tuple[str, ...], Field(description="Who shares an address of theirs, and was left alone.")]
    removed: Annotated[Mapping[str, int], Field(description="Place -> how much was removed there.")]
    done_at: Instant | None


class PrivacyRequests(Model):
    """Newest first."""

    requests: tuple[PrivacyRequest, ...]
    cursor: Cursor


class Held(Model):
    """One thing that is kept."""

    what: Annotated[str, Field(description="profile, consent, timeline, text, messages, order, ticket, task, record")]
    key: str
    content: Any


class HeldDelivery(Model):
    """Something that names them and could not be understood yet."""

    source: str
    received_at: Instant
    reason: str
    payload: str


class Export(Model):
    """Everything that is kept of a person, item by item as it is kept; go on by `cursor` until it is null."""

    customer: str
    store: str
    members: Annotated[tuple[str, ...], Field(description="Ids of those who were merged into this customer.")]
    exported_at: Instant
    known_by: Annotated[tuple[str, ...], Field(description="Kinds of keyed hashes by which they are found again.")]
    explanation: Annotated[Explanation | None, Field(description="Standing and score now; with the first page.")]
    items: tuple[Held, ...]
    quarantine: Annotated[tuple[HeldDelivery, ...], Field(description="With the first page.")]
    cursor: Cursor


class Proposal(Model):
    """Are these two one person?"""

    id: str
    score: Annotated[int, Field(ge=0, le=100, description="How much speaks for it.")]
    evidence: Annotated[tuple[str, ...], Field(description="Kinds of keys that both turned out to have.")]
    agree: Annotated[tuple[str, ...], Field(description="What else of them is alike.")]
    disagree: tuple[str, ...]
    at: Instant
    one: Annotated[FoundCustomer | None, Field(description="Null: erased since, or merged into another.")]
    other: FoundCustomer | None


class Proposals(Model):
    """A page, the likeliest first."""

    proposals: tuple[Proposal, ...]
    cursor: Cursor


Answered = Literal["accepted", "rejected"]


class Answer(Model):
    id: str
    state: Answered
    by: Annotated[str, Field(description="Who of the staff.")]
    at: Instant


class Other(Model):
    """Whom to merge with, or to take out."""

    other: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Our own id.")]


class AskedPoints(Model):
    """Loyalty points to be given, or, below 0, taken back."""

    points: Annotated[int, Strict(), Field(ge=-1_000_000, le=1_000_000, description="Any number but 0.")]
    reason: Annotated[str, Field(min_length=3, max_length=500, description="Shown on the timeline; erasable.")]
    reference: Annotated[
        str | None, Field(pattern=REFERENCE, description="What they are for, such as an order's id.")
    ] = None
    expires_at: Annotated[
        Told | None, Field(description="They lapse with the end of this month, in UTC; without: never.")
    ] = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.points or (self.points < 0 and self.expires_at):
            raise ValueError("any number but 0, and only what is given expires")
        return self


class PointsMoved(Model):
    """It is on its way. The same id is the event's on the timeline."""

    id: str
    customer: str
    points: int


class Kinship(Model):
    """It is on its way."""

    customer: str
    other: str


class Source(Model):
    """A vendor of one store, and how it stands with it."""

    source: str
    store: str
    heard_at: Instant
    usually_every: Annotated[float | None, Field(description="Minutes, in this hour of the week; null: not known.")]
    is_silent: Annotated[bool, Field(description="Much longer than is usual for it.")]
    silent_minutes: Annotated[int, Field(description="Since it was heard last.")]
    missing: Annotated[float, Field(description="Minutes in which something should have come since.")]
    repaired: Annotated[int, Field(description="Events that it never sent, and that were asked for and found.")]


class Sources(Model):
    sources: tuple[Source, ...]


# Templates


class TemplateLine(Model):
    """A document of texts: a template, the layout around all of them, or the words of tasks."""

    name: str
    kind: Literal["template", "layout", "tasks"]
    version: Annotated[int, Field(description="0 is the one that came with the product.")]
    channels: tuple[Channel, ...]
    locales: tuple[str, ...]
    plays: Annotated[tuple[str, ...], Field(description="Of the policy in force, those that send it.")]


class Templates(Model):
    templates: tuple[TemplateLine, ...]


class TemplateChanged(Model):
    version: Annotated[int, Field(description="The version that is in force now.")]
    warnings: tuple[str, ...]


class Revert(Model):
    version: Annotated[int, Field(ge=0, le=999_999_999, description="Whose text is to be in force again.")]


class Reading(Model):
    """Who is to read a template, and on which occasion."""

    channel: Channel = "email"
    purpose: Purpose = "marketing"
    locale: Locale | None = None
    country: Country | None = None
    state: Annotated[str | None, Field(max_length=60, description="Of the parcel: customs_hold, delayed, ...")] = None


class AskedPreview(Reading):
    customer: Annotated[
        str | None, Field(max_length=64, description="Our own id. Without: somebody who does not exist.")
    ] = None
    document: Annotated[
        Mapping[str, Any] | None, Field(description="A draft to show in the place of the template in force.")
    ] = None


class AskedTest(Reading):
    to: Annotated[
        str | None,
        Field(
            max_length=320,
            pattern=r"^([^@\s<>,;\"]+@[^@\s<>,;\"]+|\+[1-9][0-9]{6,14})$",
            description="An address of staff, or for an SMS a number. Without: `email` or `phone_number` of the token.",
        ),
    ] = None


class Preview(Model):
    """A message as it would leave."""

    locale: str
    version: int
    subject: Annotated[str, Field(description="Empty for an SMS.")]
    text: str
    html: Annotated[str, Field(description="Empty for an SMS.")]
    segments: Annotated[int | None, Field(description="How many SMS it is billed as; null for an email.")]
    warnings: tuple[str, ...]


class TemplateTested(Model):
    locale: str
    provider_id: str


class AskedHold(Model):
    """What to stop: messages of which all that is given is true. With nothing but `because`, every message."""

    play: Annotated[str | None, Field(max_length=100)] = None
    channel: Channel | None = None
    purpose: Purpose | None = None
    country: Annotated[
        AssignedCountry | None,
        Field(description="Where the customer is. Of whom nobody knows where, nothing leaves either."),
    ] = None
    because: Annotated[str, Field(min_length=3, max_length=200, description="Kept; do not name anybody.")]

    @property
    def reach(self) -> Reach:
        return Reach(play=self.play, channel=self.channel, purpose=self.purpose, country=self.country)


class HoldShown(Model):
    """One stop. What is null limits it not."""

    id: str
    play: str | None
    channel: Channel | None
    purpose: Purpose | None
    country: Country | None
    because: str
    since: Instant
    by: str
    released_at: Instant | None
    released_by: str | None


class HoldList(Model):
    in_force: tuple[HoldShown, ...]
    past: Annotated[tuple[HoldShown, ...], Field(description="The latest that were lifted, newest first.")]


class CouponPool(Model):
    """A pool of imported codes."""

    name: str
    left: Annotated[int, Field(description="Codes that nobody has drawn.")]
    is_complete: Annotated[bool, Field(description="False where there are more than were counted.")]


class CouponPools(Model):
    pools: tuple[CouponPool, ...]


class CodesAdded(Model):
    """What came of a table of codes."""

    pool: CouponPool
    added: int
    known: Annotated[int, Field(description="Codes that were in the pool before, drawn or not, or stood there twice.")]


class HeldMessage(Model):
    """A message that waits."""

    id: str
    customer: str
    play: str
    channel: Channel
    template: str
    decided_at: Instant
    not_after: Annotated[Instant, Field(description="Let go later than this, it expires.")]


class Moved(Model):
    """What somebody did with what waited."""

    hold: str
    at: Instant
    by: str
    did: Literal["released", "discarded"]
    messages: int


class HeldMessages(Model):
    """What waits under a hold."""

    hold: HoldShown
    count: int
    is_complete: Annotated[bool, Field(description="false: there are more than were counted.")]
    by_play: Mapping[str, int]
    by_channel: Mapping[str, int]
    sample: tuple[HeldMessage, ...]
    moves: tuple[Moved, ...]


class HoldMoved(Model):
    """How many messages went to their senders, to be sent or to be given up."""

    hold: HoldShown
    messages: int
    more: Annotated[bool, Field(description="Some still wait: ask again.")]


class MessageStep(Model):
    """What was decided about the play on this occasion."""

    at: Instant
    event: Annotated[str, Field(description="The type of what happened.")]
    source: str
    did: Did
    reason: str | None
    until: Instant | None


class ConsentProof(Model):
    """The last that the customer had said of this purpose and channel when the message left."""

    at: Instant
    granted: bool
    confirmed: Annotated[bool, Field(description="Said from the address itself: double opt-in.")]
    source: str
    text_version: str | None
    method: str | None


class MessageOutcome(Model):
    at: Instant
    type: str
    reason: str | None


class Why(Model):
    """Why somebody got a message."""

    message: str
    customer: str
    play: str
    occasion: str
    channel: Channel
    purpose: Purpose
    template: str
    template_version: Annotated[int | None, Field(description="0 is the one that came with the product.")]
    provider_id: str | None
    decided_at: Instant
    policy: Annotated[int, Field(description="Version of the policy by which it was decided.")]
    rule: Annotated[Mapping[str, Any] | None, Field(description="The play as that version has it.")]
    steps: tuple[MessageStep, ...]
    consent: ConsentProof | None
    checked: Annotated[
        tuple[str, ...],
        Field(description="What the sender looked at before it left: policy, consent, the customer's clocks, caps."),
    ]
    outcomes: tuple[MessageOutcome, ...]
