"""Shopify: signed over the raw body with the app's client secret; the topic and the fields together tell the state.

One delivery may give several events, because each order payload tells every state the order is in; saying a state
again is harmless. The cart of an order is the token of its checkout (`checkout_token`, else `cart_token`), and a
checkout is known by the same token, so that an order ends the wait of its abandoned cart.
A parcel is known by its tracking number; `fulfillment_events/create` does not carry it and says
`fulfillment-<id>` instead.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from perennial.domain.events import (
    NOBODY,
    Cart,
    CartAbandoned,
    CartData,
    ConsentChanged,
    ConsentData,
    CustomerData,
    CustomerDeleted,
    CustomerSignedUp,
    CustomerUpdated,
    Event,
    Item,
    OrderCancelled,
    OrderData,
    OrderDelivered,
    OrderFacts,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderReturned,
    OrderShipped,
    Person,
    PrivacyData,
    PrivacyRequested,
    Redeemed,
    Refund,
    RefundData,
    ReturnData,
    ShipmentData,
    ShipmentFacts,
    ShipmentState,
    ShipmentUpdated,
    Shipped,
    ShippedData,
    TicketData,
    TicketFacts,
    TicketOpened,
    TicketResolved,
)
from perennial.domain.values import Money, to_utc
from perennial.sources import Headers, Ignored, NotUnderstood, whole
from perennial.sources import shopify_payloads as said
from perennial.sources.payloads import (
    LONGEST_SHORT_TEXT,
    MOST_COUPONS,
    Delivery,
    country,
    coupon_code,
    cut,
    fingerprint,
    locale,
    taken_off,
    understanding,
)
from perennial.sources.signatures import hmac_sha256_base64, require_signature

Events = tuple[Event, ...]
Channel = Literal["email", "sms"]

HEADERS = frozenset(
    {"x-shopify-topic", "x-shopify-event-id", "x-shopify-webhook-id", "x-shopify-triggered-at", "x-shopify-api-version"}
)
MEDIA_TYPES: frozenset[str] = frozenset()

PAID = frozenset({"paid", "partially_refunded", "refunded"})
NOT_ON_ITS_WAY = frozenset({"cancelled", "error", "failure"})
CLEAR_CONSENT: Mapping[str | None, bool] = {"subscribed": True, "unsubscribed": False}
PARCEL_STATES: Mapping[str, ShipmentState] = {
    "label_purchased": ShipmentState.LABEL_CREATED,
    "label_printed": ShipmentState.LABEL_CREATED,
    "confirmed": ShipmentState.LABEL_CREATED,
    "carrier_picked_up": ShipmentState.IN_TRANSIT,
    "in_transit": ShipmentState.IN_TRANSIT,
    "out_for_delivery": ShipmentState.OUT_FOR_DELIVERY,
    "attempted_delivery": ShipmentState.DELIVERY_FAILED,
    "ready_for_pickup": ShipmentState.READY_FOR_PICKUP,
    "picked_up": ShipmentState.DELIVERED,
    "delivered": ShipmentState.DELIVERED,
    "delayed": ShipmentState.DELAYED,
    "failure": ShipmentState.EXCEPTION,
}
"""Shopify's words of `shipment_status` and of fulfillment events."""

CLOSED_DISPUTES = frozenset({"won", "lost", "accepted", "charge_refunded", "prevented"})
DISPUTE_MOODS: Mapping[str | None, float] = {"chargeback": -1.0, "inquiry": -0.5}
"""How the customer feels, from -1 to 1: who goes to the bank has given up on the shop."""
TIME_TO_ANSWER = timedelta(days=30)
"""Shopify wants privacy topics done within it, and so does article 12 of the GDPR (a month)."""

