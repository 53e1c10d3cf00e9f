"""The keys that sign links in messages, out of Secrets Manager, changed without a deploy."""

from datetime import datetime, timedelta
from typing import Any

from perennial.aws.clock import Clock
from perennial.channels.links import LinkKeys, read_keys

REREAD_AFTER = timedelta(minutes=5)
"""How long a new key may not sign yet, and one that was taken away still be believed."""
REFRESH_AT_MOST_EVERY = timedelta(seconds=10)
"""Anybody can make up a link that names a key of no one's: this bounds what it makes us read."""


class LinkSecret:
    def __init__(self, client: Any, secret_id: str, clock: Clock) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._keys: LinkKeys = {}
        self._read_at: datetime | None = None
        self._refreshed_at: datetime | None = None

    def keys(self) -> LinkKeys:
        """Raises `BadLinkKeys`."""
        now = self._clock.wall()
        if self._read_at is None or now - self._read_at >= REREAD_AFTER:
            self._read(now)
        return self._keys

    def refresh(self) -> bool:
        """Read them anew before their time; False when that was asked for only just now. Raises `BadLinkKeys`."""
        now = self._clock.wall()
        if self._refreshed_at is not None and now - self._refreshed_at < REFRESH_AT_MOST_EVERY:
            return False
        self._read(now)
        self._refreshed_at = now
        return True

    def _read(self, now: datetime) -> None:
        self._keys = read_keys(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        self._read_at = now
