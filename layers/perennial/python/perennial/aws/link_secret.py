"""The keys that sign links in messages, out of Secrets Manager, changed without a deploy."""

from datetime import datetime, timedelta
from typing import Any

from perennial.aws.clock import Clock
from perennial.channels.links import LinkKeys, read_keys

REREAD_AFTER = timedelta(minutes=5)
"""How long a new key may not be known yet, and one that was taken away still be believed."""


class LinkSecret:
    def __init__(self, client: Any, secret_id: str, clock: Clock) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._keys: LinkKeys = {}
        self._read_at: datetime | None = None

    def keys(self) -> LinkKeys:
        """Raises `BadLinkKeys`."""
        now = self._clock.wall()
        if self._read_at is None or now - self._read_at >= REREAD_AFTER:
            self._keys = read_keys(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
            self._read_at = now
        return self._keys
