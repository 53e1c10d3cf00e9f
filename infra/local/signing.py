"""Signs as the vendors do: what the laptop's player and the tests send, in the voice of a shop, a help desk, a carrier.

Written from the vendors' documents and not from `perennial.sources`, so that one cannot cover for the other.
"""

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from standardwebhooks import Webhook

from infra.local.state import STORE

Headers = Mapping[str, str]
PUBLIC_URL = "https://hooks.example.com"
"""Where the demo store is reached, as its senders believe."""
TWILIO_CALLS = f"{PUBLIC_URL}/webhooks/twilio/{STORE}"


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


def _aftership_returns(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"as-signature-hmac-sha256": _base64_hmac(secret, body)}


def _17track(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    """No HMAC: a digest of body, a slash, and the key."""
    return {"sign": hashlib.sha256(b"/".join((body, secret.encode()))).hexdigest()}


def _twilio(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    """Over the address that it calls and the form. What that address is, the function tells the door itself."""
    form = sorted(set(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)))
    signed = TWILIO_CALLS + "".join(name + value for name, value in form)
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(signature).decode(), "X-Perennial-Url": TWILIO_CALLS}


def _easypost(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    key = unicodedata.normalize("NFKD", secret).encode()
    return {"X-Hmac-Signature": f"hmac-sha256-hex={hmac.new(key, body, hashlib.sha256).hexdigest()}"}


def _woocommerce(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"X-WC-Webhook-Signature": _base64_hmac(secret, body)}


def _bigcommerce(_body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    """Nothing is signed: the header is the secret."""
    return {"X-Perennial-Key": secret}


def _freshdesk(_body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    """Nothing is signed: the automation's password is the secret."""
    return {"Authorization": "Basic " + base64.b64encode(f"perennial:{secret}".encode()).decode()}


def _gorgias(_body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    """Nothing is signed: the header is the secret."""
    return {"X-Perennial-Key": secret}


def _intercom(body: bytes, _headers: Headers, secret: str, _now: datetime) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha1={hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}"}


def _open(body: bytes, headers: Headers, secret: str, now: datetime) -> dict[str, str]:
    """Standard Webhooks; a message without an id is named after its content, a binary one after its attributes."""
    named = {name.lower(): value for name, value in headers.items()}
    attributes = [named.get(f"ce-{name}", "") for name in ("type", "source", "id", "time", "specversion")]
    content = "\n".join(attributes).encode()
    binary = hashlib.sha256(content).hexdigest() if any(attributes) else None
    name = named.get("webhook-id") or binary or f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, now.astimezone(UTC), body.decode()),
    }


_SIGNERS: Mapping[str, Callable[[bytes, Headers, str, datetime], dict[str, str]]] = {
    "shopify": _shopify,
    "woocommerce": _woocommerce,
    "bigcommerce": _bigcommerce,
    "zendesk": _zendesk,
    "freshdesk": _freshdesk,
    "gorgias": _gorgias,
    "intercom": _intercom,
    "aftership": _aftership,
    "aftership_returns": _aftership_returns,
    "17track": _17track,
    "easypost": _easypost,
    "twilio": _twilio,
    "open": _open,
}
