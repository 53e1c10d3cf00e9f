"""What the outbox reads and writes: everything about one message in one read, and the claims under a version.

Errors:
    Conflict   another sender wrote first; decide again from what it left
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from perennial.aws.holds import IN_FORCE, Holds, holds_of
from perennial.aws.places import Places
from perennial.aws.store import content_key, messaging_key, profile_key, record_key, record_of
from perennial.aws.table import Equals, Item, Key, Lacks, Put, Refused, Table
from perennial.channels.messaging import Messaging
from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action
from perennial.domain.holds import Hold
from perennial.domain.profile import Profile


@dataclass(frozen=True, slots=True)
class Book:
    """The claims of one customer, and which version of them this is; 0 is before the first."""

    messaging: Messaging
    version: int


class Conflict(Exception):
    """Another sender wrote this customer's claims first. Nothing was written; decide again from `found`."""

    def __init__(self, found: Book) -> None:
        super().__init__(f"found version {found.version}")
        self.found = found


class Ledger:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, action: Action) -> tuple[Recipient, Book] | None:
        """None where there is no such customer any more."""
        messaging = messaging_key(action.customer)
        found = self._table.get([*_of_recipient(action), messaging])
        recipient = self._as_one(_recipient(action, found), action, found)
        return (recipient, _book(found.get(messaging))) if recipient else None

    def recipient(self, action: Action) -> Recipient | None:
        """Whom it is for, as they are now."""
        found = self._table.get(_of_recipient(action))
        return self._as_one(_recipient(action, found), action, found)

    def _as_one(self, recipient: Recipient | None, action: Action, found: Mapping[Key, Item]) -> Recipient | None:
        """With what is known of all who are the same person. Who was never merged needs no further read."""
        while recipient and (into := recipient.customer.merged_into):
            survivor = record_of(self._table.get([record_key(into)]).get(record_key(into)))
            recipient = replace(recipient, customer=survivor) if survivor else None
        if recipient is None or not recipient.customer.members:
            return recipient
        everyone = [recipient.customer.id, *recipient.customer.members]
        wanted = [key for each in everyone for key in (profile_key(each), messaging_key(each)) if key not in found]
        return _joined(recipient, action, {**found, **self._table.get(wanted)})

    def keep(self, action: Action, hold: Hold) -> bool:
        """Let the action wait under the hold. False where that was lifted meanwhile."""
        return Holds(self._table).keep(action, hold)

    def end_waiting(self, action: Action, hold: Hold) -> None:
        """It has had its outcome."""
        Holds(self._table).forget(hold.id, [action])

    def take_place(self, day: date, quota: int) -> bool:
        """One more of the marketing emails of that day; False where there are no more than these."""
        return Places(self._table).take(day, quota)

    def give_place_back(self, day: date, taker: str) -> None:
        Places(self._table).give_back(day, taker)

    def write(self, customer: str, messaging: Messaging, over: Book) -> Book:
        """Put these claims in the place of `over`. Raises `Conflict`, and what the table raises."""
        version = over.version + 1
        body = messaging.model_dump_json(exclude_defaults=True)
        unchanged = Equals("version", over.version) if over.version else Lacks("version")
        try:
            self._table.write([Put(Item(messaging_key(customer), body, {"version": version}), (unchanged,))])
        except Refused as refused:
            raise Conflict(_book(refused.found[0])) from refused
        return Book(messaging, version)


def _of_recipient(action: Action) -> list[Key]:
    return [record_key(action.customer), profile_key(action.customer), IN_FORCE, *_cart_key(action)]


def _cart_key(action: Action) -> tuple[Key, ...]:
    cart = action.subject.get("cart")
    return (content_key(action.customer, f"cart:{cart}"),) if cart else ()


def _recipient(action: Action, found: Mapping[Key, Item]) -> Recipient | None:
    customer, profile = record_of(found.get(record_key(action.customer))), found.get(profile_key(action.customer))
    if customer is None:
        return None
    return Recipient(
        customer=customer,
        person=_profile(profile).person,
        cart_url=next((json.loads(found[key].body).get("url") for key in _cart_key(action) if key in found), None),
        holds=holds_of(found.get(IN_FORCE)),
    )


def _joined(recipient: Recipient, action: Action, found: Mapping[Key, Item]) -> Recipient:
    """The survivor's own words first; of the others' sends, all count."""
    profiles = {each: _profile(found.get(profile_key(each))) for each in recipient.customer.members}
    own = _profile(found.get(profile_key(recipient.customer.id)))
    others = {recipient.customer.id, *recipient.customer.members} - {action.customer}
    books = (_book(found.get(messaging_key(each))) for each in sorted(others))
    return replace(
        recipient,
        person=own.with_gaps_filled(profiles.values()),
        sends=tuple(send for book in books for send in book.messaging.sends),
    )


def _profile(item: Item | None) -> Profile:
    return Profile.model_validate_json(item.body) if item else Profile()


def _book(item: Item | None) -> Book:
    if item is None:
        return Book(Messaging(), 0)
    return Book(Messaging.model_validate_json(item.body), int(item.attributes["version"]))
