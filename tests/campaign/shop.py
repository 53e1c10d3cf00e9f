"""The merchant's shop, as far as it makes coupons good: its connections are cut, and it is busy, as those of shops are.

It stands where urllib3's pool of connections does, so that what the product makes of an answer is the product's own.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from urllib3.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.campaign.cloud import raising, then_raising
from tests.campaign.turns import Turns, Wrong

Kind = Literal["none", "shopify", "woocommerce"]
"""none: the merchant gave no key; codes are good because we say so."""
KEYS: Mapping[Kind, Mapping[str, Any]] = {
    "none": {},
    "shopify": {"shopify/demo": {"shop": "demo.myshopify.com", "token": "shpat_0123456789abcdef"}},
    "woocommerce": {
        "woocommerce/demo": {"url": "https://shop.demo.example", "key": "ck_0123456789", "secret": "cs_0123456789"}
    },
}
"""As the secret of the senders holds them."""


class Answer(NamedTuple):
    """As urllib3's."""

    status: int
    said: Mapping[str, Any]
    headers: Mapping[str, str] = MappingProxyType({})

    def read(self, most: int) -> bytes:
        return json.dumps(self.said).encode()[:most]

    def close(self) -> None:
        """There is no connection."""


def _answering(answer: Answer) -> Callable[[object], Answer]:
    """Nothing is done, and that is said."""
    return lambda _do: answer


class Shop:
    """As `PoolManager`."""

    def __init__(self, kind: Kind, turns: Turns) -> None:
        self._turns = turns
        self.kind = kind
        self.codes: dict[str, int] = {}
        """Code -> how often somebody wanted to make it."""

    @property
    def keys(self) -> str:
        return json.dumps(KEYS[self.kind])

    def request(self, method: str, url: str, *, body: bytes, **_how: Any) -> Answer:
        assert (method, url) in _ADDRESSES, f"{method} {url} is nothing of the shop's"
        asked = json.loads(body)
        wrong: Wrong = {
            "unreachable": raising(partial(ConnectTimeoutError, "no connection")),
            "answer lost, taken": then_raising(_read_timeout),
            "answer lost, not taken": raising(_read_timeout),
            "busy": _answering(_BUSY[self.kind]),
            "broken": _answering(Answer(500, {"code": "internal_server_error"})),
            "throttled": _answering(_THROTTLED[self.kind]),
        }
        return self._turns.call("shop", lambda: "makes a coupon good", lambda: self._make(asked), wrong)

    def _make(self, asked: Mapping[str, Any]) -> Answer:
        code = asked["code"] if self.kind == "woocommerce" else asked["variables"]["discount"]["code"]
        is_known = code in self.codes
        self.codes[code] = self.codes.get(code, 0) + 1
        return _ANSWERS[self.kind, is_known]


def _read_timeout() -> ReadTimeoutError:
    return ReadTimeoutError(None, "https://shop", "no answer")  # type: ignore[arg-type]  # nobody looks at the pool


def _created(node: Mapping[str, Any] | None, *codes: str) -> dict[str, Any]:
    errors = [{"code": code} for code in codes]
    return {"data": {"discountCodeBasicCreate": {"codeDiscountNode": node, "userErrors": errors}}}


_ADDRESSES = frozenset(
    {
        ("POST", "https://demo.myshopify.com/admin/api/2026-01/graphql.json"),
        ("POST", "https://shop.demo.example/wp-json/wc/v3/coupons"),
    }
)
_BUSY: Mapping[Kind, Answer] = {
    "shopify": Answer(503, {}),
    "woocommerce": Answer(503, {}, {"retry-after": "600"}),
}
_THROTTLED: Mapping[Kind, Answer] = {
    "shopify": Answer(200, {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}),
    "woocommerce": Answer(429, {}, {"retry-after": "2"}),
}
_ANSWERS: Mapping[tuple[Kind, bool], Answer] = {
    ("shopify", False): Answer(200, _created({"id": "gid://shopify/DiscountCodeNode/1"})),
    ("shopify", True): Answer(200, _created(None, "TAKEN")),
    ("woocommerce", False): Answer(201, {"id": 1}),
    ("woocommerce", True): Answer(400, {"code": "woocommerce_rest_coupon_code_already_exists"}),
}
