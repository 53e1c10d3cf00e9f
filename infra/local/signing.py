"""Signs as the vendors do: what the laptop's player and the tests send, in the voice of a shop, a help desk, a carrier.

Written from the vendors' documents and not from `perennial.sources`, so that one cannot cover for the other.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook

Headers = Mapping[str, str]


def signed(source: str, body: bytes, headers: Headers, secret: str, now: datetime) -> dict[str, str]:
    """The headers as the vendor would send them, signed at `now`. Raises `KeyError` for a source we cannot play."""
    return {"content-type": "application/json", **headers, **_SIGNERS[source](body, headers, secret, now)}


def _base64_hmac(secret: str, message: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def _shopify(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"X-Shopify-Hmac-SHA256": _base64_hmac(secret, body)}


def _zendesk(body: bytes, _headers: Headers, secret: str, now: datetime) -> dict[str, str]:
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        "X-Zendesk-Webhook-Signature": _base64_hmac(secret, stamp.encode() + body),
    }


def _aftership(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"aftership-hmac-sha256": _base64_hmac(secret, body)}


def _woocommerce(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"X-WC-Webhook-Signature": _base64_hmac(secret, body)}


def _open(body: bytes, headers: Headers, secret: str, now: datetime) -> dict[str, str]:
    """Standard Webhooks; a message without an id of its own is named after its content."""
    name = headers.get("webhook-id") or f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, now.astimezone(UTC), body.decode()),
    }


_SIGNERS: Mapping[str, Callable[[bytes, Headers, str, datetime], dict[str, str]]] = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "zendesk": _zendesk,
    "aftership": _aftership,
    "open": _open,
}
