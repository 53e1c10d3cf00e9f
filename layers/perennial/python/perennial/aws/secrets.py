"""Who may speak for which source and store: webhook secrets, out of Secrets Manager, rotated without a deploy."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from perennial.aws.clock import Clock

REREAD_AFTER = timedelta(minutes=5)
"""How long a secret that was taken away may still be accepted."""
REFRESH_AT_MOST_EVERY = timedelta(seconds=30)
"""Anybody can send a wrong signature: this bounds what it makes us read."""
SHORTEST_SECRET = 8

_book: TypeAdapter[dict[str, tuple[str, ...]]] = TypeAdapter(
    dict[
        Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9-]+$")],
        Annotated[tuple[Annotated[str, Field(min_length=SHORTEST_SECRET)], ...], Field(min_length=1, max_length=2)],
    ],
    config=ConfigDict(defer_build=True),
)


class Secrets(Protocol):
    def of(self, source: str, store: str) -> tuple[str, ...]:
        """The active secrets, the current one first; none where this store has no such source."""

    def refresh(self) -> bool:
        """Read them anew before their time; False when that was done only just now."""


class BadSecrets(Exception):
    """The secret does not hold one or two secrets per "source/store"; correct it, nothing is accepted meanwhile."""


def read_secrets(text: str) -> Mapping[str, tuple[str, ...]]:
    """`{"shopify/demo": ["current", "previous"]}`. Raises `BadSecrets` without quoting any of it.

    Short and empty secrets are refused: a signature with one of them is anybody's.
    """
    try:
        return _book.validate_json(text)
    except ValidationError as wrong:
        raise BadSecrets(f"{wrong.error_count()} mistakes in the secret of the webhooks") from None


class SecretsManagerSecrets:
    """Read at most every five minutes, and sooner when asked to, but not more often than every 30 seconds."""

    def __init__(self, client: Any, secret_id: str, clock: Clock) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._book: Mapping[str, tuple[str, ...]] = {}
        self._read_at: datetime | None = None

    def of(self, source: str, store: str) -> tuple[str, ...]:
        if self._age() >= REREAD_AFTER:
            self._read()
        return self._book.get(f"{source}/{store}", ())

    def refresh(self) -> bool:
        if self._age() < REFRESH_AT_MOST_EVERY:
            return False
        self._read()
        return True

    def _age(self) -> timedelta:
        return timedelta.max if self._read_at is None else self._clock.wall() - self._read_at

    def _read(self) -> None:
        self._book = read_secrets(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        self._read_at = self._clock.wall()