IGNORED: Mapping[str, str] = {
    "carts/create": "a cart names no customer; its checkout does",
    "carts/update": "a cart names no customer; its checkout does",
    "checkouts/delete": "a checkout that is gone changes nothing about its customer",
    "orders/edited": "an edit without the order's new total; orders/updated tells the whole order",
    "order_transactions/create": "one payment step; orders/paid and refunds/create tell what came of it",
    "returns/request": "a wish to return; returns/close tells when the goods are back",
    "returns/approve": "the goods are still with the customer; returns/close tells when they are back",
    "returns/decline": "nothing comes back",
    "returns/cancel": "nothing comes back",
    "returns/reopen": "returns/close will tell when the goods are back",
    "returns/update": "returns/close tells when the goods are back",
    "returns/process": "goods of a return were looked at; returns/close tells when it is done",
    "fulfillment_events/delete": "what a carrier said stays said",
    "customer.tags_added": "tags are the shop's own notes",
    "customer.tags_removed": "tags are the shop's own notes",
    "customer.joined_segment": "segments are the shop's own; Perennial works out its own",
    "customer.left_segment": "segments are the shop's own; Perennial works out its own",
    "customers/purchasing_summary": "a sum of orders; the orders tell themselves",
}
NOT_ABOUT_CUSTOMERS = frozenset(
    {
        "collections", "collection_listings", "domains", "draft_orders", "fulfillment_orders", "inventory_items",
        "inventory_levels", "locales", "locations", "markets", "order_transactions", "product_listings", "products",
        "profiles", "selling_plan_groups", "shop", "tender_transactions", "themes", "variants",
    }
)  # fmt: skip
"""What comes before the slash in topics about the shop and its goods."""
FOR_A_PERSON: Mapping[str, str] = {
    "app/uninstalled": "the app was uninstalled: the shop sends nothing any more",
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], _moments: Sequence[datetime], /) -> None:
    """No time is signed, so an old recording is only caught by its event id, at the engine."""
    given = headers.get("x-shopify-hmac-sha256")
    require_signature([given], (hmac_sha256_base64(secret, body) for secret in secrets))


split = whole


@understanding
def translate(headers: Headers, body: bytes, store: str, received_at: datetime, /) -> Events:
    topic = headers.get("x-shopify-topic", "")
    if topic in IGNORED:
        raise Ignored(f"{topic}: {IGNORED[topic]}")
    if topic in FOR_A_PERSON:
        raise NotUnderstood(f"needs a person: {FOR_A_PERSON[topic]}")
    if topic in TOPICS:
        return TOPICS[topic](_delivery(headers, topic, body, store, received_at))
    if topic.partition("/")[0] in NOT_ABOUT_CUSTOMERS:
        raise Ignored("a topic about the shop and its goods, not about a customer")
    raise NotUnderstood("the X-Shopify-Topic header names no topic that Perennial reads")


def _delivery(headers: Headers, topic: str, body: bytes, store: str, received_at: datetime) -> Delivery:
    """The event id is the same over several subscriptions, the webhook id only over retries."""
    name = headers.get("x-shopify-event-id") or headers.get("x-shopify-webhook-id") or fingerprint(topic, body)
    return Delivery("shopify", name, store, _triggered_at(headers) or received_at, body)


def _triggered_at(headers: Headers) -> datetime | None:
    try:
        time = datetime.fromisoformat(headers.get("x-shopify-triggered-at", ""))
    except ValueError:
        return None
    return time if time.tzinfo else None


# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _order(delivery: Delivery) -> Events:
    """orders/create, orders/updated: whatever state the order is in."""
    return _states(delivery, said.Order.model_validate_json(delivery.body))


def _order_is_paid(delivery: Delivery) -> Events:
    """The topic says so, even where `financial_status` has moved on."""
    order = said.Order.model_validate_json(delivery.body)
    return _with(_states(delivery, order), _paid(delivery, order))


def _order_is_cancelled(delivery: Delivery) -> Events:
    order = said.Order.model_validate_json(delivery.body)
    return _with(_states(delivery, order), _cancelled(delivery, order))


def _order_is_shipped(delivery: Delivery) -> Events:
    """orders/fulfilled, orders/partially_fulfilled: shipped, even where no fulfillment is listed."""
    order = said.Order.model_validate_json(delivery.body)
    events = _states(delivery, order)
    if any(isinstance(event, OrderShipped) for event in events):
        return events
    facts = _without_items(_order_data(order))
    shipped = ShippedData(customer=facts.customer, order=facts.order)
    return (*events, delivery.event(OrderShipped, order.updated_at, shipped))


def _states(delivery: Delivery, order: said.Order) -> Events:
    """Every state that the fields tell, each as its own event."""
    facts = _without_items(_order_data(order))
    return (
        _placed(delivery, order),
        *([_paid(delivery, order)] if order.financial_status in PAID else []),
        *([_cancelled(delivery, order)] if order.cancelled_at else []),
        *_consent_at_checkout(delivery, order),
        *(event for parcel in order.fulfillments for event in _parcel(delivery, parcel, facts)),
        *(event for refund in order.refunds for event in _refund_events(delivery, refund, facts)),
    )


