"""What senders need to be let in elsewhere: one JSON secret, written by people, never by a deploy.

    {"shopify/demo": {"shop": "demo.myshopify.com", "token": "shpat_..."},
     "woocommerce/demo": {"url": "https://shop.example.com", "key": "ck_...", "secret": "cs_..."},
     "twilio": {"account": "AC...", "user": "SK...", "password": "...", "sender": "+34600000000"},
     "smtp": {"host": "mail.example.com", "port": 587, "security": "starttls", "user": "...", "password": "..."}}

With the first two coupons are made in shops: they may write discounts, which the keys that orders are read with need
not and should not. What is not there is not used.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from perennial.aws.api_keys import Secret, WooCommerceKey
from perennial.aws.clock import Clock
from perennial.domain.values import Model

REREAD_AFTER = timedelta(minutes=5)


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
    user: Annotated[str, Field(min_length=1, max_length=200)]
    password: Secret


Key = ShopifyKey | WooCommerceKey | TwilioKey | SmtpServer
K = TypeVar("K", bound=Key)
_KINDS: Mapping[str, type[Key]] = {
    "shopify": ShopifyKey,
    "woocommerce": WooCommerceKey,
    "twilio": TwilioKey,
    "smtp": SmtpServer,
}
_book: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(
    dict[
        Annotated[str, Field(pattern=r"^((shopify|woocommerce)/[a-z0-9][a-z0-9-]{0,62}|twilio|smtp)$")],
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
        now = self._clock.wall()
        if self._read_at is None or now - self._read_at >= REREAD_AFTER:
            self._keys = read_keys(self._read())
            self._read_at = now
        key = self._keys.get(name)
        return key if isinstance(key, kind) else None
