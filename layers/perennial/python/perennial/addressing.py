"""Whose an event is: from the keys it carries to our customer, in as few reads as it takes.

A customer's id is worked out from the strongest key it was first met by, so the record itself is the first
guess, and mostly right: one read. Otherwise the keys are looked up. An event that names only a thing (a refund
knows its order and nobody's name) and comes before whatever tells whose it is, is kept in quarantine and waits
for that key; whoever makes the key somebody's, releases it.

Only the strongest key decides where it is known: a weaker one of the same event may be somebody else's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from perennial.aws.identities import Identity
from perennial.aws.store import Loaded, Store, identity_key
from perennial.aws.table import Key
from perennial.domain.customer import Customer
from perennial.domain.events import Event
from perennial.domain.identity import IdentityKey, customer_id, identity_keys

REMEMBERED = 20_000
"""Keys that one execution environment remembers. They never change hands, so they never get stale."""
NOBODY = "names nobody: no id, email, phone, order or tracking number"


Keep = Callable[[Event, str, Identity | None], str | None]
"""Puts an event into quarantine for a reason, until a key is somebody's; returns whose it is when it is already."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An event whose customer is known."""

    event: Event
    loaded: Loaded
    keys: Mapping[Key, IdentityKey]
    """The identity keys that the event carries, by the key of their item; strongest first."""


class Addressing:
    def __init__(self, store: Store, secret: bytes, keep: Keep) -> None:
        self._store = store
        self._secret = secret
        self._keep = keep
        self._owners: dict[Key, str] = {}

    def of(self, events: Sequence[Event]) -> list[Addressed | None]:
        """For each event its customer as read; None where it waits in quarantine, or came for nobody we know."""
        keys = [self._keys(event) for event in events]
        guesses = [self._guess(event, each) for event, each in zip(events, keys, strict=True)]
        loaded = self._store.load(guess for guess in dict.fromkeys(guesses) if guess)
        unsure = [
            position
            for position, event in enumerate(events)
            if guesses[position] not in loaded and event.customer is None
        ]
        identities = self._store.identities(key for position in unsure for key in keys[position])
        for position in unsure:
            guesses[position] = self._owner(events[position], keys[position], identities)
        loaded |= self._store.load(
            owner for owner in dict.fromkeys(guesses[position] for position in unsure) if owner and owner not in loaded
        )
        return [
            self._addressed(event, guess, each, loaded)
            for event, guess, each in zip(events, guesses, keys, strict=True)
        ]

    def remember(self, identities: Iterable[Identity]) -> None:
        """Whose these keys are."""
        if len(self._owners) > REMEMBERED:
            self._owners.clear()
        self._owners.update({identity.key: identity.customer for identity in identities if identity.customer})

    def _keys(self, event: Event) -> dict[Key, IdentityKey]:
        return {identity_key(key.kind, key.hashed(self._secret)): key for key in identity_keys(event)}

    def _guess(self, event: Event, keys: Mapping[Key, IdentityKey]) -> str | None:
        if event.customer:
            return event.customer
        strongest = next(iter(keys), None)
        return (self._owners.get(strongest) if strongest else None) or self._minted(keys)

    def _minted(self, keys: Mapping[Key, IdentityKey]) -> str | None:
        """The id that this customer has, if it was first met by the strongest of these keys."""
        strongest = next((key for key in keys.values() if key.is_personal), None)
        return customer_id(strongest, self._secret) if strongest else None

    def _owner(self, event: Event, keys: Mapping[Key, IdentityKey], identities: Mapping[Key, Identity]) -> str | None:
        self.remember(identities[key] for key in keys)
        owner = next((identities[key].customer for key in keys if identities[key].customer), None)
        if owner or (owner := self._minted(keys)):
            return owner
        if not keys:
            return self._keep(event, NOBODY, None)
        return self._keep(event, f"waits for whose it is: {_first(keys)}", identities[next(iter(keys))])

    def _addressed(
        self, event: Event, customer: str | None, keys: Mapping[Key, IdentityKey], loaded: Mapping[str, Loaded]
    ) -> Addressed | None:
        if customer is None:
            return None
        if known := loaded.get(customer):
            return Addressed(event, known, keys)
        if event.customer:
            return None  # of somebody who was erased since
        return Addressed(event, Loaded(Customer(id=customer, store=event.store), is_new=True), keys)


def _first(keys: Mapping[Key, IdentityKey]) -> str:
    return {"order": "its order", "order_name": "its order", "tracking": "its parcel"}[next(iter(keys.values())).kind]
