"""The parts of BigCommerce's payloads that we read: its webhooks, and what its order APIs (v2, refunds v3) answer."""

from email.utils import parsedate_to_datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from perennial.domain.values import Id, Number
from perennial.sources.payloads import Many, Maybe, Payload, Text, Time

MOST_PARTS = 500
"""Shipments, or refunds, of one order."""


def _rfc_2822(value: Any) -> Any:
    """v2 writes "Tue, 20 Nov 2012 00:00:00 +0000"; v3 writes ISO 8601, which passes through. A blank is no time."""
    if not isinstance(value, str) or not value.strip():
        return value or None
    if "," not in value:
        return value
    try:
        return parsedate_to_datetime(value)
    except (TypeError, IndexError, OverflowError):
        raise ValueError("should be a date as in Tue, 20 Nov 2012 00:00:00 +0000") from None


def _zero_is_none(value: Any) -> Any:
    """A guest has the customer id 0."""
    return None if value in (0, "0", "") else value


Moment = Annotated[Time, BeforeValidator(_rfc_2822)]
Digits = Annotated[Id, Field(pattern=r"^[0-9]{1,20}$")]
"""An id that goes into the path of a request, and can be nothing but a number there."""


class HookData(Payload):
    type: Text = None
    id: Digits
    orderId: Digits | None = None  # noqa: N815  # the vendor's spelling
    """Of a shipment: the order that it is of."""


class Hook(Payload):
    """What a webhook says: what changed, and nothing about it."""

    scope: str
    data: HookData


class Address(Payload):
    first_name: Text = None
    last_name: Text = None
    street_1: Text = None
    city: Text = None
    zip: Text = None
    country_iso2: Text = None
    phone: Text = None
    email: Text = None


class Order(Payload):
    id: Digits
    status_id: int
    customer_id: Annotated[Id | None, BeforeValidator(_zero_is_none)] = None
    date_created: Moment = None
    date_modified: Moment = None
    date_shipped: Moment = None
    total_inc_tax: Number
    refunded_amount: Number | None = None
    currency_code: str
    items_shipped: int | None = None
    is_deleted: bool = False
    cart_id: Text = None
    billing_address: Maybe[Address] = None


class Shipment(Payload):
    id: Id
    date_created: Moment = None
    tracking_number: Text = None
    shipping_provider: Text = None
    tracking_carrier: Text = None


class Refund(Payload):
    id: Id
    created: Moment = None
    total_amount: Number


class Refunds(Payload):
    data: Annotated[Many[Refund], Field(max_length=MOST_PARTS)] = ()


class Customer(Payload):
    id: Digits
    email: Text = None
    first_name: Text = None
    last_name: Text = None
    phone: Text = None
    date_created: Moment = None
    date_modified: Moment = None


class Customers(Payload):
    """A list, because v3 finds customers by a filter; with the one that was asked for, or nobody."""

    data: Many[Customer] = ()


class Document(Payload):
    """What was fetched, together: an order with what belongs to it, or a customer."""

    order: Order | None = None
    shipments: Annotated[Many[Shipment], Field(max_length=MOST_PARTS)] = ()
    refunds: Maybe[Refunds] = None
    customers: Customers | None = None
