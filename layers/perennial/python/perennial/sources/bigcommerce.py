"""BigCommerce: a webhook proves itself by a header that the merchant chose, and only names what has changed.

So it is read in two steps. A hook gives `OnlyNamed`; the order is fetched (`perennial.fetching`), and what was fetched
comes back here as one document. BigCommerce signs nothing: the secret header is all the proof there is, and as nothing
but an id is believed of a hook, whoever steals it can make us look at an order again, and no more.

What a status means is in `STATES`. "Completed" is documented as shipped with receipt confirmed, so it is delivered.
An order "incomplete" or "pending" is a cart left at the till.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

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
    OrderCancelled,
    OrderData,
    OrderDelivered,
    OrderFacts,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    Person,
    Refund,
    RefundData,
    Shipped,
    ShippedData,
)
from perennial.domain.values import Money, iso
from perennial.sources import FETCHED, Headers, Ignored, NotUnderstood, OnlyNamed, Wanted, whole
from perennial.sources import bigcommerce_payloads as said
from perennial.sources.payloads import LONGEST_SHORT_TEXT, Delivery, country, cut, fingerprint, understanding
from perennial.sources.signatures import require_signature

Events = tuple[Event, ...]
State = Literal["placed", "paid", "shipped", "delivered", "cancelled"]

SECRET_HEADER = "x-perennial-key"  # noqa: S105  # the name of a header
HEADERS: frozenset[str] = frozenset()
MEDIA_TYPES: frozenset[str] = frozenset()
LONGEST_HOOK = 16 * 1024
"""Bytes. A hook has some two hundred; it travels on a queue."""

LEFT_AT_THE_TILL = frozenset({0, 1})
STATES: Mapping[int, tuple[State, ...]] = {
    2: ("placed", "paid", "shipped"),
    3: ("placed", "paid", "shipped"),  # partially shipped
    4: ("placed", "paid"),  # refunded
    5: ("placed", "cancelled"),
    6: ("cancelled",),  # declined: the payment never came
    7: ("placed",),  # awaiting payment
    8: ("placed", "paid"),  # awaiting pickup
    9: ("placed", "paid"),  # awaiting shipment
    10: ("placed", "paid", "shipped", "delivered"),  # completed
    11: ("placed", "paid"),  # awaiting fulfillment
    12: ("placed",),  # manual verification required
    13: ("placed", "paid"),  # disputed
    14: ("placed", "paid"),  # partially refunded
}
"""Status id -> what is true of such an order, by https://developer.bigcommerce.com. Merchants rename the labels, and
never the ids."""
REFUNDED = frozenset({4, 14})
ALL = "all"
"""Stands for the id of a refund where the shop tells only what went back in all; its own ids are numbers."""

ORDER_SCOPES = frozenset(
    {
        "store/order/created", "store/order/updated", "store/order/statusUpdated", "store/order/refund/created",
        "store/order/transaction/created", "store/order/transaction/updated",
    }
)  # fmt: skip
SHIPMENT_SCOPES = frozenset({"store/shipment/created", "store/shipment/updated", "store/shipment/deleted"})
CUSTOMER_SCOPES = frozenset({"store/customer/created", "store/customer/updated"})
NEEDS_A_PERSON: Mapping[str, str] = {
    "store/order/archived": "an order was archived in the shop; it is kept here until someone decides",
    "store/app/uninstalled": "the app was removed from the shop: no more events will come",
}
IGNORED: Mapping[str, str] = {
    "store/order/message/created": "notes on an order are not read",
    "store/customer/address": "an order says where it goes",
    "store/customer/channel": "where somebody may sign in says nothing about them",
    "store/customer/payment": "how somebody pays is never read",
    "store/cart": "a cart names nobody; an order that was not finished tells of it",
    "store/product": "the catalogue says nothing about a customer",
    "store/category": "the catalogue says nothing about a customer",
    "store/sku": "the catalogue says nothing about a customer",
    "store/inventory": "the catalogue says nothing about a customer",
    "store/information": "the shop's own settings",
}
"""Beginning of the scope -> why."""


def verify(headers: Headers, _body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """The header is the secret itself, as the merchant wrote it when the webhook was made."""
    require_signature([headers.get(SECRET_HEADER)], (secret.encode() for secret in secrets))


split = whole


@understanding
def translate(headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    if FETCHED in headers:
        return _fetched(body, store, received_at)
    if len(body) > LONGEST_HOOK:
        raise NotUnderstood(f"a hook of more than {LONGEST_HOOK} bytes")
    return _hook(said.Hook.model_validate_json(body), body, store, received_at)


def _hook(hook: said.Hook, body: bytes, store: str, received_at: datetime) -> Events:
    scope = hook.scope
    if scope == "store/customer/deleted":
        delivery = Delivery("bigcommerce", f"customer:{hook.data.id}:deleted", store, received_at, body)
        return (delivery.event(CustomerDeleted, None, CustomerData(customer=_account_id(hook.data.id))),)
    if scope in NEEDS_A_PERSON:
        raise NotUnderstood(f"needs a person: {NEEDS_A_PERSON[scope]}")
    if why := next((why for begins, why in IGNORED.items() if scope.startswith(begins)), None):
        raise Ignored(why)
    raise OnlyNamed(_wanted(hook))


def _wanted(hook: said.Hook) -> Wanted:
    if hook.scope in ORDER_SCOPES:
        return Wanted("order", hook.data.id)
    if hook.scope in SHIPMENT_SCOPES and hook.data.orderId:
        return Wanted("order", hook.data.orderId)
    if hook.scope in CUSTOMER_SCOPES:
        return Wanted("customer", hook.data.id)
    raise NotUnderstood("scope: it names nothing that Perennial reads; subscribe to the scopes in docs/connect")


# ── what is fetched ──────────────────────────────────────────────────────────────────────────────────────────────────


def path(kind: str, name: str, /) -> str:
    return f"/v2/orders/{name}" if kind == "order" else f"/v3/customers?id:in={name}"


def also(kind: str, name: str, thing: bytes, /) -> Mapping[str, str]:
    """Parcels and refunds are asked for where the order says that there are any: shops have few requests a second."""
    if kind != "order":
        return {}
    try:
        order = said.Order.model_validate_json(thing)
    except ValidationError:
        return {}  # `translate` will say what is wrong with it
    is_shipped = bool(order.items_shipped) or "shipped" in STATES.get(order.status_id, ())
    is_refunded = bool(order.refunded_amount) or order.status_id in REFUNDED
    return {
        **({"shipments": f"/v2/orders/{name}/shipments"} if is_shipped else {}),
        **({"refunds": f"/v3/orders/{name}/payment_actions/refunds"} if is_refunded else {}),
    }


def document(kind: str, thing: bytes, rest: Mapping[str, bytes], /) -> bytes:
    """One JSON object of what was answered, to the byte: numbers stay as exact as they came. Nothing becomes null."""
    answers = {"order" if kind == "order" else "customers": thing, **rest}
    members = (b'"%s":%s' % (name.encode(), body.strip() or b"null") for name, body in answers.items())
    return b"{%s}" % b",".join(members)


def _fetched(body: bytes, store: str, received_at: datetime) -> Events:
    found = said.Document.model_validate_json(body)
    if found.order:
        return _order(found.order, found, store, received_at, body)
    if found.customers and found.customers.data:
        return _customer(found.customers.data[0], store, received_at, body)
    raise NotUnderstood("the shop has no such customer: it was deleted, or is another shop's")


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _order(order: said.Order, found: said.Document, store: str, received_at: datetime, body: bytes) -> Events:
    if order.is_deleted:
        raise NotUnderstood(f"needs a person: {NEEDS_A_PERSON['store/order/archived']}")
    changed = order.date_modified or order.date_created
    name = f"order:{order.id}:{iso(changed) if changed else fingerprint(body)}:{order.status_id}"
    delivery = Delivery("bigcommerce", name, store, changed or received_at, body)
    if order.status_id in LEFT_AT_THE_TILL:
        return _left_at_the_till(delivery, order)
    if order.status_id not in STATES:
        raise NotUnderstood("order.status_id: a status that BigCommerce did not have when this was written")
    return _states(delivery, order, found)


def _states(delivery: Delivery, order: said.Order, found: said.Document) -> Events:
    """Every state that status and fields tell, each as its own event."""
    facts, states = _facts(order), STATES[order.status_id]
    return (
        *([delivery.event(OrderPlaced, order.date_created, facts)] if "placed" in states else []),
        *([delivery.event(OrderPaid, None, facts)] if "paid" in states else []),
        *_shipped(delivery, order, facts, found.shipments),
        *([delivery.event(OrderDelivered, None, facts)] if "delivered" in states else []),
        *([delivery.event(OrderCancelled, None, facts)] if "cancelled" in states else []),
        *_refunded(delivery, order, facts, found.refunds),
    )


def _facts(order: said.Order) -> OrderData:
    facts = OrderFacts(
        id=order.id,
        name=f"#{order.id}",
        placed_at=order.date_created,
        total=_money(order),
        country=country(order.billing_address.country_iso2) if order.billing_address else None,
        cart=_cart_id(order),
    )
    return OrderData(customer=_buyer(order), order=facts)


def _money(order: said.Order) -> Money:
    return Money(amount=order.total_inc_tax, currency=order.currency_code)


def _shipped(delivery: Delivery, order: said.Order, facts: OrderData, parcels: Sequence[said.Shipment]) -> Events:
    """Once for each shipment; else once, where the status says so."""
    if not parcels and "shipped" in STATES[order.status_id]:
        return (delivery.event(OrderShipped, order.date_shipped, _parcel(facts, Shipped())),)
    return tuple(
        delivery.event(OrderShipped, parcel.date_created, _parcel(facts, _label(parcel)), parcel.id)
        for parcel in parcels
    )


def _label(parcel: said.Shipment) -> Shipped:
    carrier = parcel.tracking_carrier or parcel.shipping_provider
    return Shipped(tracking=cut(parcel.tracking_number, 100), carrier=cut(carrier, 100))


def _parcel(facts: OrderData, label: Shipped) -> ShippedData:
    return ShippedData(customer=facts.customer, order=facts.order, shipment=label)


def _refunded(delivery: Delivery, order: said.Order, facts: OrderData, listed: said.Refunds | None) -> Events:
    """Each refund; where the shop lists none, as of those made by hand, what the order says has gone back in all."""
    if listed and listed.data:
        return tuple(_refund(delivery, order, facts, each) for each in listed.data)
    back = order.refunded_amount or (order.total_inc_tax if order.status_id == 4 else None)
    return (_refund(delivery, order, facts, said.Refund(id=ALL, total_amount=back)),) if back else ()


def _refund(delivery: Delivery, order: said.Order, facts: OrderData, refund: said.Refund) -> OrderRefunded:
    total = Money(amount=abs(refund.total_amount), currency=order.currency_code)
    given_back = Refund(id=refund.id, total=total, in_all=refund.id == ALL)
    data = RefundData(customer=facts.customer, order=facts.order, refund=given_back)
    return delivery.event(OrderRefunded, refund.created, data, refund.id)


def _left_at_the_till(delivery: Delivery, order: said.Order) -> Events:
    buyer = _buyer(order)
    if not (buyer.ids or buyer.email or buyer.phone):
        raise Ignored("an unfinished order before anyone said who they are")
    cart = Cart(id=_cart_id(order), total=_money(order))
    return (delivery.event(CartAbandoned, None, CartData(customer=buyer, cart=cart)),)


def _cart_id(order: said.Order) -> str:
    return f"order-{order.id}"


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _buyer(order: said.Order) -> Person:
    bill = order.billing_address or said.Address()
    name = " ".join(part for part in (bill.first_name, bill.last_name) if part)
    line = ", ".join(part for part in (bill.street_1, bill.zip, bill.city, bill.country_iso2) if part)
    return Person(
        ids={"bigcommerce": order.customer_id} if order.customer_id else {},
        email=bill.email,
        phone=bill.phone,
        name=cut(name or None, LONGEST_SHORT_TEXT),
        first_name=cut(bill.first_name, LONGEST_SHORT_TEXT),
        country=country(bill.country_iso2),
        address=cut(line or None, LONGEST_SHORT_TEXT),
    )


def _customer(account: said.Customer, store: str, received_at: datetime, body: bytes) -> Events:
    """A sign-up, the same however often the account was changed since, and its last change."""
    changed = account.date_modified or account.date_created
    whole_life = Delivery("bigcommerce", f"customer:{account.id}", store, received_at, body)
    name = f"customer:{account.id}:{iso(changed) if changed else fingerprint(body)}"
    last_change = Delivery("bigcommerce", name, store, changed or received_at, body)
    data = CustomerData(customer=_account(account))
    return (
        whole_life.event(CustomerSignedUp, account.date_created, data),
        last_change.event(CustomerUpdated, None, data),
    )


def _account(account: said.Customer) -> Person:
    name = " ".join(part for part in (account.first_name, account.last_name) if part)
    return _account_id(account.id).but(
        {
            "email": account.email,
            "phone": account.phone,
            "name": cut(name or None, LONGEST_SHORT_TEXT),
            "first_name": cut(account.first_name, LONGEST_SHORT_TEXT),
        }
    )


def _account_id(name: str) -> Person:
    return Person(ids={"bigcommerce": name})
