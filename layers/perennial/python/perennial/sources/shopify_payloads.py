"""The parts of Shopify's webhook payloads that we read (Admin REST shapes, versions 2020-04 to 2026-07)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from perennial.domain.values import Id, Number
from perennial.sources.payloads import Many, Maybe, Payload, Text, Time

MOST_ITEMS = 500
"""As many lines as Shopify lets an order have; each parcel and each refund is of one of them at least."""


class Price(Payload):
    amount: Number
    currency_code: str


class PriceSet(Payload):
    """One price twice: in the shop's own currency, and in the one the customer saw."""

    shop_money: Maybe[Price] = None
    presentment_money: Maybe[Price] = None


class Address(Payload):
    address1: Text = None
    city: Text = None
    zip: Text = None
    country_code: Text = None


class Consent(Payload):
    state: Text = None
    opt_in_level: Text = None
    consent_updated_at: Time = None


class Customer(Payload):
    id: Id
    email: Text = None
    phone: Text = None
    first_name: Text = None
    last_name: Text = None
    default_address: Maybe[Address] = None
    created_at: Time = None
    updated_at: Time = None
    email_marketing_consent: Maybe[Consent] = None
    sms_marketing_consent: Maybe[Consent] = None
    accepts_marketing: bool | None = None
    """Until version 2022-04; `email_marketing_consent` took its place."""
    accepts_marketing_updated_at: Time = None


class EmailConsent(Payload):
    customer_id: Id
    email_address: Text = None
    email_marketing_consent: Maybe[Consent] = None


class SmsConsent(Payload):
    id: Id
    phone: Text = None
    sms_marketing_consent: Maybe[Consent] = None


class LineItem(Payload):
    id: Id | None = None
    key: Text = None
    """Instead of an id, in checkouts."""
    product_id: Id | None = None
    variant_id: Id | None = None
    title: Text = None
    quantity: int = 1
    price: Number | None = None


class Fulfillment(Payload):
    id: Id
    order_id: Id | None = None
    status: Text = None
    shipment_status: Text = None
    tracking_company: Text = None
    tracking_number: Text = None
    email: Text = None
    created_at: Time = None
    updated_at: Time = None


class FulfillmentEvent(Payload):
    id: Id
    fulfillment_id: Id
    order_id: Id
    status: str
    happened_at: Time = None
    estimated_delivery_at: Time = None


class Transaction(Payload):
    kind: Text = None
    status: Text = None
    amount: Number | None = None
    currency: Text = None


class RefundedLine(Payload):
    restock_type: Text = None
    subtotal: Number = Decimal(0)
    total_tax: Number = Decimal(0)
    subtotal_set: Maybe[PriceSet] = None
    total_tax_set: Maybe[PriceSet] = None


class Adjustment(Payload):
    """What the refund differs from its lines. Negative where more was given back, such as the shipping."""

    amount: Number = Decimal(0)
    tax_amount: Number = Decimal(0)


class Refund(Payload):
    id: Id
    order_id: Id
    created_at: Time = None
    processed_at: Time = None
    note: Text = None
    transactions: Many[Transaction] = ()
    refund_line_items: Many[RefundedLine] = ()
    order_adjustments: Many[Adjustment] = ()
    of_return: Annotated[Any, Field(alias="return")] = None
    """The return it belongs to, where goods come back."""


class DiscountCode(Payload):
    """A code that the order was paid with, and what it took off in the shop's own currency."""

    code: Text = None
    amount: Number | None = None


class Order(Payload):
    id: Id
    name: Text = None
    email: Text = None
    contact_email: Text = None
    phone: Text = None
    customer: Maybe[Customer] = None
    customer_locale: Text = None
    shipping_address: Maybe[Address] = None
    billing_address: Maybe[Address] = None
    created_at: Time = None
    processed_at: Time = None
    updated_at: Time = None
    cancelled_at: Time = None
    financial_status: Text = None
    total_price: Number
    currency: str
    total_price_set: Maybe[PriceSet] = None
    checkout_token: Text = None
    cart_token: Text = None
    buyer_accepts_marketing: bool | None = None
    line_items: Many[LineItem] = ()
    discount_codes: Many[DiscountCode] = ()
    fulfillments: Annotated[Many[Fulfillment], Field(max_length=MOST_ITEMS)] = ()
    refunds: Annotated[Many[Refund], Field(max_length=MOST_ITEMS)] = ()


class Checkout(Payload):
    token: Id
    email: Text = None
    phone: Text = None
    customer: Maybe[Customer] = None
    customer_locale: Text = None
    shipping_address: Maybe[Address] = None
    billing_address: Maybe[Address] = None
    created_at: Time = None
    updated_at: Time = None
    completed_at: datetime | None = None
    currency: Text = None
    presentment_currency: Text = None
    total_price: Number | None = None
    abandoned_checkout_url: Text = None
    line_items: Many[LineItem] = ()


class Merge(Payload):
    """Of two accounts. Its errors name people, and are not read."""

    kept: Annotated[Id, Field(alias="admin_graphql_api_customer_kept_id")]
    deleted: Annotated[Id, Field(alias="admin_graphql_api_customer_deleted_id")]
    status: Text = None


class DeletedOrder(Payload):
    """`orders/delete` may carry no more than the id."""

    id: Id
    customer: Maybe[Customer] = None


class Dispute(Payload):
    """A buyer's bank, or the buyer through it, asks for the money back."""

    id: Id
    order_id: Id | None = None
    type: Text = None
    """`chargeback`: the money is taken back until it is settled. `inquiry`: a question that may become one."""
    amount: Number | None = None
    currency: Text = None
    reason: Text = None
    status: Text = None
    evidence_due_by: Time = None
    finalized_on: Time = None
    initiated_at: Time = None


class Subject(Payload):
    """Whom a privacy topic is about."""

    id: Id
    email: Text = None
    phone: Text = None


class DataRequest(Payload):
    id: Id


class PrivacyTopic(Payload):
    """`customers/data_request` and `customers/redact`."""

    customer: Subject
    data_request: Maybe[DataRequest] = None


class ShopRedact(Payload):
    shop_id: Id


class OrderOfReturn(Payload):
    id: Id


class Return(Payload):
    """`returns/close` names the order by `order_id`; the other return topics by `order.id`."""

    id: Id
    order_id: Id | None = None
    order: Maybe[OrderOfReturn] = None
