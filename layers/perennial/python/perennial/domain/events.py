"""What the world tells us: CloudEvents in meaning, one type for each thing that can happen to a customer.

`source` + `id` are unique together; `time` is when it happened; `type` is `object.verb`, past tense.
Personal data sits in `data.customer` and in the texts named by `TEXTS`, and nowhere else: `impersonal`
takes both out, and what it leaves is what the record and the journal may keep.
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from perennial.domain.actions import CouponMark, coupon_mark
from perennial.domain.values import (
    Amount,
    Country,
    Id,
    Locale,
    LongText,
    Model,
    Money,
    ShortText,
    TimeZone,
    Told,
    Utc,
)

REFERENCE = r"^[A-Za-z0-9#][A-Za-z0-9#._:/-]{0,99}$"
"""An id or a name such as #1001: no blanks and no @, so that it is nobody's name or address."""
SOME_LEAP_YEAR = 1904
"""Stands for the year of birth, which we do not keep outside the profile; has a 29 February."""


class Person(Model):
    """Who it was, as far as the source knows: at least one of `id`, `ids`, `email`, `phone` to be found by.

    Personal data. It travels on the queue and is kept in erasable items only.
    """

    id: Id | None = None
    """The merchant's own id of this customer (open event API)."""
    ids: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")], Id] = Field(default_factory=dict)
    """The ids that vendors gave, by vendor: {"shopify": "6940095564"}."""
    email: Annotated[str, Field(max_length=320)] | None = None
    """Where the person reads mail; lower case, the domain in ASCII."""
    phone: Annotated[str, Field(max_length=40)] | None = None
    """In E.164, such as +34600123456, where the country can be known; else its digits."""
    device: Id | None = None
    """Of the browser or the app, as the site knows it: somebody, before they say who."""
    loyalty: Id | None = None
    """The number of the shop's own card. Families share one: it finds whoever shows nothing else."""
    former: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")], Id] = Field(default_factory=dict)
    """Ids that a vendor says it has merged into the one in `ids`: {"shopify": "6940095500"}."""
    name: ShortText | None = None
    """The full name, in the person's own order."""
    first_name: ShortText | None = None
    """What messages call them by."""
    birthday: date | None = None
    """With its year; the record keeps the day alone."""
    locale: Locale | None = None
    """The language they read, and for which country: es-MX."""
    time_zone: TimeZone | None = None
    """By its name in the IANA database: America/Mexico_City. Decides what is night."""
    country: Country | None = None
    """Where they live, or have their parcels sent."""
    address: ShortText | None = None
    """Street, postal code, town, country: in one line, for people to read."""
    reach: tuple[Literal["email", "sms"], ...] = ()
    """How the person can be reached: what is left of email and phone in an impersonal event."""
    cleaned: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z]+$")], ...], Field(max_length=20)] = ()
    """What `quality` did to these fields, or found: "phone.normalised", "name.dropped", "email.misspelt"."""

    def impersonal(self) -> "Person":
        """What the record and the journal may know of a person: language, place, the day of birth without its year."""
        return NOBODY.but(
            {
                "locale": self.locale,
                "time_zone": self.time_zone,
                "country": self.country,
                "birthday": self.birthday and self.birthday.replace(year=SOME_LEAP_YEAR),
                "reach": self.channels,
                "cleaned": self.cleaned,
            }
        )

    @property
    def channels(self) -> tuple[Literal["email", "sms"], ...]:
        found: list[Literal["email", "sms"]] = []
        if self.email or "email" in self.reach:
            found.append("email")
        if self.phone or "sms" in self.reach:
            found.append("sms")
        return tuple(found)


NOBODY = Person()


def _nobody() -> Person:
    return NOBODY


class Item(Model):
    product: Id
    """The product, not its variant."""
    quantity: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    """How many pieces."""
    name: ShortText | None = None
    """What it is called in the shop."""
    price: Amount | None = None
    """Of one piece, in the order's currency."""


