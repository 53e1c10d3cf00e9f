"""Whose an event is: from the keys it carries to our customer, in as few reads as it takes.

A customer's id is worked out from the strongest key it was first met by, so the record itself is the first
guess, and mostly right: one read. Otherwise the keys are looked up. An event that names only a thing (a refund
knows its order and nobody's name) and comes before whatever tells whose it is, is kept in quarantine and waits
for that key; whoever makes the key somebody's, releases it.

Only the strongest key decides where it is known: a weaker one of the same event may be somebody else's. Who has been
merged into somebody else keeps their keys and their journal; what is read and decided on is the record of the other.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from perennial.aws.identities import Identity
from perennial.aws.store import Loaded, Store, Tombstone, identity_key
from perennial.aws.table import Key
from perennial.domain.customer import Customer
from perennial.domain.erasure import begins_anew, is_forgotten
from perennial.domain.events import Event
from perennial.domain.identity import NO_WORDS, IdentityKey, Words, customer_id, identity_keys, whose
from perennial.marking import Marking

REMEMBERED = 20_000
"""Keys that one execution environment remembers. They never change hands, so they never get stale."""
NOBODY = "names nobody: no id, email, phone, card, device, order or tracking number"


Keep = Callable[[Event, str, Identity | None], str | None]
"""Puts an event into quarantine for a reason, until a key is somebody's; returns whose it is when it is already."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """An event whose customer is known."""

    event: Event
    loaded: Loaded
    """The record to decide on."""
    keys: Mapping[Key, IdentityKey]
    """The identity keys that the event carries, by the key of their item; strongest first."""
    own: Loaded | None = None
    """Where its customer has been merged into another: what is in the place of their own record."""
    identities: Mapping[Key, Identity] = field(default_factory=dict)
    """Whose these keys are, as far as that had to be read."""

    @property
    def whose(self) -> str:
        """To whom it was told: in their journal it is written down."""
        return (self.own or self.loaded).customer.id

    def is_told_by(self, key: Key) -> bool:
        """May this key decide whose the event is? Not one that was known to be somebody else's all along."""
        known = self.identities.get(key)
        return known is None or known.customer in (None, self.whose)