def _with(events: Events, event: Event) -> Events:
    return events if any(each.id == event.id for each in events) else (*events, event)


def _placed(delivery: Delivery, order: said.Order) -> OrderPlaced:
    return delivery.event(OrderPlaced, order.created_at or order.processed_at, _order_data(order))


def _paid(delivery: Delivery, order: said.Order) -> OrderPaid:
    """Nothing is paid before it is placed, whatever an import made of `processed_at`."""
    times = [time for time in (order.processed_at, order.created_at) if time]
    return delivery.event(OrderPaid, max(times, default=None), _order_data(order))


def _cancelled(delivery: Delivery, order: said.Order) -> OrderCancelled:
    return delivery.event(OrderCancelled, order.cancelled_at or order.updated_at, _order_data(order))


def _consent_at_checkout(delivery: Delivery, order: said.Order) -> Events:
    """A box that was ticked is a consent; a box left empty withdraws nothing."""
    if not order.buyer_accepts_marketing:
        return ()
    consent = ConsentData(customer=_buyer(order), channel="email", granted=True, method="shopify checkout")
    return (delivery.event(ConsentChanged, order.created_at or order.processed_at, consent, "email"),)


def _order_data(order: said.Order) -> OrderData:
    placed_at = order.created_at or order.processed_at
    total, base = _total(order)
    facts = OrderFacts(
        id=order.id,
        name=order.name,
        placed_at=placed_at,
        total=total,
        base=base,
        country=_country(order),
        cart=order.checkout_token or order.cart_token,
        items=_items(order.line_items),
        coupons=tuple(_coupons(order.discount_codes)),
    )
    return OrderData(customer=_buyer(order), order=facts)


def _coupons(codes: Sequence[said.DiscountCode]) -> Iterator[Redeemed]:
    for each in codes[:MOST_COUPONS]:
        if code := coupon_code(each.code):
            yield Redeemed(code=code, base=taken_off(each.amount))


def _without_items(facts: OrderData) -> OrderData:
    """What is said of each parcel and each refund does not say each time what was in the order."""
    return facts.but({"order": facts.order.but({"items": ()})})


def _total(order: said.Order) -> tuple[Money, Decimal]:
    """What the customer paid in the currency they saw, and the same in the shop's currency."""
    both = order.total_price_set
    base = both.shop_money.amount if both and both.shop_money else order.total_price
    if both and both.presentment_money:
        seen = both.presentment_money
        return Money(amount=seen.amount, currency=seen.currency_code), base
    return Money(amount=order.total_price, currency=order.currency), base


def _items(lines: tuple[said.LineItem, ...]) -> tuple[Item, ...]:
    return tuple(
        Item(
            product=line.product_id or line.variant_id or line.id or line.key or "unnamed",
            quantity=line.quantity,
            name=cut(line.title, LONGEST_SHORT_TEXT),
            price=line.price,
        )
        for line in lines[: said.MOST_ITEMS]
    )


def _country(sale: said.Order | said.Checkout) -> str | None:
    """Where it goes, else where it is paid, else where the customer lives."""
    home = sale.customer.default_address if sale.customer else None
    addresses = (sale.shipping_address, sale.billing_address, home)
    return next((code for each in addresses if each and (code := country(each.country_code))), None)


def _buyer(sale: said.Order | said.Checkout) -> Person:
    """The account where there is one; a guest is known by what they typed at the checkout."""
    typed_email = sale.email or (sale.contact_email if isinstance(sale, said.Order) else None)
    account = sale.customer
    person = Person(
        email=(account.email if account else None) or typed_email,
        phone=(account.phone if account else None) or sale.phone,
        locale=locale(sale.customer_locale),
        country=_country(sale),
        address=_address(sale.shipping_address or sale.billing_address),
    )
    if account is None:
        return person
    return person.model_copy(update=_named(account))


def _named(account: said.Customer) -> dict[str, object]:
    full = " ".join(part for part in (account.first_name, account.last_name) if part)
    return {
        "ids": {"shopify": account.id},
        "name": cut(full or None, LONGEST_SHORT_TEXT),
        "first_name": cut(account.first_name, LONGEST_SHORT_TEXT),
    }


