"""What the outbox reads and writes: everything about one message in one read, and the claims under a version.

Errors:
    Conflict   another sender wrote first; decide again from what it left
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from perennial.aws.store import content_key, messaging_key, profile_key, record_key, record_of
from perennial.aws.table import Equals, Item, Key, Lacks, Put, Refused, Table
from perennial.channels.messaging import Messaging
from perennial.channels.recipient import Recipient
from perennial.domain.actions import Action
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
        recipient = _recipient(action, found)
        return (recipient, _book(found.get(messaging))) if recipient else None

    def recipient(self, action: Action) -> Recipient | None:
        """Whom it is for, as they are now."""
        return _recipient(action, self._table.get(_of_recipient(action)))

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
    return [record_key(action.customer), profile_key(action.customer), *_cart_key(action)]


def _cart_key(action: Action) -> tuple[Key, ...]:
    cart = action.subject.get("cart")
    return (content_key(action.customer, f"cart:{cart}"),) if cart else ()


def _recipient(action: Action, found: Mapping[Key, Item]) -> Recipient | None:
    record, profile = found.get(record_key(action.customer)), found.get(profile_key(action.customer))
    if record is None:
        return None
    return Recipient(
        customer=record_of(record),
        person=(Profile.model_validate_json(profile.body) if profile else Profile()).person,
        cart_url=next((json.loads(found[key].body).get("url") for key in _cart_key(action) if key in found), None),
    )


def _book(item: Item | None) -> Book:
    if item is None:
        return Book(Messaging(), 0)
    return Book(Messaging.model_validate_json(item.body), int(item.attributes["version"]))
