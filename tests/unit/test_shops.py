"""What shops are asked when a coupon is to be made good, what their answers mean, and whom the keys let in."""

import json
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ReadTimeoutError

from perennial.aws.posts import NoAnswer, NotReached, post
from perennial.aws.sender_keys import REREAD_AFTER, BadSenderKeys, SenderKeys, ShopifyKey, read_keys
from perennial.aws.shops import LONGEST_REST, REST, issuers, rest
from perennial.channels.coupons import Issuer
from perennial.channels.provider import Throttled, Unavailable
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
    assert discount["endsAt"] == "2026-07-16T13:00:00.000Z"
    assert discount["customerGets"]["value"] == {"percentage": 0.1}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Tokyo", "UTC", "America/New_York", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("hour", [0, 4, 12, 23])
def test_a_code_is_good_to_the_end_of_the_day_that_its_message_names(zone: str, hour: int) -> None:
    """In New York the first of November lasts 25 hours, and begins at four by UTC."""
    expires_at = datetime(2026, 11, 1, hour, tzinfo=UTC)
    wire = Wire([(200, MADE)])

    issue(wire, SHOPIFY, expires_at=expires_at)

    [asked] = wire.posted
    named = expires_at.astimezone(ZoneInfo(zone)).date()
    after = datetime.combine(named + timedelta(days=1), time(), ZoneInfo(zone))
    assert datetime.fromisoformat(asked.json["variables"]["discount"]["endsAt"]) >= after


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
    assert asked.json["date_expires_gmt"] == "2026-07-16T13:00:00"


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


THROTTLED = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (SHOPIFY, (200, THROTTLED)),
        (SHOPIFY, (429, {})),
        (SHOPIFY, (430, {})),
        (SHOPIFY, (503, b"<html>")),
        (WOOCOMMERCE, (429, {})),
        (WOOCOMMERCE, (502, b"<html>")),
        (WOOCOMMERCE, (503, b"")),
        (WOOCOMMERCE, (504, b"")),
    ],
)
def test_a_shop_with_too_much_to_do_is_left_alone_for_a_while(keys: dict[str, Any], answer: Any) -> None:
    with pytest.raises(Throttled) as told:
        issue(Wire([answer]), keys)

    assert told.value.rest == REST


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (SHOPIFY, (401, {})),
        (SHOPIFY, (500, {})),
        (SHOPIFY, (200, {"errors": "[API] Invalid API key"})),
        (SHOPIFY, (200, {"errors": [None, "THROTTLED", {"extensions": "THROTTLED"}, {"extensions": {"code": 429}}]})),
        (SHOPIFY, (200, {"data": "THROTTLED"})),
        (WOOCOMMERCE, (401, {"code": "woocommerce_rest_cannot_create"})),
        (WOOCOMMERCE, (500, {})),
        (WOOCOMMERCE, ConnectTimeoutError("no connection")),
    ],
)
def test_what_people_must_mend_does_not_wait_where_nobody_sees_it(keys: dict[str, Any], answer: Any) -> None:
    with pytest.raises(Unavailable) as told:
        issue(Wire([answer]), keys)

    assert not isinstance(told.value, Throttled)


@pytest.mark.parametrize(("keys", "status"), [(SHOPIFY, 429), (WOOCOMMERCE, 503)])
def test_a_shop_is_left_alone_for_as_long_as_it_asks(keys: dict[str, Any], status: int) -> None:
    with pytest.raises(Throttled) as told:
        issue(Wire([(status, {}, {"retry-after": "600"})]), keys)

    assert told.value.rest == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("asked", "minutes"),
    [
        ("600", 10),
        ("600.5", 10 + 0.5 / 60),
        ("Wed, 01 Jul 2026 12:10:00 GMT", 10),
        ("Wed, 01 Jul 2026 12:10:00 -0000", 10),
        ("2.0", 2),
        ("0", 2),
        ("-600", 2),
        ("Tue, 30 Jun 2026 12:10:00 GMT", 2),
        (None, 2),
        ("", 2),
        (" ", 2),
        ("soon", 2),
        ("6e9", 2),
        ("Wed, 01 Jul 99999999999999999999 12:10:00 GMT", 2),
        ("86400", 60),
        ("999999999", 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60),
    ],
)
def test_what_a_shop_asks_for_is_heard_within_bounds(asked: str | None, minutes: float) -> None:
    assert rest(asked, datetime(2026, 7, 1, 12, tzinfo=UTC)) == timedelta(minutes=minutes)
    assert timedelta(minutes=2) == REST < LONGEST_REST == timedelta(hours=1)


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
        {"smtp": {"host": "mail.example", "user": "bücher", "password": "a_secret"}},
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
