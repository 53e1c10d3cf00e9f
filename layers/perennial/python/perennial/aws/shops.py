"""Coupons made good in a shop: by Shopify's Admin API (GraphQL) and by WooCommerce's REST API.

A code that the shop has already is ours: nobody else could have made it up. So a call whose answer was lost is made
again without harm. Each code is good for one order, until it expires.

A shop that has too much to do says so, and is left alone for as long as it asks: its messages wait on the due index.
What is wrong with the key or the shop waits in the queue, and ends among the dead letters, because people must mend it.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from urllib3 import PoolManager

from perennial.aws.api_keys import WooCommerceKey
from perennial.aws.clock import Clock
from perennial.aws.posts import NotPosted, Reply, post
from perennial.aws.sender_keys import SenderKeys, ShopifyKey
from perennial.channels.coupons import Issuer
from perennial.channels.provider import Throttled, Unavailable
from perennial.domain.actions import Coupon
from perennial.domain.values import iso
from perennial.vendor_api import basic

SHOPIFY_VERSION = "2026-01"
TITLE = "Perennial"
"""What staff read beside the code in the shop's own list."""
BUSY = frozenset({429, 430, 502, 503, 504})
"""Too much at once: what Shopify says (430 is its own), and what stands before a WooCommerce that gives no answer."""
REST = timedelta(minutes=2)
"""At the least: sooner the due index brings nothing back."""
LONGEST_REST = timedelta(hours=1)
"""Whatever a shop asks for: to ask again every hour is no burden, and a wrong header must not outlast an offer."""
THE_DAY_NAMED = timedelta(hours=25)
"""A message names the day by which a code is used, and it is good to the end of it, wherever its reader lives: no day
is longer."""
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_CREATE = """mutation create($discount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $discount) { codeDiscountNode { id } userErrors { code } }
}"""


class ShopifyDiscounts:
    """An `Issuer`."""

    def __init__(self, pool: PoolManager, key: ShopifyKey, clock: Clock) -> None:
        self._pool = pool
        self._url = f"https://{key.shop}/admin/api/{SHOPIFY_VERSION}/graphql.json"
        self._headers = {"content-type": "application/json", "x-shopify-access-token": key.token}
        self._clock = clock

    def issue(self, code: str, coupon: Coupon) -> None:
        asked = {"query": _CREATE, "variables": {"discount": self._discount(code, coupon)}}
        reply = _posted(self._pool, self._url, asked, self._headers)
        if reply.status != 200:
            raise _refusal("shopify", reply, self._clock.wall())
        told = _read(reply)
        if _is_throttled(told):
            raise Throttled("shopify's cost limit", REST)
        created = _member(_member(told, "data"), "discountCodeBasicCreate")
        codes = {str(error.get("code")) for error in created.get("userErrors") or ()}
        if not created.get("codeDiscountNode") and codes != {"TAKEN"}:
            raise Unavailable(f"shopify made no discount: {', '.join(sorted(codes)) or 'no reason'}"[:200])

    def _discount(self, code: str, coupon: Coupon) -> dict[str, Any]:
        amount = {"discountAmount": {"amount": coupon.value, "appliesOnEachItem": False}}
        share = {"percentage": float(Decimal(coupon.value) / 100)}
        return {
            "title": TITLE,
            "code": code,
            "startsAt": iso(self._clock.wall()),
            "endsAt": iso(coupon.expires_at + THE_DAY_NAMED),
            "usageLimit": 1,
            "appliesOncePerCustomer": True,
            "context": {"all": "ALL"},
            "customerGets": {"items": _items(coupon), "value": share if coupon.kind == "percent" else amount},
            **_least(coupon),
        }


def _is_throttled(told: dict[str, Any]) -> bool:
    """Shopify counts what queries cost, and says with status 200 that one more would be too much."""
    errors = told.get("errors")
    every = errors if isinstance(errors, list) else ()
    return any(_member(each, "extensions").get("code") == "THROTTLED" for each in every)


