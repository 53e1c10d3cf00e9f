"""When an address that a message is about to be sent to was erased: as a keyed hash it is remembered for that alone."""

from collections.abc import Iterable
from datetime import datetime

from perennial.aws.store import Store, Tombstone, identity_key
from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action
from perennial.domain.identity import IdentityKey, key_for


class ErasedAddresses:
    def __init__(self, store: Store, secret: bytes) -> None:
        """secret: identity keys are hashed with it."""
        self._store = store
        self._secret = secret

    def erased_at(self, action: Action, recipient: Recipient, to: str) -> datetime | None:
        """The last time that whoever this address was known by had it erased; None: never. One read, mostly."""
        keys = [identity_key(key.kind, key.hashed(self._secret)) for key in _keys(action, recipient, to)]
        owners = {each.customer for each in self._store.identities(keys).values() if each.customer}
        return max(self._erasures(owners - {action.customer}), default=None)

    def _erasures(self, customers: Iterable[str]) -> Iterable[datetime]:
        """Of these customers, and of those as whom they came back and were erased again."""
        wanted = set(customers)
        while wanted:
            found = [each for each in self._store.look(wanted).values() if isinstance(each, Tombstone)]
            yield from (tombstone.erased_at for tombstone in found)
            wanted = {tombstone.again for tombstone in found}


def _keys(action: Action, recipient: Recipient, to: str) -> Iterable[IdentityKey]:
    """A number is known as it was written, and as the world dials it."""
    if action.channel == "email":
        return [key_for(action.store, "email", to)]
    return [key_for(action.store, "phone", number) for number in {to, recipient.person.phone or to}]
