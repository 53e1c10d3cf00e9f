"""The parts of WooCommerce's payloads that we read: REST API v3, which its webhooks send word for word."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from perennial.domain.values import Id, Number
from perennial.sources.payloads import Many, Maybe, Payload, Text, Time

MOST_ITEMS = 500
MOST_OF_ONE = Decimal(1_000_000)
FINEST_PRICE = Decimal("0.000001")


def _in_utc(value: Any) -> Any:
    """`*_gmt` times are written without a zone; a blank is no time, and of other words pydantic says so, unquoted."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _zero_is_none(value: Any) -> Any:
    """A guest has the customer id 0."""
    return None if value in (0, "0", "") else value


Gmt = Annotated[Time, BeforeValidator(_in_utc)]
MaybeId = Annotated[Id | None, BeforeValidator(_zero_is_none)]


class Address(Payload):
    first_name: Text = None
    last_name: Text = None
    address_1: Text = None
    city: Text = None
    postcode: Text = None
    country: Text = None
    email: Text = None
    phone: Text = None


class LineItem(Payload):
    id: Id | None = None
    name: Text = None
    product_id: MaybeId = None
    quantity: Number = Decimal(1)
    price: Number | None = None


class Refund(Payload):
    """As an order lists it. The total is negative."""

    id: Id
    reason: Text = None
    total: Number


class CouponLine(Payload):
    """A coupon that the order was paid with, and what it took off, without tax and of tax."""

    code: Text = None
    discount: Number = Decimal(0)
    discount_tax: Number = Decimal(0)


class Meta(Payload):
    """What plugins add to an order."""

    key: Text = None
    value: Any = None


class Parcel(Payload):
    """An entry of `_wc_shipment_tracking_items`, which the usual tracking plugins write."""

    tracking_number: Text = None
    tracking_provider: Text = None
    custom_tracking_provider: Text = None


class Order(Payload):
    id: Id
    number: Text = None
    status: str
    currency: str
    total: Number
    customer_id: MaybeId = None
    billing: Maybe[Address] = None
    shipping: Maybe[Address] = None
    date_created_gmt: Gmt = None
    date_modified_gmt: Gmt = None
    date_paid_gmt: Gmt = None
    date_completed_gmt: Gmt = None
    payment_url: Text = None
    line_items: Many[LineItem] = ()
    coupon_lines: Many[CouponLine] = ()
    refunds: Annotated[Many[Refund], Field(max_length=MOST_ITEMS)] = ()
    meta_data: Many[Meta] = ()


class Customer(Payload):
    id: Id
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    billing: Maybe[Address] = None
    date_created_gmt: Gmt = None
    date_modified_gmt: Gmt = None


class Deleted(Payload):
    id: Id
