"""Keys to shops' APIs: what may stand in the secret, and what never comes out of it."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from urllib3 import PoolManager

from perennial.aws import wiring
from perennial.aws.api_keys import (
    REREAD_AFTER,
    BadKeys,
    BigCommerceKey,
    SecretsManagerApiKeys,
    WooCommerceKey,
    read_keys,
)
from perennial.aws.vendors import api
from tests.house import FrozenClock

WOO = {"url": "https://shop.example.com", "key": "ck_1234", "secret": "cs_5678"}
BIG = {"store_hash": "x1y2z3", "token": "tok-9999"}


def written(**changes: Any) -> str:
    return json.dumps({"woocommerce/demo": WOO | changes, "bigcommerce/other": BIG})


class Manager:
    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.reads = 0

    def get_secret_value(self, SecretId: str) -> Mapping[str, str]:  # noqa: N803  # as boto3 spells it
        assert SecretId == "keys"
        self.reads += 1
        return {"SecretString": self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]}


def test_each_store_has_its_own_key() -> None:
    book = read_keys(written())

    assert book.of("woocommerce", "demo") == WooCommerceKey(**WOO)
    assert book.of("bigcommerce", "other") == BigCommerceKey(**BIG)
    assert (book.of("woocommerce", "other"), book.of("shopify", "demo")) == (None, None)
    assert (book.stores("woocommerce"), book.stores("bigcommerce"), book.stores("x")) == (("demo",), ("other",), ())


def test_without_any_key_there_is_no_store() -> None:
    assert read_keys("{}").stores("woocommerce") == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com",
        "https://key:secret@shop.example.com",
        "https://shop.example.com?to=elsewhere",
        "https://shop.example.com#x",
        "https://shop.example.com/ x",
        "file:///etc/passwd",
        "https://",
        "shop.example.com",
        "https://shop.example.com\n",
    ],
)
def test_only_an_address_with_https_is_ever_asked(url: str) -> None:
    with pytest.raises(BadKeys):
        read_keys(written(url=url))


@pytest.mark.parametrize(
    "url", ["https://shop.example.com/", "https://shop.example.com:8443/en/shop", "https://xn--bcher.de"]
)
def test_a_shop_may_stand_in_a_folder_or_on_a_port(url: str) -> None:
    assert read_keys(written(url=url)).of("woocommerce", "demo") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"woocommerce/demo": ["a", "b"]}',
        '{"shopify/demo": {}}',
        '{"woocommerce": {}}',
        '{"woocommerce/demo": {"url": "https://shop.example.com", "key": "hush-hush"}}',
        '{"bigcommerce/demo": {"store_hash": "../v3", "token": "hush-hush"}}',
        '{"bigcommerce/demo": {"store_hash": "x1", "token": "hush-hush\\r\\nx-other: 1"}}',
        '{"bigcommerce/demo": {"store_hash": "x1", "token": "hush-hush", "tokn": "x"}}',
    ],
)
def test_a_mistake_in_the_secret_is_told_without_quoting_it(text: str) -> None:
    with pytest.raises(BadKeys) as why:
        read_keys(text)

    assert "hush" not in str(why.value)


def test_a_key_that_is_printed_shows_no_secret() -> None:
    book = read_keys(written())
    shown = f"{book.of('woocommerce', 'demo')!r} {book.of('bigcommerce', 'other')}"

    assert not any(secret in shown for secret in ("ck_1234", "cs_5678", "tok-9999"))


def test_keys_are_read_once_and_anew_after_five_minutes() -> None:
    manager, clock = Manager("{}", written()), FrozenClock()
    keys = SecretsManagerApiKeys(manager, "keys", clock)

    assert keys.stores("woocommerce") == ()
    clock.time += REREAD_AFTER - timedelta(seconds=1)
    assert (keys.stores("woocommerce"), manager.reads) == ((), 1)
    clock.time += timedelta(seconds=1)
    assert (keys.stores("woocommerce"), manager.reads) == (("demo",), 2)
    assert keys.of("woocommerce", "demo") is not None


def test_each_vendor_is_asked_where_it_is_and_in_its_own_way() -> None:
    try:
        with PoolManager() as pool:
            wiring.install(vendor_pool=pool)
            woo, big = api(WooCommerceKey(**WOO | {"url": "https://shop.example.com/en/"})), api(BigCommerceKey(**BIG))
    finally:
        wiring.reset()

    assert woo._root == "https://shop.example.com/en/wp-json/wc/v3"  # type: ignore[attr-defined]
    assert woo._headers["authorization"].startswith("Basic ")  # type: ignore[attr-defined]
    assert big._root == "https://api.bigcommerce.com/stores/x1y2z3"  # type: ignore[attr-defined]
    assert big._headers["x-auth-token"] == "tok-9999"  # type: ignore[attr-defined]
