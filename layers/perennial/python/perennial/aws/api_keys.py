"""Keys to the APIs of vendors that must be asked: one JSON secret, written by people, never by a deploy.

    {"woocommerce/demo": {"url": "https://shop.example.com", "key": "ck_...", "secret": "cs_..."},
     "bigcommerce/demo": {"store_hash": "x1y2z3", "token": "..."}}

Apart from the webhooks' secrets, so that the function behind the public door cannot read any shop.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from perennial.aws.clock import Clock
from perennial.domain.values import Model

REREAD_AFTER = timedelta(minutes=5)

Secret = Annotated[str, Field(pattern=r"^[!-~]{1,500}$", repr=False)]
"""Printable, so that it fits into a header and brings no second one along."""


class WooCommerceKey(Model):
    url: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$")]
    """Where the shop is: only https, and only the address that the merchant wrote here is ever asked."""
    key: Secret
    secret: Secret


class BigCommerceKey(Model):
    store_hash: Annotated[str, Field(pattern=r"^[a-z0-9]{1,40}$")]
    token: Secret


ApiKey = WooCommerceKey | BigCommerceKey
_KINDS: Mapping[str, type[WooCommerceKey] | type[BigCommerceKey]] = {
    "woocommerce": WooCommerceKey,
    "bigcommerce": BigCommerceKey,
}
_book: TypeAdapter[dict[str, dict[str, str]]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^(woocommerce|bigcommerce)/[a-z0-9][a-z0-9-]{0,62}$")], dict[str, str]],
    config=ConfigDict(defer_build=True),
)


class BadKeys(Exception):
    """The secret does not hold keys of vendors as described above; correct it, nothing is asked meanwhile."""


class ApiKeys(Protocol):
    def of(self, source: str, store: str) -> ApiKey | None:
        """None where the merchant gave no key."""

    def stores(self, source: str) -> tuple[str, ...]:
        """The stores of this vendor that there is a key for."""


class Book:
    """Keys that were read."""

    def __init__(self, keys: Mapping[str, ApiKey]) -> None:
        self._keys = keys

    def of(self, source: str, store: str) -> ApiKey | None:
        return self._keys.get(f"{source}/{store}")

    def stores(self, source: str) -> tuple[str, ...]:
        named = (name.split("/") for name in sorted(self._keys))
        return tuple(store for vendor, store in named if vendor == source)


def read_keys(text: str) -> Book:
    """Raises `BadKeys` without quoting any of it."""
    try:
        written = _book.validate_json(text)
        return Book({name: _KINDS[name.split("/")[0]].model_validate(key) for name, key in written.items()})
    except ValidationError as wrong:
        raise BadKeys(f"{wrong.error_count()} mistakes in the secret of the API keys") from None


class SecretsManagerApiKeys:
    """Read when first asked for, and anew after five minutes."""

    def __init__(self, client: Any, secret_id: str, clock: Clock) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._book = Book({})
        self._read_at: datetime | None = None

    def of(self, source: str, store: str) -> ApiKey | None:
        return self._current().of(source, store)

    def stores(self, source: str) -> tuple[str, ...]:
        return self._current().stores(source)

    def _current(self) -> Book:
        now = self._clock.wall()
        if self._read_at is None or now - self._read_at >= REREAD_AFTER:
            self._book = read_keys(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
            self._read_at = now
        return self._book