class Redeemed(Model):
    """A coupon that an order was paid with."""

    code: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """As it was typed. Not kept: some bear a name."""
    mark: CouponMark | None = None
    """What is kept of the code, made of it by Perennial itself."""
    off: Amount | None = None
    """What it took off, in the order's currency."""
    base: Amount | None = None
    """The same in the merchant's base currency, where the vendor says it; otherwise the policy's rates tell."""

    def impersonal(self) -> "Redeemed":
        return self.but({"code": None, "mark": coupon_mark(self.code)}) if self.code else self


class OrderFacts(Model):
    """An order as one event tells of it. Only the id is sure; the rest is what this event knows."""

    id: Id
    """The shop's own id, by which refunds, parcels and tickets name it."""
    name: Annotated[str, Field(max_length=100)] | None = None
    """What people call it: "#1001"."""
    placed_at: Told | None = None
    """When the customer ordered."""
    total: Money | None = None
    """What the customer pays, with tax and shipping, in the currency they saw."""
    base: Amount | None = None
    """The total in the merchant's base currency, where the vendor says it; otherwise the policy's rates tell."""
    country: Country | None = None
    """Where it is sent, else where it is paid."""
    cart: Id | None = None
    """The cart or checkout it came from."""
    promised_at: Told | None = None
    """By when it was promised to arrive."""
    items: Annotated[tuple[Item, ...], Field(max_length=500)] = ()
    """What was ordered. Not kept in the record, nor in the journal."""
    coupons: Annotated[tuple[Redeemed, ...], Field(max_length=20)] = ()
    """With which coupons it was paid."""


class Refund(Model):
    id: Id
    """The shop's own id; told twice, it counts once."""
    total: Money
    """What was paid back, in the currency of the payment."""
    base: Amount | None = None
    """The same in the merchant's base currency, where the vendor says it."""
    in_all: bool = False
    """It is the sum of all that went back so far: the source does not tell one refund from another."""


class Shipped(Model):
    """A parcel, as the shop names it."""

    tracking: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """The carrier's number of the parcel."""
    carrier: Annotated[str, Field(max_length=100)] | None = None
    """Who carries it, by name or code."""


class ShipmentState(StrEnum):
    """The one dictionary that every carrier's words are mapped to."""

    LABEL_CREATED = "label_created"
    IN_TRANSIT = "in_transit"
    CUSTOMS_HOLD = "customs_hold"
    CUSTOMS_CLEARED = "customs_cleared"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    DELAYED = "delayed"
    EXCEPTION = "exception"
    RETURNED = "returned"
    LOST = "lost"


class ShipmentFacts(Model):
    tracking: Annotated[str, Field(min_length=1, max_length=100)]
    """The carrier's number of the parcel."""
    carrier: Annotated[str, Field(max_length=100)] | None = None
    """Who carries it, by name or code."""
    state: ShipmentState
    """What became of it, in our own words."""
    order: Id | None = None
    """The order that it carries, by the shop's id."""
    order_name: Annotated[str, Field(max_length=100)] | None = None
    """The order by what people call it, where the carrier knows no more."""
    promised_at: Told | None = None
    """When the carrier expects to deliver it."""


class TicketFacts(Model):
    id: Id
    """The help desk's own id."""
    opened_at: Told | None = None
    """When the conversation began."""
    channel: Annotated[str, Field(max_length=40)] | None = None
    """Where it was held: email, chat, phone, wechat."""
    by: Literal["customer", "agent", "bot"] = "customer"
    """Who said this; only the customer's words count as a sign of life."""
    intent: Annotated[str, Field(max_length=60)] | None = None
    """What it is about: return, delay, how-to, before-purchase, complaint, dispute, or the desk's own word."""
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = None
    """What the customer wrote, from -1 (bitter) to 1 (glad); None is an honest 'unknown'."""
    order: Id | None = None
    """The order that it is about."""
    subject: ShortText | None = None
    """Its title. A text: kept erasable, apart from the record."""
    text: LongText | None = None
    """What was written. A text: kept erasable, apart from the record."""


