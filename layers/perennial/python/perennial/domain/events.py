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
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

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
    phone: Annotated[str, Field(max_length=40)] | None = None
    name: ShortText | None = None
    first_name: ShortText | None = None
    birthday: date | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None
    country: Country | None = None
    address: ShortText | None = None
    reach: tuple[Literal["email", "sms"], ...] = ()
    """How the person can be reached: what is left of email and phone in an impersonal event."""

    def impersonal(self) -> "Person":
        """What the record and the journal may know of a person: language, place, the day of birth without its year."""
        return NOBODY.but(
            {
                "locale": self.locale,
                "time_zone": self.time_zone,
                "country": self.country,
                "birthday": self.birthday and self.birthday.replace(year=SOME_LEAP_YEAR),
                "reach": self.channels,
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
    quantity: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    name: ShortText | None = None
    price: Amount | None = None


class OrderFacts(Model):
    """An order as one event tells of it. Only the id is sure; the rest is what this event knows."""

    id: Id
    name: Annotated[str, Field(max_length=100)] | None = None
    """What people call it: "#1001"."""
    placed_at: Told | None = None
    total: Money | None = None
    base: Amount | None = None
    """The total in the merchant's base currency, where the vendor says it; otherwise the policy's rates tell."""
    country: Country | None = None
    cart: Id | None = None
    """The cart or checkout it came from."""
    promised_at: Told | None = None
    items: Annotated[tuple[Item, ...], Field(max_length=500)] = ()


class Refund(Model):
    id: Id
    total: Money
    base: Amount | None = None


class Shipped(Model):
    """A parcel, as the shop names it."""

    tracking: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    carrier: Annotated[str, Field(max_length=100)] | None = None


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
    carrier: Annotated[str, Field(max_length=100)] | None = None
    state: ShipmentState
    order: Id | None = None
    order_name: Annotated[str, Field(max_length=100)] | None = None
    promised_at: Told | None = None


class TicketFacts(Model):
    id: Id
    opened_at: Told | None = None
    channel: Annotated[str, Field(max_length=40)] | None = None
    by: Literal["customer", "agent", "bot"] = "customer"
    intent: Annotated[str, Field(max_length=60)] | None = None
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = None
    """What the customer wrote, from -1 (bitter) to 1 (glad); None is an honest 'unknown'."""
    order: Id | None = None
    subject: ShortText | None = None
    text: LongText | None = None


class CustomerData(Model):
    customer: Person = Field(default_factory=_nobody)


class OrderData(CustomerData):
    order: OrderFacts


class ShippedData(OrderData):
    shipment: Shipped = Field(default_factory=Shipped)


class RefundData(OrderData):
    refund: Refund


class ReturnData(OrderData):
    reason: ShortText | None = None


class Cart(Model):
    id: Id
    total: Money | None = None
    url: Annotated[str, Field(max_length=2_000)] | None = None
    """Where the customer finds the cart again. A secret link: it is kept with the texts, not in the record."""
    items: Annotated[tuple[Item, ...], Field(max_length=500)] = ()


class CartData(CustomerData):
    cart: Cart


class ShipmentData(CustomerData):
    shipment: ShipmentFacts


class TicketData(CustomerData):
    ticket: TicketFacts


class SurveyData(CustomerData):
    """An answer on its own scale: CSAT 1 to 5, NPS 0 to 10, CES 1 to 7."""

    survey: Literal["csat", "nps", "ces"]
    score: float
    ticket: Id | None = None
    order: Id | None = None
    text: LongText | None = None

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
    rating: Annotated[float, Field(ge=1, le=5)]
    product: Id | None = None
    order: Id | None = None
    sentiment: Annotated[float, Field(ge=-1, le=1)] | None = None
    text: LongText | None = None


class ProductData(CustomerData):
    product: Id | None = None
    order: Id | None = None
    """The order that brought the product, where the source knows it."""


class RecommendationData(CustomerData):
    recommendation: Id
    product: Id | None = None


class ConsentData(CustomerData):
    purpose: Literal["service", "marketing"] = "marketing"
    channel: Literal["email", "sms"]
    granted: bool
    text_version: Annotated[str, Field(max_length=100)] | None = None
    """Which wording the customer saw."""
    method: Annotated[str, Field(max_length=100)] | None = None
    """Where and how: "checkout", "preference page", "STOP by SMS"."""


class MessageData(CustomerData):
    action: Id
    about: Annotated[str, Field(max_length=300)] | None = None
    subject: Mapping[str, str] = Field(default_factory=dict)
    """Occasion and subject of the action, so that one that was deferred can be taken up again."""
    channel: Literal["email", "sms"]
    play: Annotated[str, Field(max_length=100)] | None = None
    template: Annotated[str, Field(max_length=100)] | None = None
    purpose: Literal["transactional", "service", "marketing"] | None = None
    reason: Annotated[str, Field(max_length=200)] | None = None
    """Why it failed or waits, in the words of `channels.outbox`."""
    until: Utc | None = None
    """Of `message.deferred`: the first instant at which it may leave."""
    provider_id: Annotated[str, Field(max_length=200)] | None = None
    text: LongText | None = None


class AgentData(CustomerData):
    agent: Id
    did: Annotated[str, Field(max_length=60)]
    task: Id | None = None
    ticket: Id | None = None
    text: LongText | None = None


class TimerData(CustomerData):
    armed: Annotated[str, Field(max_length=100)]
    """The entry of the due index that came due."""


class PolicyData(CustomerData):
    version: int


class BaseEvent(Model):
    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Field(min_length=1, max_length=300)]
    source: Annotated[str, Field(min_length=1, max_length=300)]
    store: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    """The merchant's shop that this belongs to; ids of different stores never meet."""
    time: Told
    customer: Id | None = None
    """Our own id of the customer, where the sender knows it: our sweep and our outboxes. Outsiders may not say it."""

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


class RecommendationClicked(BaseEvent):
    type: Literal["recommendation.clicked"] = "recommendation.clicked"
    data: RecommendationData


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
    | RecommendationClicked
    | AgentActed
    | TimerDue
    | PolicyChanged
)

OrderEvent = OrderPlaced | OrderPaid | OrderShipped | OrderDelivered | OrderCancelled | OrderRefunded | OrderReturned
TicketEvent = TicketOpened | TicketReplied | TicketResolved | TicketReopened

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
    if isinstance(data, OrderData) and data.order.items:
        changes["order"] = data.order.but({"items": ()})
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
