"""What senders need to be let in elsewhere: one JSON secret, written by people, never by a deploy.

    {"shopify/demo": {"shop": "demo.myshopify.com", "token": "shpat_..."},
     "woocommerce/demo": {"url": "https://shop.example.com", "key": "ck_...", "secret": "cs_..."},
     "twilio": {"account": "AC...", "user": "SK...", "password": "...", "sender": "+34600000000"},
     "smtp": {"host": "mail.example.com", "port": 587, "security": "starttls", "user": "...", "password": "..."},
     "webhook/desk": {"url": "https://desk.example.com/perennial", "secrets": ["whsec_..."]}}

With the first two coupons are made in shops: they may write discounts, which the keys that orders are read with need
not and should not. What is not there is not used.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from perennial.aws.api_keys import Secret, WooCommerceKey
from perennial.aws.clock import Clock
from perennial.domain.notices import Kinds, Notice
from perennial.domain.values import Model

REREAD_AFTER = timedelta(minutes=5)
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_WORD = r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]"
_HOST = rf"({_LABEL}\.)+[A-Za-z]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])"
WEBHOOK_URL = rf"^https://{_HOST}(:[0-9]{{1,5}})?(/{_WORD}*)?(\?({_WORD}|\?)*)?$"
"""By a name and over TLS; without a user, and no address in numbers, however it is written."""
HTTPS = 443
LEAST_PORT = 1024
"""Below are the services of other trades: mail, files, databases of old."""


class ShopifyKey(Model):
    shop: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}\.myshopify\.com$")]
    token: Secret
    """Of an app with the scope `write_discounts`."""


class TwilioKey(Model):
    account: Annotated[str, Field(pattern=r"^AC[0-9a-f]{32}$")]
    user: Annotated[str, Field(pattern=r"^(AC|SK)[0-9a-f]{32}$")]
    """An API key, or the account itself."""
    password: Secret
    """Of the API key its secret, of the account its token."""
    sender: Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{6,14}|MG[0-9a-f]{32})$")]
    """A number, or a messaging service."""


class SmtpServer(Model):
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls"] = "starttls"
    """The password never goes over a connection that anybody can read."""
    user: Annotated[str, Field(pattern=r"^[ -~]{1,200}$")]
    """ASCII, as logging in wants it."""
    password: Secret


def _signs(secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("whsec_ is followed by base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("a key has 24 to 64 bytes")
    return secret


SigningSecret = Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/=]{32,100}$"), AfterValidator(_signs)]
"""As Standard Webhooks writes it: 24 to 64 bytes in base64."""


def _at_a_port_for_this(url: str) -> str:
    port = urlsplit(url).port  # raises ValueError beyond 65535
    if port not in (None, HTTPS) and port < LEAST_PORT:
        raise ValueError(f"the port is {HTTPS}, or {LEAST_PORT} and above")
    return url


class Webhook(Model):
    """A system of the merchant's that wants to be told: by Standard Webhooks (docs/connect/merchant-webhook.md)."""

    url: Annotated[str, Field(pattern=WEBHOOK_URL, max_length=2_000, repr=False), AfterValidator(_at_a_port_for_this)]
    """It may hold a secret of the receiver's."""
    secrets: Annotated[tuple[SigningSecret, ...], Field(min_length=1, max_length=3, repr=False)]
    """The current one first; each signs, so that the receiver may change at any moment."""
    kinds: Kinds = ()
    """What it is told; empty: all that the policy tells."""
    stores: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=100)] = ()
    """Of which stores; empty: of all."""

    def wants(self, notice: Notice) -> bool:
        return (not self.kinds or notice.kind in self.kinds) and (not self.stores or notice.store in self.stores)


Key = ShopifyKey | WooCommerceKey | TwilioKey | SmtpServer | Webhook
K = TypeVar("K", bound=Key)
_KINDS: Mapping[str, type[Key]] = {
    "shopify": ShopifyKey,
    "woocommerce": WooCommerceKey,
    "twilio": TwilioKey,
    "smtp": SmtpServer,
    "webhook": Webhook,
}
_book: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(
    dict[
        Annotated[str, Field(pattern=r"^((shopify|woocommerce|webhook)/[a-z0-9][a-z0-9-]{0,62}|twilio|smtp)$")],
        dict[str, Any],
    ],
    config=ConfigDict(defer_build=True, hide_input_in_errors=True),
)


class BadSenderKeys(Exception):
    """The secret does not hold keys as described above; correct it, nothing is sent with them meanwhile."""


def read_keys(text: str) -> Mapping[str, Key]:
    """Raises `BadSenderKeys` without quoting any of it."""
    try:
        return {name: _KINDS[name.split("/")[0]].model_validate(key) for name, key in _book.validate_json(text).items()}
    except ValidationError as wrong:
        raise BadSenderKeys(f"{wrong.error_count()} mistakes in the secret of the senders") from None


class SenderKeys:
    """Read when first asked for, and anew after five minutes."""

    def __init__(self, read: Callable[[], str], clock: Clock) -> None:
        """read: the secret's text."""
        self._read = read
        self._clock = clock
        self._keys: Mapping[str, Key] = {}
        self._read_at: datetime | None = None

    def of(self, name: str, kind: type[K]) -> K | None:
        """The key of this name; None where the merchant gave none. Raises `BadSenderKeys`."""
        key = self._current().get(name)
        return key if isinstance(key, kind) else None

    def webhooks(self) -> Mapping[str, Webhook]:
        """Those that want to be told, by the merchant's own names for them. Raises `BadSenderKeys`."""
        named = self._current().items()
        return {name.removeprefix("webhook/"): key for name, key in named if isinstance(key, Webhook)}

    def _current(self) -> Mapping[str, Key]:
        now = self._clock.wall()
        if self._read_at is None or now - self._read_at >= REREAD_AFTER:
            self._keys = read_keys(self._read())
            self._read_at = now
        return self._keys