class CustomerData(Model):
    customer: Person = Field(default_factory=_nobody)
    """Whose event it is."""


class OrderData(CustomerData):
    order: OrderFacts
    """The order, as far as this event tells."""


class ShippedData(OrderData):
    shipment: Shipped = Field(default_factory=Shipped)
    """The parcel that left."""


class RefundData(OrderData):
    refund: Refund
    """The money that went back."""


class ReturnData(OrderData):
    reason: ShortText | None = None
    """Why it came back, in somebody's words: kept erasable, apart from the record."""


class Cart(Model):
    id: Id
    """The shop's own id, which the order made of it repeats as `cart`."""
    total: Money | None = None
    """What it would cost."""
    url: Annotated[str, Field(max_length=2_000)] | None = None
    """Where the customer finds the cart again. A secret link: it is kept with the texts, not in the record."""
    items: Annotated[tuple[Item, ...], Field(max_length=500)] = ()
    """What is in it. Not kept in the record."""


class CartData(CustomerData):
    cart: Cart
    """The cart that was left standing."""


class ShipmentData(CustomerData):
    shipment: ShipmentFacts
    """The parcel, as far as this event tells."""


class TicketData(CustomerData):
    ticket: TicketFacts
    """The conversation, as far as this event tells."""


class SurveyData(CustomerData):
    """An answer on its own scale: CSAT 1 to 5, NPS 0 to 10, CES 1 to 7."""

    survey: Literal["csat", "nps", "ces"]
    """Which question was answered, and so on which scale."""
    score: float
    """The mark on that scale."""
    ticket: Id | None = None
    """The conversation that it is about."""
    order: Id | None = None
    """The order that it is about."""
    text: LongText | None = None
    """What was written beside the mark: kept erasable, apart from the record."""

    @property
    def scale(self) -> tuple[int, int]:
        return {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}[self.survey]

    @model_validator(mode="after")
    def _on_its_scale(self) -> Self:
        low, high = self.scale
        if not low <= self.score <= high:
            raise ValueError(f"{self.survey} is answered on {low} to {high}")
        return self


class ReviewData(CustomerData):
    id: Id
    """The shop's own id of the review."""
    rating: Annotated[float, Field(ge=1, le=5)]
    """Stars, from 1 to 5."""
    product: Id | None = None
    """The product that was judged."""
    order: Id | None = None
    """The order that brought it."""
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = None
    """What was written, from -1 (bitter) to 1 (glad); None is an honest 'unknown'."""
    text: LongText | None = None
    """What was written: kept erasable, apart from the record."""


class ProductData(CustomerData):
    product: Id | None = None
    """The product that was viewed, activated or used."""
    order: Id | None = None
    """The order that brought the product, where the source knows it."""


class RecommendationData(CustomerData):
    recommendation: Id
    """The recommendation that was clicked."""
    product: Id | None = None
    """The product that it recommended."""


ENDED_BY_STOP: tuple[Literal["marketing", "service"], ...] = ("marketing", "service")
"""All that needs consent: who answers STOP means all of it, and START brings back what STOP took."""


class ConsentData(CustomerData):
    purpose: Literal["service", "marketing"] = "marketing"
    """What the customer lets us write about."""
    channel: Literal["email", "sms"]
    """By which way."""
    granted: bool
    """Given, or withdrawn."""
    confirmed: bool = False
    """Said from the address itself: by the link in a message to it (double opt-in)."""
    text_version: Annotated[str, Field(max_length=100)] | None = None
    """Which wording the customer saw."""
    method: Annotated[str, Field(max_length=100)] | None = None
    """Where and how: "checkout", "preference page", "STOP by SMS"."""


