"""Identity items: whose a key is, or which quarantine entries wait until it is somebody's.

Apart from the rest of the store, so that the functions at the door need not import what judges customers.
"""

from dataclasses import dataclass
from typing import NamedTuple

from perennial.aws.table import Absent, Equals, Item, Key, Put


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of one identity key."""

    key: Key
    customer: str | None = None
    parked: tuple[str, ...] = ()
    """Ids of quarantine entries that wait for this key to be somebody's."""


class Waiting(NamedTuple):
    """A key that is nobody's yet, with an entry that waits for it; and what writes that down, if nothing changed."""

    identity: Identity
    put: Put


def with_waiting(identity: Identity, entry: str) -> Waiting:
    """Let a quarantine entry wait for this key. Also for one that waits already: that it still waits is written."""
    parked = identity.parked if entry in identity.parked else (*identity.parked, entry)
    item = Item(identity.key, "\n".join(parked), {"parked": len(parked)})
    condition = Equals("parked", len(identity.parked)) if identity.parked else Absent()
    return Waiting(Identity(identity.key, None, parked), Put(item, (condition,)))


def identity_of(key: Key, item: Item | None) -> Identity:
    if item is None:
        return Identity(key)
    customer = item.attributes.get("customer")
    parked = tuple(item.body.split("\n")) if item.body else ()
    return Identity(key, str(customer) if customer else None, parked)