def _member(document: Any, name: str) -> dict[str, Any]:
    """What an object holds under this name, where both are objects."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _items(coupon: Coupon) -> dict[str, Any]:
    """What of the order it takes something off."""
    if coupon.products:
        return {"products": {"productsToAdd": [f"gid://shopify/Product/{each}" for each in coupon.products]}}
    if coupon.collections:
        return {"collections": {"add": [f"gid://shopify/Collection/{each}" for each in coupon.collections]}}
    return {"all": True}


def _least(coupon: Coupon) -> dict[str, Any]:
    if coupon.minimum is None:
        return {}
    return {"minimumRequirement": {"subtotal": {"greaterThanOrEqualToSubtotal": coupon.minimum}}}


class WooCommerceCoupons:
    """An `Issuer`."""

    def __init__(self, pool: PoolManager, key: WooCommerceKey, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._url = f"{key.url.rstrip('/')}/wp-json/wc/v3/coupons"
        self._headers = {"content-type": "application/json", "authorization": basic(key.key, key.secret)}

    def issue(self, code: str, coupon: Coupon) -> None:
        reply = _posted(self._pool, self._url, _woocommerce_coupon(code, coupon), self._headers)
        if reply.status != 201 and not _is_known(reply):
            raise _refusal("woocommerce", reply, self._clock.wall())


def _woocommerce_coupon(code: str, coupon: Coupon) -> dict[str, Any]:
    return {
        "code": code,
        "description": TITLE,
        "discount_type": "percent" if coupon.kind == "percent" else "fixed_cart",
        "amount": coupon.value,
        "usage_limit": 1,
        "individual_use": True,
        "date_expires_gmt": (coupon.expires_at + THE_DAY_NAMED).strftime("%Y-%m-%dT%H:%M:%S"),
        **({"minimum_amount": coupon.minimum} if coupon.minimum else {}),
        **({"product_ids": [int(each) for each in coupon.products]} if coupon.products else {}),
        **({"product_categories": [int(each) for each in coupon.collections]} if coupon.collections else {}),
    }


def _is_known(reply: Reply) -> bool:
    return reply.status == 400 and _read(reply).get("code") == "woocommerce_rest_coupon_code_already_exists"


def _posted(pool: PoolManager, url: str, asked: dict[str, Any], headers: dict[str, str]) -> Reply:
    try:
        return post(pool, url, json.dumps(asked).encode(), headers)
    except NotPosted as error:
        raise Unavailable(f"the shop gave no answer: {error}") from error


def _read(reply: Reply) -> dict[str, Any]:
    try:
        told = json.loads(reply.body)
    except ValueError:
        raise Unavailable(f"the shop answered {reply.status} with what is no JSON") from None
    return told if isinstance(told, dict) else {}


def _refusal(shop: str, reply: Reply, now: datetime) -> Unavailable:
    said = f"{shop} answered {reply.status}"
    return Throttled(said, rest(reply.retry_after, now)) if reply.status in BUSY else Unavailable(said)


def rest(retry_after: str | None, now: datetime) -> timedelta:
    """How long to leave a shop alone, by its `Retry-After` (RFC 9110: seconds, or a date) and within bounds."""
    return min(max(_asked(retry_after or "", now), REST), LONGEST_REST)


def _asked(retry_after: str, now: datetime) -> timedelta:
    if _SECONDS.fullmatch(retry_after):
        return timedelta(seconds=float(retry_after))
    try:
        return parsedate_to_datetime(retry_after).replace(tzinfo=UTC) - now
    except (ValueError, OverflowError):  # it asks for nothing that can be understood
        return timedelta(0)


def issuers(pool: PoolManager, keys: SenderKeys, clock: Clock) -> Callable[[str], Issuer | None]:
    """Store -> who makes coupons good in its shop."""

    def issuer_of(store: str) -> Issuer | None:
        if key := keys.of(f"shopify/{store}", ShopifyKey):
            return ShopifyDiscounts(pool, key, clock)
        woocommerce = keys.of(f"woocommerce/{store}", WooCommerceKey)
        return WooCommerceCoupons(pool, woocommerce, clock) if woocommerce else None

    return issuer_of