class MessageData(CustomerData):
    action: Id
    """Our own id of the message."""
    about: Annotated[str, Field(max_length=300)] | None = None
    """The occasion that it was sent for: an order, a parcel and its state."""
    subject: Mapping[str, str] = Field(default_factory=dict)
    """Occasion and subject of the action, so that one that was deferred can be taken up again."""
    channel: Literal["email", "sms"]
    """By which way it went."""
    play: Annotated[str, Field(max_length=100)] | None = None
    """The play that asked for it."""
    template: Annotated[str, Field(max_length=100)] | None = None
    """The text that it was made of."""
    template_version: Annotated[int, Field(ge=0, le=999_999_999)] | None = None
    """Of the text that left; 0 is the one that came with the product."""
    coupon: CouponMark | None = None
    """The mark of the code that it carried, where it has left, or may have."""
    checked: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    """What its sender looked at before it left, and found: policy, consent, the customer's clocks, caps."""
    purpose: Literal["transactional", "service", "marketing"] | None = None
    """Which rules of consent, caps and quiet hours it fell under."""
    reason: Annotated[str, Field(max_length=200)] | None = None
    """Why it failed or waits, in the words of `channels.outbox`."""
    until: Utc | None = None
    """Of `message.deferred`: the first instant at which it may leave."""
    not_after: Utc | None = None
    """Of `message.deferred`: until when it may still leave, however often it is put off."""
    read_at: Told | None = None
    """Of `message.opened` and `message.clicked`: when a person did that. None where a machine may have."""
    provider_id: Annotated[str, Field(max_length=200)] | None = None
    """The provider's own id of the message."""
    keyword: Literal["help"] | None = None
    """What a reply of one word asks for (domain/keywords.py); STOP and START are `consent.changed`."""
    text: LongText | None = None
    """What the customer answered, or the provider said of a failure: kept erasable, apart from the record."""


class AgentData(CustomerData):
    agent: Id
    """Who it was, by the id in their token."""
    did: Annotated[str, Field(max_length=60)]
    """What they did: called, granted, closed."""
    task: Id | None = None
    """The task of the desk that they did it for."""
    ticket: Id | None = None
    """The conversation that they did it in."""
    text: LongText | None = None
    """Their note: kept erasable, apart from the record."""


class PointsData(CustomerData):
    """Points of a loyalty programme, and what they are about."""

    points: Annotated[int, Strict(), Field(ge=1, le=1_000_000_000)]
    """How many."""
    reference: Annotated[str, Field(pattern=REFERENCE)] | None = None
    """What they are for, by its own id or name: an order, a campaign. Nobody's name or address."""
    reason: ShortText | None = None
    """Why, in somebody's words: kept erasable, apart from the record."""
    play: Annotated[str, Field(max_length=100)] | None = None
    """The play that gave them."""
    by: Annotated[str, Field(max_length=200)] | None = None
    """Who of the staff it was, by the id in their token."""


class PointsGivenData(PointsData):
    expires_at: Told | None = None
    """They lapse with the end of this month, in UTC; without: never."""


class PointsAdjustedData(PointsGivenData):
    points: Annotated[int, Strict(), Field(ge=-1_000_000_000, le=1_000_000_000)]
    """How many more, or, below zero, fewer."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.points or (self.points < 0 and self.expires_at):
            raise ValueError("points are adjusted by more or less than 0, and only what is given expires")
        return self


class MergeData(CustomerData):
    """Two customers who are one person, by our own ids; the event's own `customer` is one of them."""

    other: Id
    """The customer who is one with this one from now on."""
    evidence: tuple[Annotated[str, Field(max_length=40)], ...] = ()
    """Kinds of what they have in common, never the thing itself: "email", "device"."""
    score: Annotated[int, Field(ge=0, le=100)] | None = None
    """How likely both are one person, from 0 to 100."""
    by: Annotated[str, Field(max_length=200)] = "rule"
    """Who said so: "rule", "vendor", or the id of somebody of the staff."""


class UnmergeData(CustomerData):
    """They are two after all."""

    other: Id
    """Who is to be taken out of the customer whom the event names."""
    by: Annotated[str, Field(max_length=200)]
    """Who took them apart again."""


class TimerData(CustomerData):
    armed: Annotated[str, Field(max_length=100)]
    """The entry of the due index that came due."""


