"""WooCommerce: signed over the raw body with the webhook's secret; an order tells every state it is in.

It never sends a delivery again, so its REST API is polled as well (`perennial.reconciling`). Both say the same object
word for word, and an event is named after the object and when it was changed, so that the two are one event.

What its statuses mean here: an order that waits for its payment, or whose payment failed, is a cart left at the till;
it counts as placed once it is on hold, being processed, or paid. "Completed" says that the shop has done its part:
shipped. When a parcel arrives, only a carrier knows.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from pydantic import ValidationError

from perennial.domain.events import (
    Cart,
    CartAbandoned,
    CartData,
    CustomerData,
    CustomerDeleted,
    CustomerSignedUp,
    CustomerUpdated,
    Event,
    Item,
    OrderCancelled,
    OrderData,
    OrderFacts,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    Person,
    Redeemed,
    Refund,
    RefundData,
    Shipped,
    ShippedData,
)
from perennial.domain.values import Money, iso
from perennial.sources import Headers, Ignored, NotUnderstood, Ping, whole
from perennial.sources import woocommerce_payloads as said
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    MOST_COUPONS,
    Delivery,
    country,
    coupon_code,
    cut,
    fingerprint,
    taken_off,
    understanding,
)
from perennial.sources.signatures import hmac_sha256_base64, require_signature

Events = tuple[Event, ...]

HEADERS = frozenset({"x-wc-webhook-topic"})
MEDIA_TYPES: frozenset[str] = frozenset()

UNPAID = frozenset({"pending", "failed"})
PLACED = frozenset({"on-hold", "processing", "completed", "refunded"})
DRAFTS = frozenset({"checkout-draft", "auto-draft", "trash"})
PARCELS = "_wc_shipment_tracking_items"

IGNORED_RESOURCES: Mapping[str, str] = {
    "coupon": "a coupon is nobody's yet",
    "product": "the catalogue says nothing about a customer",
    "action": "a hook of the shop's own",
}
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """Raises `Ping` for the request with which a new webhook tries its address: unsigned, and it carries nothing."""
    if _PING.fullmatch(body) and "x-wc-webhook-signature" not in headers:
        raise Ping("WooCommerce tries the address")
    given = headers.get("x-wc-webhook-signature")
    require_signature([given], (hmac_sha256_base64(secret, body) for secret in secrets))


split = whole


@understanding
def translate(headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    topic = headers.get("x-wc-webhook-topic", "")
    resource = topic.partition(".")[0]
    if resource in IGNORED_RESOURCES:
        raise Ignored(f"{resource}: {IGNORED_RESOURCES[resource]}")
    if topic == "order.deleted":
        raise NotUnderstood("needs a person: an order was deleted in the shop; it is kept here until someone decides")
    if topic not in TOPICS:
        raise NotUnderstood("the X-WC-Webhook-Topic header names no topic that Perennial reads")
    return TOPICS[topic](body, store, received_at)


def _delivery(resource: str, thing: said.Order | said.Customer, body: bytes, store: str, at: datetime) -> Delivery:
    """Named after the object and its last change: a delivery's own id differs between two that say the same."""
    changed = thing.date_modified_gmt or thing.date_created_gmt
    name = f"{resource}:{thing.id}:{iso(changed) if changed else fingerprint(body)}"
    return Delivery("woocommerce", name, store, changed or at, body)


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _order(body: bytes, store: str, received_at: datetime) -> Events:
    order = said.Order.model_validate_json(body)
    if order.status in DRAFTS:
        raise Ignored(f"an order that is {order.status}: nothing was bought")
    delivery = _delivery("order", order, body, store, received_at)
    if order.status in UNPAID and order.date_paid_gmt is None:
        return _left_at_the_till(delivery, order)
    return _states(delivery, order)


