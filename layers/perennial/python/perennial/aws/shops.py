"""Coupons made good in a shop: by Shopify's Admin API (GraphQL) and by WooCommerce's REST API.

A code that the shop has already is ours: nobody else could have made it up. So a call whose answer was lost is made
again without harm. Each code is good for one order, until it expires.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from urllib3 import PoolManager

from perennial.aws.api_keys import WooCommerceKey
from perennial.aws.clock import Clock
from perennial.aws.posts import NotPosted, Reply, post
from perennial.aws.sender_keys import SenderKeys, ShopifyKey
from perennial.channels.coupons import Issuer
from perennial.channels.provider import Unavailable
from perennial.domain.actions import Coupon
from perennial.domain.values import iso
from perennial.vendor_api import basic

SHOPIFY_VERSION = "2026-01"
TITLE = "Perennial"
"""What staff read beside the code in the shop's own list."""
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
            raise Unavailable(f"shopify answered {reply.status}")
        told = _read(reply).get("data") or {}
        created = told.get("discountCodeBasicCreate") or {}
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
            "endsAt": iso(coupon.expires_at),
            "usageLimit": 1,
            "appliesOncePerCustomer": True,
            "context": {"all": "ALL"},
            "customerGets": {"items": _items(coupon), "value": share if coupon.kind == "percent" else amount},
            **_least(coupon),
        }


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

    def __init__(self, pool: PoolManager, key: WooCommerceKey) -> None:
        self._pool = pool
        self._url = f"{key.url.rstrip('/')}/wp-json/wc/v3/coupons"
        self._headers = {"content-type": "application/json", "authorization": basic(key.key, key.secret)}

    def issue(self, code: str, coupon: Coupon) -> None:
        reply = _posted(self._pool, self._url, _woocommerce_coupon(code, coupon), self._headers)
        if reply.status != 201 and not _is_known(reply):
            raise Unavailable(f"woocommerce answered {reply.status}")


def _woocommerce_coupon(code: str, coupon: Coupon) -> dict[str, Any]:
    return {
        "code": code,
        "description": TITLE,
        "discount_type": "percent" if coupon.kind == "percent" else "fixed_cart",
        "amount": coupon.value,
        "usage_limit": 1,
        "individual_use": True,
        "date_expires_gmt": coupon.expires_at.strftime("%Y-%m-%dT%H:%M:%S"),
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


def issuers(pool: PoolManager, keys: SenderKeys, clock: Clock) -> Callable[[str], Issuer | None]:
    """Store -> who makes coupons good in its shop."""

    def issuer_of(store: str) -> Issuer | None:
        if key := keys.of(f"shopify/{store}", ShopifyKey):
            return ShopifyDiscounts(pool, key, clock)
        woocommerce = keys.of(f"woocommerce/{store}", WooCommerceKey)
        return WooCommerceCoupons(pool, woocommerce) if woocommerce else None

    return issuer_of