class PolicyData(CustomerData):
    version: int
    """The version that is in force from now on."""


class PrivacyData(CustomerData):
    """What a person, or the law, asks of us about their data. `privacy/` answers it; facts know nothing of it."""

    request: Literal["erase", "export", "erase_shop"]
    """What is asked for. `erase_shop` names no customer: everything of the event's store is meant."""
    request_id: Id
    """The asker's own number of it; the same request told twice is answered once."""
    due_at: Told | None = None
    """Until when the law, or the vendor, wants it done."""


class BaseEvent(Model):
    specversion: Literal["1.0"] = "1.0"
    """Of CloudEvents."""
    id: Annotated[str, Field(min_length=1, max_length=300)]
    """The source's own id of what happened; with `source` it names the event for good."""
    source: Annotated[str, Field(min_length=1, max_length=300)]
    """Who says it: a vendor, `open/<system>`, or ourselves."""
    store: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """The merchant's shop that this belongs to; ids of different stores never meet."""
    time: Told
    """When it happened, not when we heard of it."""
    customer: Id | None = None
    """Our own id of the customer, where the sender knows it: our sweep and our outboxes. Outsiders may not say it."""
    history: bool = False
    """Loaded from the merchant's past: it is folded and judged, and no play begins or fires. Only imports say it."""

    @model_serializer(mode="wrap")
    def _with_type(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The type is every class's default, and the one default that must be written."""
        kind: str = self.type  # type: ignore[attr-defined]  # each concrete event names its own
        return {"type": kind, **serialize(self)}

    def to_json(self) -> str:
        """The canonical JSON: what travels on queues, and what `parse_event` reads."""
        return self.model_dump_json(exclude_defaults=True)


class OrderPlaced(BaseEvent):
    type: Literal["order.placed"] = "order.placed"
    data: OrderData


class OrderPaid(BaseEvent):
    type: Literal["order.paid"] = "order.paid"
    data: OrderData


class OrderShipped(BaseEvent):
    type: Literal["order.shipped"] = "order.shipped"
    data: ShippedData


class OrderDelivered(BaseEvent):
    type: Literal["order.delivered"] = "order.delivered"
    data: OrderData


class OrderCancelled(BaseEvent):
    type: Literal["order.cancelled"] = "order.cancelled"
    data: OrderData


class OrderRefunded(BaseEvent):
    type: Literal["order.refunded"] = "order.refunded"
    data: RefundData


class OrderReturned(BaseEvent):
    type: Literal["order.returned"] = "order.returned"
    data: ReturnData


class CartAbandoned(BaseEvent):
    """The cart was last touched at `time` and not ordered. The play's own wait decides when that counts."""

    type: Literal["cart.abandoned"] = "cart.abandoned"
    data: CartData


class ShipmentUpdated(BaseEvent):
    type: Literal["shipment.updated"] = "shipment.updated"
    data: ShipmentData


class TicketOpened(BaseEvent):
    type: Literal["ticket.opened"] = "ticket.opened"
    data: TicketData


class TicketReplied(BaseEvent):
    type: Literal["ticket.replied"] = "ticket.replied"
    data: TicketData


class TicketResolved(BaseEvent):
    type: Literal["ticket.resolved"] = "ticket.resolved"
    data: TicketData


class TicketReopened(BaseEvent):
    type: Literal["ticket.reopened"] = "ticket.reopened"
    data: TicketData


class SurveyAnswered(BaseEvent):
    type: Literal["survey.answered"] = "survey.answered"
    data: SurveyData


class ReviewPosted(BaseEvent):
    type: Literal["review.posted"] = "review.posted"
    data: ReviewData


class ProductViewed(BaseEvent):
    type: Literal["product.viewed"] = "product.viewed"
    data: ProductData


class ProductActivated(BaseEvent):
    type: Literal["product.activated"] = "product.activated"
    data: ProductData


class ProductUsed(BaseEvent):
    type: Literal["product.used"] = "product.used"
    data: ProductData


class CustomerSignedUp(BaseEvent):
    type: Literal["customer.signed_up"] = "customer.signed_up"
    data: CustomerData


class CustomerUpdated(BaseEvent):
    type: Literal["customer.updated"] = "customer.updated"
    data: CustomerData


class CustomerDeleted(BaseEvent):
    """The source deleted its customer. We stop contacting; erasing a person is a request of its own."""

    type: Literal["customer.deleted"] = "customer.deleted"
    data: CustomerData


class CustomerMerged(BaseEvent):
    type: Literal["customer.merged"] = "customer.merged"
    data: MergeData


class CustomerUnmerged(BaseEvent):
    type: Literal["customer.unmerged"] = "customer.unmerged"
    data: UnmergeData


class ConsentChanged(BaseEvent):
    type: Literal["consent.changed"] = "consent.changed"
    data: ConsentData


class MessageSent(BaseEvent):
    type: Literal["message.sent"] = "message.sent"
    data: MessageData


class MessageDeferred(BaseEvent):
    """A sender found the hour wrong: the action goes back to wait on the record, once."""

    type: Literal["message.deferred"] = "message.deferred"
    data: MessageData


class MessageDelivered(BaseEvent):
    type: Literal["message.delivered"] = "message.delivered"
    data: MessageData


class MessageOpened(BaseEvent):
    type: Literal["message.opened"] = "message.opened"
    data: MessageData


class MessageClicked(BaseEvent):
    type: Literal["message.clicked"] = "message.clicked"
    data: MessageData


class MessageBounced(BaseEvent):
    type: Literal["message.bounced"] = "message.bounced"
    data: MessageData


class MessageComplained(BaseEvent):
    type: Literal["message.complained"] = "message.complained"
    data: MessageData


class MessageReplied(BaseEvent):
    type: Literal["message.replied"] = "message.replied"
    data: MessageData


class MessageFailed(BaseEvent):
    type: Literal["message.failed"] = "message.failed"
    data: MessageData


class PrivacyRequested(BaseEvent):
    type: Literal["privacy.requested"] = "privacy.requested"
    data: PrivacyData


class RecommendationClicked(BaseEvent):
    type: Literal["recommendation.clicked"] = "recommendation.clicked"
    data: RecommendationData


class PointsEarned(BaseEvent):
    type: Literal["points.earned"] = "points.earned"
    data: PointsGivenData


class PointsSpent(BaseEvent):
    type: Literal["points.spent"] = "points.spent"
    data: PointsData


class PointsAdjusted(BaseEvent):
    """Somebody of the staff, or of another system, put the account right."""

    type: Literal["points.adjusted"] = "points.adjusted"
    data: PointsAdjustedData


class PointsExpired(BaseEvent):
    """Another system let points lapse. Those that were told with `expires_at` lapse by themselves: tell one or the
    other."""

    type: Literal["points.expired"] = "points.expired"
    data: PointsData


class AgentActed(BaseEvent):
    type: Literal["agent.acted"] = "agent.acted"
    data: AgentData


class TimerDue(BaseEvent):
    type: Literal["timer.due"] = "timer.due"
    data: TimerData


class PolicyChanged(BaseEvent):
    type: Literal["policy.changed"] = "policy.changed"
    data: PolicyData


Event = (
    OrderPlaced
    | OrderPaid
    | OrderShipped
    | OrderDelivered
    | OrderCancelled
    | OrderRefunded
    | OrderReturned
    | CartAbandoned
    | ShipmentUpdated
    | TicketOpened
    | TicketReplied
    | TicketResolved
    | TicketReopened
    | SurveyAnswered
    | ReviewPosted
    | ProductViewed
    | ProductActivated
    | ProductUsed
    | CustomerSignedUp
    | CustomerUpdated
    | CustomerDeleted
    | CustomerMerged
    | CustomerUnmerged
    | ConsentChanged
    | MessageSent
    | MessageDeferred
    | MessageDelivered
    | MessageOpened
    | MessageClicked
    | MessageBounced
    | MessageComplained
    | MessageReplied
    | MessageFailed
    | PrivacyRequested
    | RecommendationClicked
    | PointsEarned
    | PointsSpent
    | PointsAdjusted
    | PointsExpired
    | AgentActed
    | TimerDue
    | PolicyChanged
)

OrderEvent = OrderPlaced | OrderPaid | OrderShipped | OrderDelivered | OrderCancelled | OrderRefunded | OrderReturned
TicketEvent = TicketOpened | TicketReplied | TicketResolved | TicketReopened
PointsEvent = PointsEarned | PointsSpent | PointsAdjusted | PointsExpired

_MODELS: Mapping[str, type[Event]] = {each.model_fields["type"].default: each for each in Event.__args__}
EVENT_TYPES = tuple(_MODELS)
"""Every type there is, in the order of DESIGN section 3."""


class _ByType:
    """Reads and writes an event by the model of its own type, which is built when the first of that type comes.

    A union of all would be built as a whole, which costs a cold start 60 ms.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_by_type)


def _by_type(said: Any) -> Event:
    if isinstance(said, BaseEvent):
        return said  # type: ignore[return-value]  # only concrete events are ever made
    kind = said.get("type") if isinstance(said, dict) else None
    if (model := _MODELS.get(str(kind))) is None:
        raise ValueError("type: should be an event type")
    return model.model_validate(said)


AnyEvent = Annotated[Event, _ByType]
event_adapter: TypeAdapter[Event] = TypeAdapter(
    AnyEvent, config=ConfigDict(defer_build=True, hide_input_in_errors=True)
)

TEXTS = ("subject", "text", "url")
"""Fields of the things in `data` that hold what people wrote, or secret links: kept as erasable content."""
_WITH_TEXTS = (TicketFacts, Cart)


def impersonal(event: Event) -> Event:
    """The event without personal data and texts: all that facts may be folded from, and what the journal keeps."""
    data = event.data
    things, texts = _fields_with_texts(type(data))
    changes: dict[str, Any] = {text: None for text in texts if getattr(data, text) is not None}
    if data.customer is not NOBODY:
        changes["customer"] = data.customer.impersonal()
    for name in things:
        thing: Model = getattr(data, name)
        _, inner = _fields_with_texts(type(thing))
        if any(getattr(thing, text) is not None for text in inner):
            changes[name] = thing.but(dict.fromkeys(inner))
    if isinstance(data, OrderData) and (data.order.items or data.order.coupons):
        coupons = tuple(coupon.impersonal() for coupon in data.order.coupons)
        changes["order"] = data.order.but({"items": (), "coupons": coupons})
    return event.but({"data": data.but(changes)}) if changes else event


@cache
def _fields_with_texts(kind: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(fields that hold things with texts, fields that are texts) of this model."""
    # of a message, subject (what it is about) and reason are our own words
    texts = ("text",) if kind is MessageData else (*TEXTS, "reason")
    return (
        tuple(name for name, field in kind.model_fields.items() if field.annotation in _WITH_TEXTS),
        tuple(name for name in texts if name in kind.model_fields),
    )


def texts_of(event: Event) -> dict[str, str]:
    """What people wrote, by field; empty for most events."""
    things, _ = _fields_with_texts(type(event.data))
    holders: list[Model] = [event.data, *(getattr(event.data, name) for name in things)]
    return {
        name: text
        for holder in holders
        for name in _fields_with_texts(type(holder))[1]
        if (text := getattr(holder, name)) is not None
    }


_OPENING = re.compile(r'\{"type":"([a-z_.]+)"')
"""How `to_json` begins."""


def parse_event(body: str | bytes) -> Event:
    """Read one canonical event from JSON. Raises pydantic's `ValidationError`, which lists every mistake."""
    text = body if isinstance(body, str) else body.decode(errors="replace")
    if (opening := _OPENING.match(text)) and (model := _MODELS.get(opening[1])):
        return model.model_validate_json(body)
    return event_adapter.validate_json(body)