def _address(address: said.Address | None) -> str | None:
    if address is None:
        return None
    line = ", ".join(part for part in (address.address1, address.zip, address.city, address.country_code) if part)
    return cut(line or None, LONGEST_SHORT_TEXT)


def _order_deleted(delivery: Delivery) -> Events:
    """Shopify lets only orders be deleted that are of no account any more: here it counts as cancelled from then on."""
    gone = said.DeletedOrder.model_validate_json(delivery.body)
    buyer = Person(ids={"shopify": gone.customer.id}) if gone.customer else NOBODY
    return (delivery.event(OrderCancelled, None, OrderData(customer=buyer, order=OrderFacts(id=gone.id))),)


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fulfillment(delivery: Delivery) -> Events:
    """fulfillments/create, fulfillments/update: they name the order and, mostly, the buyer's e-mail."""
    parcel = said.Fulfillment.model_validate_json(delivery.body)
    if parcel.order_id is None:
        raise NotUnderstood("order_id: a fulfillment without its order")
    facts = OrderData(customer=Person(email=parcel.email), order=OrderFacts(id=parcel.order_id))
    events = _parcel(delivery, parcel, facts)
    if not events:
        raise Ignored(f"a fulfillment that is {parcel.status}: nothing is on its way")
    return events


def _parcel(delivery: Delivery, parcel: said.Fulfillment, facts: OrderData) -> Events:
    if parcel.status in NOT_ON_ITS_WAY:
        return ()
    label = Shipped(tracking=parcel.tracking_number, carrier=parcel.tracking_company)
    shipped = ShippedData(customer=facts.customer, order=facts.order, shipment=label)
    state = PARCEL_STATES.get(parcel.shipment_status or "")
    return (
        delivery.event(OrderShipped, parcel.created_at, shipped, parcel.id),
        *(_parcel_state(delivery, parcel, facts, state) if state else ()),
    )


def _parcel_state(delivery: Delivery, parcel: said.Fulfillment, facts: OrderData, state: ShipmentState) -> Events:
    shipment = ShipmentFacts(
        tracking=parcel.tracking_number or f"fulfillment-{parcel.id}",
        carrier=parcel.tracking_company,
        state=state,
        order=facts.order.id,
        order_name=facts.order.name,
    )
    data = ShipmentData(customer=facts.customer, shipment=shipment)
    updated = delivery.event(ShipmentUpdated, parcel.updated_at, data, parcel.id)
    return (updated, *_delivered(delivery, state, parcel.updated_at, facts, parcel.id))


def _delivered(
    delivery: Delivery, state: ShipmentState, time: datetime | None, facts: OrderData, parcel: str
) -> Events:
    if state is not ShipmentState.DELIVERED:
        return ()
    return (delivery.event(OrderDelivered, time, facts, parcel),)


def _fulfillment_event(delivery: Delivery) -> Events:
    told = said.FulfillmentEvent.model_validate_json(delivery.body)
    if told.status not in PARCEL_STATES:
        raise NotUnderstood("status: a shipment status that Perennial does not know")
    state = PARCEL_STATES[told.status]
    shipment = ShipmentFacts(
        tracking=f"fulfillment-{told.fulfillment_id}",
        state=state,
        order=told.order_id,
        promised_at=told.estimated_delivery_at,
    )
    facts = OrderData(order=OrderFacts(id=told.order_id))
    updated = delivery.event(ShipmentUpdated, told.happened_at, ShipmentData(shipment=shipment))
    return (updated, *_delivered(delivery, state, told.happened_at, facts, told.fulfillment_id))


# ── money and goods that come back ───────────────────────────────────────────────────────────────────────────────────


def _refund(delivery: Delivery) -> Events:
    refund = said.Refund.model_validate_json(delivery.body)
    events = _refund_events(delivery, refund, OrderData(order=OrderFacts(id=refund.order_id)))
    if not events:
        raise Ignored("a refund of nothing: no money and no goods came back")
    return events


def _refund_events(delivery: Delivery, refund: said.Refund, facts: OrderData) -> Events:
    time = refund.processed_at or refund.created_at
    return (*_money_back(delivery, refund, facts, time), *_goods_back(delivery, refund, facts, time))