def _states(delivery: Delivery, order: said.Order) -> Events:
    """Every state that the fields tell, each as its own event. A status of a plugin's own tells none by itself."""
    facts = _facts(order)
    states = (
        *([_placed(delivery, order)] if order.status in PLACED or order.date_paid_gmt else []),
        *([delivery.event(OrderPaid, order.date_paid_gmt, facts)] if order.date_paid_gmt else []),
        *_shipped(delivery, order, facts),
        *([delivery.event(OrderCancelled, None, facts)] if order.status == "cancelled" else []),
        *(_refund(delivery, order, refund, facts) for refund in order.refunds),
    )
    if not states:
        raise NotUnderstood("status: a status of the shop's own; map it to one of WooCommerce's, or ignore this order")
    return states


def _placed(delivery: Delivery, order: said.Order) -> OrderPlaced:
    facts = _facts(order)
    bought = facts.order.but({"items": _items(order)})
    return delivery.event(OrderPlaced, order.date_created_gmt, facts.but({"order": bought}))


def _facts(order: said.Order) -> OrderData:
    facts = OrderFacts(
        id=order.id,
        name=f"#{order.number}" if order.number else None,
        placed_at=order.date_created_gmt,
        total=Money(amount=order.total, currency=order.currency),
        country=_country(order.shipping, order.billing),
        cart=_cart_id(order),
        coupons=tuple(_coupons(order.coupon_lines)),
    )
    return OrderData(customer=_buyer(order), order=facts)


def _coupons(lines: Sequence[said.CouponLine]) -> Iterator[Redeemed]:
    for line in lines[:MOST_COUPONS]:
        if code := coupon_code(line.code):
            yield Redeemed(code=code, off=taken_off(line.discount + line.discount_tax))


def _shipped(delivery: Delivery, order: said.Order, facts: OrderData) -> Events:
    """Once for each parcel that a tracking plugin names; else once, when the shop says that it has done its part."""
    parcels = [parcel for parcel in _parcels(order) if parcel.tracking_number]
    if not parcels and order.date_completed_gmt:
        return (delivery.event(OrderShipped, order.date_completed_gmt, _shipment(facts, Shipped())),)
    at = order.date_completed_gmt or order.date_modified_gmt
    return tuple(
        delivery.event(OrderShipped, at, _shipment(facts, _label(parcel)), parcel.tracking_number or "")
        for parcel in parcels
    )


def _label(parcel: said.Parcel) -> Shipped:
    carrier = parcel.tracking_provider or parcel.custom_tracking_provider
    return Shipped(tracking=cut(parcel.tracking_number, 100), carrier=cut(carrier, 100))


def _shipment(facts: OrderData, label: Shipped) -> ShippedData:
    return ShippedData(customer=facts.customer, order=facts.order, shipment=label)


def _parcels(order: said.Order) -> tuple[said.Parcel, ...]:
    """What a plugin wrote in a shape that we do not know is the plugin's own affair: the order counts all the same."""
    listed = next((meta.value for meta in order.meta_data if meta.key == PARCELS), None)
    if not isinstance(listed, list):
        return ()
    try:
        return tuple(said.Parcel.model_validate(entry) for entry in listed[: said.MOST_ITEMS])
    except ValidationError:
        return ()


def _refund(delivery: Delivery, order: said.Order, refund: said.Refund, facts: OrderData) -> OrderRefunded:
    """An order does not say when its refunds were: when it was changed is the latest that it can have been."""
    total = Money(amount=abs(refund.total), currency=order.currency)
    data = RefundData(customer=facts.customer, order=facts.order, refund=Refund(id=refund.id, total=total))
    return delivery.event(OrderRefunded, None, data, refund.id)


def _left_at_the_till(delivery: Delivery, order: said.Order) -> Events:
    buyer = _buyer(order)
    if not (buyer.ids or buyer.email or buyer.phone):
        raise Ignored("an unpaid order before anyone said who they are")
    total = Money(amount=order.total, currency=order.currency)
    cart = Cart(id=_cart_id(order), total=total, url=cut(order.payment_url, 2_000), items=_items(order))
    return (delivery.event(CartAbandoned, None, CartData(customer=buyer, cart=cart)),)


