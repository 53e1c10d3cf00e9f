"""What shops are asked when a coupon is to be made good, what their answers mean, and whom the keys let in."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ReadTimeoutError

from perennial.aws.posts import NoAnswer, NotReached, post
from perennial.aws.sender_keys import REREAD_AFTER, BadSenderKeys, SenderKeys, ShopifyKey, read_keys
from perennial.aws.shops import issuers
from perennial.channels.coupons import Issuer
from perennial.channels.provider import Unavailable
from tests.messaging import NOON, a_coupon
from tests.posting import Wire

CLOCK = SimpleNamespace(now=lambda: NOON, wall=lambda: NOON)
SHOPIFY = {"shopify/demo": {"shop": "demo.myshopify.com", "token": "shpat_1"}}
WOOCOMMERCE = {"woocommerce/demo": {"url": "https://shop.example/", "key": "ck_1", "secret": "cs_1"}}
MADE = {"data": {"discountCodeBasicCreate": {"codeDiscountNode": {"id": "gid://1"}, "userErrors": []}}}


def refused(*codes: str) -> dict[str, Any]:
    errors = [{"code": code} for code in codes]
    return {"data": {"discountCodeBasicCreate": {"codeDiscountNode": None, "userErrors": errors}}}


def issuer(wire: Wire, keys: dict[str, Any], store: str = "demo") -> Issuer | None:
    return issuers(wire.pool, SenderKeys(lambda: json.dumps(keys), CLOCK), CLOCK)(store)


def issue(wire: Wire, keys: dict[str, Any], **coupon: Any) -> None:
    found = issuer(wire, keys)
    assert found is not None
    found.issue("BCDFGHJKMN", a_coupon(**coupon))


def test_shopify_is_asked_for_a_discount_that_works_once_and_ends() -> None:
    wire = Wire([(200, MADE)])

    issue(wire, SHOPIFY)

    [asked] = wire.posted
    discount = asked.json["variables"]["discount"]
    assert asked.url == "https://demo.myshopify.com/admin/api/2026-01/graphql.json"
    assert asked.headers["x-shopify-access-token"] == "shpat_1"
    assert (discount["code"], discount["usageLimit"]) == ("BCDFGHJKMN", 1)
    assert discount["endsAt"] == "2026-07-15T12:00:00.000Z"
    assert discount["customerGets"]["value"] == {"percentage": 0.1}


@pytest.mark.parametrize(
    ("scope", "items"),
    [
        ({}, {"all": True}),
        (
            {"products": ("1", "22")},
            {"products": {"productsToAdd": ["gid://shopify/Product/1", "gid://shopify/Product/22"]}},
        ),
        ({"collections": ("7",)}, {"collections": {"add": ["gid://shopify/Collection/7"]}}),
    ],
)
def test_shopify_is_told_what_a_coupon_is_for_and_from_which_amount_on(scope: Any, items: Any) -> None:
    wire = Wire([(200, MADE), (200, MADE)])

    issue(wire, SHOPIFY, minimum="50", **scope)
    issue(wire, SHOPIFY, **scope)

    bound, free = (asked.json["variables"]["discount"] for asked in wire.posted)
    assert bound["customerGets"]["items"] == free["customerGets"]["items"] == items
    assert bound["minimumRequirement"] == {"subtotal": {"greaterThanOrEqualToSubtotal": "50"}}
    assert "minimumRequirement" not in free


def test_woocommerce_is_told_what_a_coupon_is_for_and_from_which_amount_on() -> None:
    wire = Wire([(201, {"id": number}) for number in range(3)])

    issue(wire, WOOCOMMERCE, minimum="50.5", products=("1", "22"))
    issue(wire, WOOCOMMERCE, collections=("7",))
    issue(wire, WOOCOMMERCE)

    bound, some, free = (asked.json for asked in wire.posted)
    assert (bound["minimum_amount"], bound["product_ids"]) == ("50.5", [1, 22])
    assert some["product_categories"] == [7]
    assert free.keys() == some.keys() - {"product_categories"} == bound.keys() - {"minimum_amount", "product_ids"}


def test_woocommerce_is_asked_for_a_coupon_that_works_once_and_ends() -> None:
    wire = Wire([(201, {"id": 7})])

    issue(wire, WOOCOMMERCE, kind="amount", value="5.00")

    [asked] = wire.posted
    assert asked.url == "https://shop.example/wp-json/wc/v3/coupons"
    assert asked.headers["authorization"].startswith("Basic ")
    assert asked.json["usage_limit"] == 1
    assert (asked.json["discount_type"], asked.json["amount"]) == ("fixed_cart", "5.00")
    assert asked.json["date_expires_gmt"] == "2026-07-15T12:00:00"


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (SHOPIFY, (200, refused("TAKEN"))),
        (WOOCOMMERCE, (400, {"code": "woocommerce_rest_coupon_code_already_exists"})),
    ],
)
def test_a_code_that_the_shop_has_already_is_the_one_that_we_made(keys: dict[str, Any], answer: Any) -> None:
    issue(Wire([answer]), keys)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (SHOPIFY, (200, refused("INVALID"))),
        (SHOPIFY, (200, refused("TAKEN", "INVALID"))),
        (SHOPIFY, (200, {"errors": [{"message": "throttled"}]})),
        (SHOPIFY, (200, b"<html>")),
        (SHOPIFY, (401, {})),
        (SHOPIFY, (302, {})),
        (SHOPIFY, ReadTimeoutError(None, None, "slow")),  # type: ignore[arg-type]
        (WOOCOMMERCE, (400, {"code": "rest_invalid_param"})),
        (WOOCOMMERCE, (503, b"")),
        (WOOCOMMERCE, (200, [])),
    ],
)
def test_what_is_not_a_yes_lets_nothing_leave(keys: dict[str, Any], answer: Any) -> None:
    with pytest.raises(Unavailable):
        issue(Wire([answer]), keys)


def test_a_store_without_a_key_makes_no_coupons() -> None:
    assert issuer(Wire([(200, MADE)]), {}) is None
    assert issuer(Wire([(200, MADE)]), SHOPIFY, "other") is None


# Keys


def test_keys_are_read_anew_after_five_minutes() -> None:
    texts, now = ["{}", json.dumps(SHOPIFY)], [NOON]
    keys = SenderKeys(lambda: texts.pop(0), SimpleNamespace(now=lambda: now[0], wall=lambda: now[0]))

    assert keys.of("shopify/demo", ShopifyKey) is None
    now[0] += REREAD_AFTER - timedelta(seconds=1)
    assert keys.of("shopify/demo", ShopifyKey) is None
    now[0] += timedelta(seconds=1)
    assert keys.of("shopify/demo", ShopifyKey) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"shopify/demo": {"shop": "demo.myshopify.com.evil.example", "token": "shpat_secret"}},
        {"shopify/demo": {"shop": "demo.myshopify.com", "token": "shpat_secret\r\nx: y"}},
        {"woocommerce/demo": {"url": "http://shop.example", "key": "ck_secret", "secret": "cs_secret"}},
        {"smtp": {"host": "mail.example", "user": "u", "password": "a_secret", "security": "none"}},
        {"else": {}},
    ],
)
def test_keys_that_are_wrong_are_refused_without_quoting_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSenderKeys) as refusal:
        read_keys(json.dumps(wrong))

    assert "secret_" not in str(refusal.value)
    assert "_secret" not in str(refusal.value)


# Posting


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (ConnectTimeoutError("no"), NotReached),
        (ReadTimeoutError(None, None, "slow"), NoAnswer),  # type: ignore[arg-type]
        (HTTPError("cut off"), NoAnswer),
    ],
)
def test_only_where_no_connection_came_about_nothing_was_received(error: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        post(Wire([error]).pool, "https://shop.example/", b"{}", {})
