"""Whether an event was applied already, asked from outside: by the journals of all whom it may belong to."""

from collections.abc import Mapping, Sequence

from perennial.aws.identities import Identity
from perennial.aws.store import Store, identity_key
from perennial.aws.table import Key
from perennial.domain.events import Event
from perennial.domain.identity import customer_id, identity_keys
from perennial.domain.journal import entry_key


class TableJournals:
    def __init__(self, store: Store, secret: bytes) -> None:
        """`secret` is the key under which identities are hashed."""
        self._store = store
        self._secret = secret

    def lacking(self, events: Sequence[Event]) -> list[Event]:
        """Two reads for all of them: whose each may be, and whether one of those has its entry."""
        keys = [self._keys(event) for event in events]
        identities = self._store.identities(key for each in keys for key in each)
        entries = [
            [Key(f"C#{owner}", entry_key(event)) for owner in self._owners(event, each, identities)]
            for event, each in zip(events, keys, strict=True)
        ]
        wanted = list(dict.fromkeys(key for each in entries for key in each))
        found = self._store.table.get(wanted) if wanted else {}
        return [event for event, each in zip(events, entries, strict=True) if not found.keys() & set(each)]

    def _keys(self, event: Event) -> list[Key]:
        return [identity_key(key.kind, key.hashed(self._secret)) for key in identity_keys(event)]

    def _owners(self, event: Event, keys: Sequence[Key], identities: Mapping[Key, Identity]) -> list[str]:
        """Everybody who has one of its keys: it was applied to whom it was whose then, and its keys may have moved."""
        owners = [owner for key in keys if (owner := identities[key].customer)]
        strongest = next((key for key in identity_keys(event) if key.is_personal), None)
        minted = [customer_id(strongest, self._secret)] if strongest else []
        return list(dict.fromkeys([*owners, *minted]))