def _money_back(delivery: Delivery, refund: said.Refund, facts: OrderData, time: datetime | None) -> Events:
    given_back = _given_back(refund)
    if given_back is None:
        return ()
    total, base = given_back
    data = RefundData(customer=facts.customer, order=facts.order, refund=Refund(id=refund.id, total=total, base=base))
    return (delivery.event(OrderRefunded, time, data, refund.id),)


def _goods_back(delivery: Delivery, refund: said.Refund, facts: OrderData, time: datetime | None) -> Events:
    returned = refund.of_return or any(line.restock_type == "return" for line in refund.refund_line_items)
    if not returned:
        return ()
    data = ReturnData(customer=facts.customer, order=facts.order, reason=cut(refund.note, LONGEST_SHORT_TEXT))
    return (delivery.event(OrderReturned, time, data, refund.id),)


def _given_back(refund: said.Refund) -> tuple[Money, Decimal | None] | None:
    """What the transactions say was paid back; where none is listed, what the lines come to. None for nothing."""
    paid = [each for each in refund.transactions if each.kind == "refund" and each.status == "success" and each.amount]
    if not paid:
        return _sum_of_lines(refund)
    currency = paid[0].currency
    if currency is None:
        raise NotUnderstood("transactions.0.currency: a refund without its currency")
    return Money(amount=sum((each.amount or Decimal(0) for each in paid), Decimal(0)), currency=currency), None


def _sum_of_lines(refund: said.Refund) -> tuple[Money, Decimal] | None:
    """Adjustments count against the lines in the shop's currency: see `Adjustment` for their sign."""
    adjusted = sum((each.amount + each.tax_amount for each in refund.order_adjustments), Decimal(0))
    sums = [_line_sum(line) for line in refund.refund_line_items]
    base = sum((shop for _, shop in sums), Decimal(0)) - adjusted
    seen = sum((presentment for presentment, _ in sums), Decimal(0)) - adjusted
    if seen <= 0 or base <= 0:
        return None
    currency = _line_currency(refund)
    if currency is None:
        raise NotUnderstood("refund_line_items: a refund without its currency")
    return Money(amount=seen, currency=currency), base


def _line_sum(line: said.RefundedLine) -> tuple[Decimal, Decimal]:
    """(in the currency the customer saw, in the shop's currency), tax included."""
    subtotal = _both(line.subtotal_set, line.subtotal)
    tax = _both(line.total_tax_set, line.total_tax)
    return subtotal[0] + tax[0], subtotal[1] + tax[1]


def _both(prices: said.PriceSet | None, otherwise: Decimal) -> tuple[Decimal, Decimal]:
    shop = prices.shop_money.amount if prices and prices.shop_money else otherwise
    return (prices.presentment_money.amount if prices and prices.presentment_money else shop), shop


def _line_currency(refund: said.Refund) -> str | None:
    for line in refund.refund_line_items:
        prices = line.subtotal_set
        if prices and (price := prices.presentment_money or prices.shop_money):
            return price.currency_code
    return None


def _return_closed(delivery: Delivery) -> Events:
    """returns/close: the goods are back. It names no customer; the order does."""
    closed = said.Return.model_validate_json(delivery.body)
    order = closed.order_id or (closed.order.id if closed.order else None)
    if order is None:
        raise NotUnderstood("order_id: a return without its order")
    return (delivery.event(OrderReturned, None, ReturnData(order=OrderFacts(id=order)), closed.id),)


def _dispute(delivery: Delivery) -> Events:
    """disputes/create, disputes/update: a ticket of its own, open until the bank has decided.

    Each topic tells the whole dispute; named after the dispute, what was told before is the same event again.
    """
    dispute = said.Dispute.model_validate_json(delivery.body)
    if dispute.order_id is None:
        raise NotUnderstood("order_id: a dispute about no order, so nobody can be found; look it up in Shopify")
    named = replace(delivery, id=f"dispute-{dispute.id}")
    data = TicketData(ticket=_dispute_ticket(dispute))
    opened = named.event(TicketOpened, dispute.initiated_at, data)
    if dispute.status not in CLOSED_DISPUTES:
        return (opened,)
    return opened, named.event(TicketResolved, dispute.finalized_on, data, dispute.status)