class Addressing:
    def __init__(self, store: Store, secret: bytes, keep: Keep) -> None:
        self._store = store
        self._secret = secret
        self._marking = Marking(secret)
        self._keep = keep
        self._owners: dict[Key, str] = {}

    def of(self, events: Sequence[Event]) -> list[Addressed | None]:
        """For each event its customer as read; None where it waits in quarantine, or came for nobody we know."""
        letters = [_Letter(event, keys := self._keys(event), self._guess(event, keys)) for event in events]
        asked = dict.fromkeys(letter.customer for letter in letters if letter.customer)
        found = self._store.look(asked)
        unsure = [letter for letter in letters if letter.is_unsure(found)]
        identities = self._store.identities(key for letter in unsure for key in letter.keys)
        self._find_owners(unsure, identities, found, asked)
        self._follow(letters, identities, found)
        return [self._addressed(letter, found, identities) for letter in letters]

    def _find_owners(
        self,
        letters: Sequence["_Letter"],
        identities: Mapping[Key, Identity],
        found: dict[str, Loaded | Tombstone],
        asked: Collection[str],
    ) -> None:
        """Whose the events are that were not told to whom we guessed. found: who has been read of those asked for."""
        concerned = (self._concerned(letter.keys, identities) for letter in letters)
        if unread := [each for each in dict.fromkeys(chain(*concerned)) if each not in asked]:
            found |= self._store.look(unread)
        for letter in letters:
            letter.customer = self._owner(letter.event, letter.keys, identities, found)
        for letter in letters:
            if isinstance(erased := found.get(letter.customer or ""), Tombstone):
                letter.customer = self._since_erased(letter.event, letter.keys, identities, erased, found)
                letter.keys = _but_for_the_erased(letter.keys, identities, found)

    def _follow(
        self, letters: Sequence["_Letter"], identities: dict[Key, Identity], found: dict[str, Loaded | Tombstone]
    ) -> None:
        """Read the records that stand for those of who was merged; and whose the keys of their events are, of which
        nothing is marked."""
        merged = [letter for letter in letters if _merged_into(found.get(letter.customer or ""))]
        while unread := {into for each in found.values() if (into := _merged_into(each))} - found.keys():
            read = self._store.look(unread)
            found |= read
            if len(read) < len(unread):
                break  # into somebody who is no more
        if unknown := [key for letter in merged for key in letter.keys if key not in identities]:
            identities |= self._store.identities(unknown)

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

    def _concerned(self, keys: Mapping[Key, IdentityKey], identities: Mapping[Key, Identity]) -> Iterator[str]:
        """Whose the event may turn out to be."""
        owners = (identities[key].customer for key in keys)
        yield from (owner for owner in (*owners, self._minted(keys)) if owner)

    def _owner(
        self,
        event: Event,
        keys: Mapping[Key, IdentityKey],
        identities: Mapping[Key, Identity],
        found: Mapping[str, Loaded | Tombstone],
    ) -> str | None:
        self.remember(identities[key] for key in keys)
        owners = {each: owner for key, each in keys.items() if (owner := identities[key].customer)}
        owner = whose(keys.values(), owners, lambda customer: self._words(found.get(customer), event))
        if owner or (owner := self._minted(keys)):
            return owner
        if not keys:
            return self._keep(event, NOBODY, None)
        return self._keep(event, f"waits for whose it is: {_first(keys)}", identities[next(iter(keys))])

    def _words(self, customer: Loaded | Tombstone | None, event: Event) -> Words:
        if not isinstance(customer, Loaded):
            return NO_WORDS
        known, said = customer.marks.profile, self._marking.said(event)
        return Words(
            known.keys(), {field for field in known if field in said and said[field].mark == known[field].mark}
        )

    def _since_erased(
        self,
        event: Event,
        keys: Mapping[Key, IdentityKey],
        identities: Mapping[Key, Identity],
        erased: Tombstone,
        found: dict[str, Loaded | Tombstone],
    ) -> str | None:
        """Whose an event is whose keys were an erased customer's: theirs who came back, or nobody's.

        found: who has been read; as whom they came back is added. What is of the time before the last erasure is
        forgotten, and so is what was theirs then.
        """
        again, erased_at = erased.again, erased.erased_at
        while isinstance(back := self._looked_at(again, found), Tombstone):
            again, erased_at = back.again, max(erased_at, back.erased_at)
        things = {identities[key].customer for key, each in keys.items() if not each.is_personal}
        if is_forgotten(event, erased_at, bool(things - {None, again})):
            return None
        return again if back or begins_anew(event) else None

    def _looked_at(self, customer: str, found: dict[str, Loaded | Tombstone]) -> Loaded | Tombstone | None:
        if customer not in found:
            found |= self._store.look([customer])
        return found.get(customer)

    def _addressed(
        self, letter: "_Letter", found: Mapping[str, Loaded | Tombstone], identities: Mapping[Key, Identity]
    ) -> Addressed | None:
        if letter.customer is None:
            return None
        read = {key: identities[key] for key in letter.keys if key in identities}
        if isinstance(known := found.get(letter.customer), Loaded):
            if (root := _root(known, found)) is None:
                return None
            return Addressed(letter.event, root, letter.keys, known if root is not known else None, read)
        if letter.event.customer:
            return None  # of somebody who was erased since
        nobody = Loaded(Customer(id=letter.customer, store=letter.event.store), is_new=True)
        return Addressed(letter.event, nobody, letter.keys, None, read)


@dataclass(slots=True)
class _Letter:
    """An event on its way to its customer."""

    event: Event
    keys: Mapping[Key, IdentityKey]
    customer: str | None
    """As far as is known by now."""

    def is_unsure(self, found: Mapping[str, Loaded | Tombstone]) -> bool:
        return self.event.customer is None and not isinstance(found.get(self.customer or ""), Loaded)


def _root(known: Loaded, found: Mapping[str, Loaded | Tombstone]) -> Loaded | None:
    """The record that is this one's now; None where it was merged into somebody who was erased since."""
    root: Loaded | Tombstone | None = known
    while into := _merged_into(root):
        root = found.get(into)
    return root if isinstance(root, Loaded) else None


def _merged_into(known: Loaded | Tombstone | None) -> str | None:
    return known.customer.merged_into if isinstance(known, Loaded) else None


def _but_for_the_erased(
    keys: Mapping[Key, IdentityKey], identities: Mapping[Key, Identity], found: Mapping[str, Loaded | Tombstone]
) -> dict[Key, IdentityKey]:
    """Without those that lead to a tombstone: they go on doing so."""
    return {
        key: each for key, each in keys.items() if not isinstance(found.get(identities[key].customer or ""), Tombstone)
    }


def _first(keys: Mapping[Key, IdentityKey]) -> str:
    return {"order": "its order", "order_name": "its order", "tracking": "its parcel"}[next(iter(keys.values())).kind]