def _cart_id(order: said.Order) -> str:
    return f"order-{order.id}"


def _items(order: said.Order) -> tuple[Item, ...]:
    return tuple(
        Item(
            product=line.product_id or line.id or "unnamed",
            quantity=_whole(line.quantity),
            name=cut(line.name, LONGEST_SHORT_TEXT),
            price=_fine_price(line.price),
        )
        for line in order.line_items[: said.MOST_ITEMS]
    )


def _whole(quantity: Decimal) -> int:
    """Shops that sell by weight write half a kilogram as 0.5: one thing was bought. Odd numbers stay in bounds."""
    return int(min(max(Decimal(0), quantity.quantize(Decimal(1), ROUND_CEILING)), said.MOST_OF_ONE))


def _fine_price(price: Decimal | None) -> Decimal | None:
    """A line's price is its total divided by how many there are, such as 6.6666666666667; below zero it is none."""
    if price is None or price < 0:
        return None
    rounded = price.quantize(said.FINEST_PRICE)
    return price if price == rounded else rounded


def _buyer(order: said.Order) -> Person:
    bill = order.billing or said.Address()
    ids = {"woocommerce": order.customer_id} if order.customer_id else {}
    return _person(bill, bill.email, ids, order.shipping)


# ── customers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _customer_created(body: bytes, store: str, received_at: datetime) -> Events:
    """An account is made once: however often it was changed before it is read, it is the same sign-up."""
    account = said.Customer.model_validate_json(body)
    delivery = Delivery("woocommerce", f"customer:{account.id}", store, received_at, body)
    return (delivery.event(CustomerSignedUp, account.date_created_gmt, CustomerData(customer=_account(account))),)


def _customer_updated(body: bytes, store: str, received_at: datetime) -> Events:
    account = said.Customer.model_validate_json(body)
    delivery = _delivery("customer", account, body, store, received_at)
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=_account(account))),)


def _customer_deleted(body: bytes, store: str, received_at: datetime) -> Events:
    gone = said.Deleted.model_validate_json(body)
    delivery = Delivery("woocommerce", f"customer:{gone.id}:deleted", store, received_at, body)
    person = Person(ids={"woocommerce": gone.id})
    return (delivery.event(CustomerDeleted, None, CustomerData(customer=person)),)


def _account(account: said.Customer) -> Person:
    bill = account.billing or said.Address()
    named = bill.model_copy(update={"first_name": account.first_name, "last_name": account.last_name})
    return _person(named if account.first_name or account.last_name else bill, account.email, _ids(account), None)


def _ids(account: said.Customer) -> dict[str, str]:
    return {"woocommerce": account.id}


def _person(bill: said.Address, email: str | None, ids: Mapping[str, str], goes_to: said.Address | None) -> Person:
    name = " ".join(part for part in (bill.first_name, bill.last_name) if part)
    return Person(
        ids=ids,
        email=email,
        phone=bill.phone,
        name=cut(name or None, LONGEST_SHORT_TEXT),
        first_name=cut(bill.first_name, LONGEST_SHORT_TEXT),
        country=_country(goes_to, bill),
        address=_address(goes_to) or _address(bill),
    )


def _country(*addresses: said.Address | None) -> str | None:
    return next((code for each in addresses if each and (code := country(each.country))), None)


def _address(address: said.Address | None) -> str | None:
    if address is None:
        return None
    line = ", ".join(part for part in (address.address_1, address.postcode, address.city, address.country) if part)
    return cut(line or None, LONGEST_SHORT_TEXT)


TOPICS: Mapping[str, Callable[[bytes, str, datetime], Events]] = {
    "order.created": _order,
    "order.updated": _order,
    "order.restored": _order,
    "customer.created": _customer_created,
    "customer.updated": _customer_updated,
    "customer.deleted": _customer_deleted,
}