def _dispute_ticket(dispute: said.Dispute) -> TicketFacts:
    due = f"; answer the bank by {dispute.evidence_due_by:%Y-%m-%d %H:%M} UTC" if dispute.evidence_due_by else ""
    sum_ = f" over {dispute.amount} {dispute.currency}" if dispute.amount and dispute.currency else ""
    words = f"payment {dispute.type or 'dispute'}{sum_}: {dispute.reason or 'no reason given'}{due}"
    return TicketFacts(
        id=f"dispute-{dispute.id}",
        opened_at=dispute.initiated_at,
        channel="bank",
        intent="dispute",
        sentiment=DISPUTE_MOODS.get(dispute.type),
        order=dispute.order_id,
        subject=cut(words, LONGEST_SHORT_TEXT),
    )


# ── privacy ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _data_request(delivery: Delivery) -> Events:
    return _privacy_topic(delivery, "export")


def _redact(delivery: Delivery) -> Events:
    return _privacy_topic(delivery, "erase")


def _privacy_topic(delivery: Delivery, request: Literal["erase", "export"]) -> Events:
    """Guests too have a customer's id in Shopify, so the orders that are listed beside it name nobody else."""
    asked = said.PrivacyTopic.model_validate_json(delivery.body)
    person = Person(ids={"shopify": asked.customer.id}, email=asked.customer.email, phone=asked.customer.phone)
    number = asked.data_request.id if asked.data_request else delivery.id
    return (_privacy_event(delivery, PrivacyData(customer=person, request=request, request_id=number)),)


def _shop_redact(delivery: Delivery) -> Events:
    """Comes 48 hours after the app was uninstalled."""
    said.ShopRedact.model_validate_json(delivery.body)
    return (_privacy_event(delivery, PrivacyData(request="erase_shop", request_id=delivery.id)),)


def _privacy_event(delivery: Delivery, data: PrivacyData) -> PrivacyRequested:
    return delivery.event(PrivacyRequested, None, data.but({"due_at": to_utc(delivery.at + TIME_TO_ANSWER)}))


# ── carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _checkout(delivery: Delivery) -> Events:
    """checkouts/create, checkouts/update: a checkout that is not completed is a cart left standing, so far."""
    checkout = said.Checkout.model_validate_json(delivery.body)
    if checkout.completed_at:
        raise Ignored("a completed checkout: its order tells the rest")
    buyer = _buyer(checkout)
    if not (buyer.ids or buyer.email or buyer.phone):
        raise Ignored("a checkout before anyone said who they are")
    cart = Cart(
        id=checkout.token,
        total=_cart_total(checkout),
        url=checkout.abandoned_checkout_url,
        items=_items(checkout.line_items),
    )
    time = checkout.updated_at or checkout.created_at
    return (delivery.event(CartAbandoned, time, CartData(customer=buyer, cart=cart)),)


def _cart_total(checkout: said.Checkout) -> Money | None:
    currency = checkout.presentment_currency or checkout.currency
    if checkout.total_price is None or currency is None:
        return None
    return Money(amount=checkout.total_price, currency=currency)


# ── customers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _customer_created(delivery: Delivery) -> Events:
    account = said.Customer.model_validate_json(delivery.body)
    signed_up = delivery.event(CustomerSignedUp, account.created_at, CustomerData(customer=_account(account)))
    return (signed_up, *_consents(delivery, account, account.created_at or delivery.at))


def _customer_changed(delivery: Delivery) -> Events:
    """customers/update, customers/enable, customers/disable: the account's switch itself means nothing to us."""
    account = said.Customer.model_validate_json(delivery.body)
    updated = delivery.event(CustomerUpdated, account.updated_at, CustomerData(customer=_account(account)))
    return (updated, *_consents(delivery, account, account.created_at))


def _customers_merged(delivery: Delivery) -> Events:
    """customers/merge: two accounts were one person's all along, says who keeps them. It may fail; then both stay."""
    merge = said.Merge.model_validate_json(delivery.body)
    if (merge.status or "").lower() != "completed":
        raise Ignored("a merge of accounts that is not completed: both are still there")
    kept, gone = (_number(each) for each in (merge.kept, merge.deleted))
    person = Person(ids={"shopify": kept}, former={"shopify": gone})
    return (delivery.event(CustomerUpdated, None, CustomerData(customer=person)),)


