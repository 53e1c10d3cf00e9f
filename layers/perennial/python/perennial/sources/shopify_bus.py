"""Shopify's deliveries as its EventBridge partner bus wraps them: metadata for the headers, payload for the body.

Nothing is signed: that only Shopify puts events on a partner bus, and only its rule on our queue, is what AWS vouches
for (the queue's policy names the rule).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from pydantic_core import from_json, to_json

from perennial.sources import Headers, NotUnderstood, shopify
from perennial.sources.payloads import Payload, understanding

_SHOP = re.compile(r"([a-z0-9][a-z0-9-]{0,62})\.myshopify\.com")


class Detail(Payload):
    metadata: Mapping[str, Any]
    payload: Any


class Envelope(Payload):
    """An event of EventBridge."""

    kind: Annotated[str, Field(alias="detail-type", pattern=r"^shopifyWebhook$")]
    detail: Detail


class Unwrapped(NamedTuple):
    """A delivery as it would have come over HTTPS."""

    store: str
    headers: Headers
    """By lower-case name; only those that `shopify.translate` reads."""
    body: bytes


@understanding
def unwrapped(message: str) -> Unwrapped:
    """Raises `NotUnderstood` for what is no delivery of Shopify, or does not say of which shop."""
    detail = Envelope.model_validate(_parsed(message)).detail
    named = {name.lower(): str(value) for name, value in detail.metadata.items() if value is not None}
    headers = {name: value for name, value in named.items() if name in shopify.HEADERS}
    return Unwrapped(_store(named), headers, to_json(detail.payload))


def _parsed(message: str) -> Any:
    """Shopify's ids are larger than what a float holds, and stay whole numbers."""
    try:
        return from_json(message, allow_inf_nan=False)
    except ValueError:
        raise NotUnderstood("the message is no JSON") from None


def _store(headers: Headers) -> str:
    """The shop's own handle: a bus serves all shops of an app, and nothing else tells them apart."""
    if not (found := _SHOP.fullmatch(headers.get("x-shopify-shop-domain", "").lower())):
        raise NotUnderstood("metadata: X-Shopify-Shop-Domain is no domain of the form <shop>.myshopify.com")
    return found[1]