def _number(gid: str) -> str:
    """Of gid://shopify/Customer/6940095564: as all other topics call the customer."""
    return gid.rpartition("/")[2]


def _customer_deleted(delivery: Delivery) -> Events:
    account = said.Customer.model_validate_json(delivery.body)
    return (delivery.event(CustomerDeleted, None, CustomerData(customer=_account(account))),)


def _account(account: said.Customer) -> Person:
    home = account.default_address
    person = Person(
        email=account.email,
        phone=account.phone,
        country=country(home.country_code) if home else None,
        address=_address(home),
    )
    return person.model_copy(update=_named(account))


def _consents(delivery: Delivery, account: said.Customer, at_the_latest: datetime | None) -> Events:
    person = _account(account)
    email = account.email_marketing_consent or _consent_of_old(account)
    sms = account.sms_marketing_consent
    return (
        *_consent(delivery, person, "email", email, at_the_latest),
        *_consent(delivery, person, "sms", sms, at_the_latest),
    )


def _consent_of_old(account: said.Customer) -> said.Consent | None:
    """`accepts_marketing`: true is a yes; false is a no only where the customer is known to have changed it."""
    when = account.accepts_marketing_updated_at
    if account.accepts_marketing:
        return said.Consent(state="subscribed", consent_updated_at=when)
    if account.accepts_marketing is False and when:
        return said.Consent(state="unsubscribed", consent_updated_at=when)
    return None


def _consent(
    delivery: Delivery, person: Person, channel: Channel, consent: said.Consent | None, granted_at: datetime | None
) -> Events:
    """Only a clear yes or no: "not_subscribed", "pending" and the like were neither given nor withdrawn.

    Each update of a customer says the consent again. A yes without a time of its own counts from `granted_at`, the
    earliest it can have been (and not at all without one), lest it undo what the customer withdrew elsewhere since.
    """
    if consent is None or consent.state not in CLEAR_CONSENT:
        return ()
    granted = CLEAR_CONSENT[consent.state]
    time = consent.consent_updated_at or (granted_at if granted else delivery.at)
    if time is None:
        return ()
    level = cut(consent.opt_in_level, 60) or "account"
    confirmed = granted and level.lower() == "confirmed_opt_in"
    data = ConsentData(
        customer=person, channel=channel, granted=granted, confirmed=confirmed, method=f"shopify {level}"
    )
    return (delivery.event(ConsentChanged, time, data, channel),)


def _email_consent(delivery: Delivery) -> Events:
    told = said.EmailConsent.model_validate_json(delivery.body)
    person = Person(ids={"shopify": told.customer_id}, email=told.email_address)
    return _some(_consent(delivery, person, "email", told.email_marketing_consent, delivery.at))


def _sms_consent(delivery: Delivery) -> Events:
    told = said.SmsConsent.model_validate_json(delivery.body)
    person = Person(ids={"shopify": told.id}, phone=told.phone)
    return _some(_consent(delivery, person, "sms", told.sms_marketing_consent, delivery.at))


def _some(consents: Events) -> Events:
    if not consents:
        raise Ignored("consent was neither given nor withdrawn")
    return consents


TOPICS: Mapping[str, Callable[[Delivery], Events]] = {
    "orders/create": _order,
    "orders/updated": _order,
    "orders/paid": _order_is_paid,
    "orders/cancelled": _order_is_cancelled,
    "orders/fulfilled": _order_is_shipped,
    "orders/partially_fulfilled": _order_is_shipped,
    "orders/delete": _order_deleted,
    "refunds/create": _refund,
    "returns/close": _return_closed,
    "fulfillments/create": _fulfillment,
    "fulfillments/update": _fulfillment,
    "fulfillment_events/create": _fulfillment_event,
    "checkouts/create": _checkout,
    "checkouts/update": _checkout,
    "customers/create": _customer_created,
    "customers/update": _customer_changed,
    "customers/enable": _customer_changed,
    "customers/disable": _customer_changed,
    "customers/delete": _customer_deleted,
    "customers/merge": _customers_merged,
    "customers/data_request": _data_request,
    "customers/redact": _redact,
    "shop/redact": _shop_redact,
    "disputes/create": _dispute,
    "disputes/update": _dispute,
    "customers_email_marketing_consent/update": _email_consent,
    "customers_marketing_consent/update": _sms_consent,
}
