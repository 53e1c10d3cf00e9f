"""Erases a person: in steps that may be interrupted anywhere, begun again, and done twice.

First the record becomes a tombstone (aws/store.py), in one transaction for all who were merged: from then on nothing
can be written for them, and what still comes is let go (domain/erasure.py). Then their items go, then what names them
elsewhere (places.py), by what the profile says; the profile goes last, for until then it is what is looked for. What
was in somebody's hands meanwhile is looked for when it has come to rest, and once more when notices have.

This is the one place beside the engine that writes records. It asks no rules: it only removes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from perennial.aws.queues import Message, Queue
from perennial.aws.store import DIRECTORY_SHARDS, Loaded, Store, Tombstone, identity_key, profile_key, record_key
from perennial.aws.table import Absent, Delete, Equals, Item, Key, Put, Refused, Write
from perennial.domain.customer import Stage
from perennial.domain.events import Person, PrivacyData, PrivacyRequested
from perennial.domain.identity import IdentityKey, customer_id, identity_keys
from perennial.domain.profile import Profile
from perennial.privacy.places import Place
from perennial.privacy.requests import Request, Requests
from perennial.privacy.trace import Trace

ASKED_BY_STAFF = "perennial/admin/"
"""The source of requests that staff make; who of them stands behind it."""
SECOND_LOOK = "perennial/second-look"
COMES_TO_REST = timedelta(minutes=30)
"""A message that is in work while its customer is erased is done, or dead, within five times three minutes."""
NOTICES_COME_TO_REST = timedelta(hours=31)
"""What the merchant's own systems do not take is tried for 29 hours at most, and then dead (notifying.py)."""
REMEMBERED = timedelta(days=30)
"""Requests that are older have been looked after: queues forget what they hold after two weeks."""
ATTEMPTS = 8
TOGETHER = 50
"""Items removed in one transaction."""
PAGE = 200


class StillMoving(Exception):
    """The customer was written each time that the tombstone was to be; let the request be delivered again."""


class Whom(NamedTuple):
    """Who is meant by a request."""

    found: Mapping[str, Loaded | Tombstone | None]
    """All who are one person, as read; None: nobody knows them yet, and events of theirs may be on their way."""
    others: tuple[str, ...] = ()
    free: tuple[Key, ...] = ()
    """Personal identity keys of the request that nobody has."""


@dataclass(frozen=True)
class Erasing:
    store: Store
    requests: Requests
    places: Sequence[Place]
    own: Queue
    """The queue that requests come from: a shop is erased customer by customer."""
    secret: bytes

    def answer(self, event: PrivacyRequested, now: datetime) -> Request | None:
        """Do what was asked, or go on with it; what needs a person waits for one. None: there is nothing to do it to.

        Raises `StillMoving` and what table and queues raise: then the request is to be delivered again.
        """
        if event.source == SECOND_LOOK:
            return self._look_again(event, now)
        request = self.requests.noted(event)
        if request.state == "done":
            return request
        if event.data.request == "erase":
            return self._erase(event, request, now)
        if event.data.request == "erase_shop" and event.source.startswith(ASKED_BY_STAFF):
            return self._erase_shop(event, request, now)
        return self._for_a_person(event, request, now)

    def _for_a_person(self, event: PrivacyRequested, request: Request, now: datetime) -> Request:
        """Of whom nothing is kept, there is nothing to hand over."""
        found = self._meant(event).found
        customers = tuple(customer for customer, each in found.items() if isinstance(each, Loaded))
        if event.data.request == "export" and not customers:
            return self.requests.change(request, {"state": "done", "done_at": now})
        return self.requests.change(request, {"state": "waits", "customers": customers})

    # One person

    def _erase(self, event: PrivacyRequested, request: Request, now: datetime) -> Request:
        request = self._buried(event, request, now)
        people = (event.data.customer, *self._people(request.customers))
        items = self._emptied(request.customers, keep=_profiles(request.customers))
        removed = self._forgotten(self._trace(request, people))
        items += self._emptied(request.customers)
        self.requests.answer_exports(request.customers, now)
        done = {"removed": {"items": items, **removed}, "state": "done", "done_at": now}
        return self.requests.change(request, {**done, "look_again_at": now + COMES_TO_REST})

    def _look_again(self, event: PrivacyRequested, now: datetime) -> Request | None:
        """For what was on its way during the erasure. Who came back since is not looked at."""
        request = self.requests.get(event.time, event.data.request_id)
        if request is None or request.look_again_at is None or request.look_again_at > now:
            return request
        removed = self._forgotten(self._trace(request, ()))
        removed["items"] = self._emptied(request.customers)
        summed = {place: count + request.removed.get(place, 0) for place, count in removed.items()}
        return self.requests.change(request, {"removed": summed, "look_again_at": _next_look(request)})

    def _meant(self, event: PrivacyRequested) -> Whom:
        """Whoever has the strongest key that is somebody's."""
        keys = {identity_key(key.kind, key.hashed(self.secret)): key for key in identity_keys(event)}
        found = self.store.identities(keys)
        owners = tuple(dict.fromkeys(each.customer for each in found.values() if each.customer))
        owner = event.customer or next(iter(owners), None) or _minted(keys.values(), self.secret)
        if owner is None:
            return Whom({})
        one = self._one_person(owner)
        free = tuple(key for key, each in found.items() if each.customer is None and keys[key].is_personal)
        return Whom(one, tuple(each for each in owners if each not in one), free)

    def _one_person(self, owner: str) -> dict[str, Loaded | Tombstone | None]:
        """The customer, those who were merged with them, and as whom they came back since an erasure before."""
        match found := self.store.look([owner]).get(owner):
            case Tombstone():
                return {owner: found, **(self._one_person(found.again) if self.store.look([found.again]) else {})}
            case Loaded() if found.customer.merged_into:
                return self._one_person(found.customer.merged_into)
            case Loaded():
                return {owner: found, **self.store.look(found.customer.members)}
            case None:
                return {owner: None}

    def _buried(self, event: PrivacyRequested, request: Request, now: datetime) -> Request:
        """Tombstones over all records of the person, or over none.

        Where that was done before, nobody is looked for again: who came back since is not meant.
        """
        for _ in range(ATTEMPTS):
            whom = self._meant(event)
            # asked only now: whom another delivery of it has buried meanwhile, nobody finds any more
            request = self.requests.get(request.asked_at, request.id) or request
            if request.customers and self._are_buried(request.customers):
                return request
            request = self.requests.change(request, {"customers": tuple(whom.found), "others": whom.others})
            with suppress(Refused):  # merged, unmerged or changed since
                self._bury(whom, now)
                return request
        raise StillMoving(f"{ATTEMPTS} attempts")

    def _bury(self, whom: Whom, now: datetime) -> None:
        living = {each: found for each, found in whom.found.items() if not isinstance(found, Tombstone)}
        versions = {each: found.customer.version if found else 0 for each, found in living.items()}
        writes: list[Write] = [
            Put(
                Tombstone(customer, version + 1, now, self._again(living, versions)).item,
                (Equals("version", version) if version else Absent(),),
            )
            for customer, version in versions.items()
        ]
        first = next(iter(whom.found), "")
        writes += [Put(Item(key, "", {"customer": first}), (Absent(),)) for key in whom.free]
        if writes:
            self.store.table.write(writes)

    def _again(self, living: Iterable[str], versions: Mapping[str, int]) -> str:
        """As whom they may come back: worked out from what is buried, so that each erasure leads to another."""
        first = next(iter(living))
        return customer_id(IdentityKey("again", f"{first}\x1f{versions[first]}"), self.secret)

    def _are_buried(self, customers: Sequence[str]) -> bool:
        found = self.store.look(customers)
        return all(isinstance(found.get(customer), Tombstone) for customer in customers)

    # What there is of them

    def _people(self, customers: Iterable[str]) -> list[Person]:
        keys = list(_profiles(customers))
        found = self.store.table.get(keys) if keys else {}
        return [Profile.model_validate_json(item.body).person for item in found.values()]

    def _emptied(self, customers: Iterable[str], keep: frozenset[Key] = frozenset()) -> int:
        """Remove their items but the tombstones and those to keep; returns how many."""
        return sum(self._removed(customer, keep | {record_key(customer)}) for customer in customers)

    def _removed(self, customer: str, keep: frozenset[Key]) -> int:
        removed, items = 0, (key for key in self._items(customer) if key not in keep)
        while keys := list(islice(items, TOGETHER)):
            self.store.table.write([Delete(key) for key in keys])
            removed += len(keys)
        return removed

    def _items(self, customer: str) -> Iterator[Key]:
        cursor: str | None = None
        while True:
            page = self.store.table.query(f"C#{customer}", limit=PAGE, cursor=cursor)
            yield from (item.key for item in page.items)
            if (cursor := page.cursor) is None:
                return

    def _trace(self, request: Request, people: Iterable[Person]) -> Trace:
        return Trace(self.store, self.secret, request.store, frozenset(request.customers), tuple(people))

    def _forgotten(self, trace: Trace) -> dict[str, int]:
        return {place.name: place.forget(trace) for place in self.places}

    # A whole shop

    def _erase_shop(self, event: PrivacyRequested, request: Request, now: datetime) -> Request:
        """A request for each customer of the shop. Begun again, it finds those who are left."""
        asked = (_erasure_of(customer, event) for customer in self._customers_of(event.store))
        count = self.own.send(Message(each.to_json()) for each in asked)
        return self.requests.change(request, {"removed": {"customers": count}, "state": "done", "done_at": now})

    def _customers_of(self, shop: str) -> Iterator[str]:
        for partition in (f"{stage}#{shard}" for stage in Stage for shard in range(DIRECTORY_SHARDS)):
            cursor: str | None = None
            while True:
                page = self.store.table.index("directory", partition, limit=PAGE, cursor=cursor)
                loaded = self.store.load([item.key.pk.removeprefix("C#") for item in page.items])
                yield from (customer for customer, each in loaded.items() if each.customer.store == shop)
                if (cursor := page.cursor) is None:
                    break


def second_looks(requests: Requests, own: Queue, now: datetime) -> int:
    """Ask for those whose time has come; returns how many."""
    due = [each for each in requests.since(now - REMEMBERED) if each.look_again_at and each.look_again_at <= now]
    return own.send(Message(_second_look(each).to_json()) for each in due)


def _next_look(request: Request) -> datetime | None:
    """After the one whose time has come; None: that was the last."""
    last = request.done_at + NOTICES_COME_TO_REST if request.done_at else None
    return last if last and request.look_again_at and request.look_again_at < last else None


def _profiles(customers: Iterable[str]) -> frozenset[Key]:
    return frozenset(profile_key(customer) for customer in customers)


def _minted(keys: Iterable[IdentityKey], secret: bytes) -> str | None:
    strongest = next((key for key in keys if key.is_personal), None)
    return customer_id(strongest, secret) if strongest else None


def _erasure_of(customer: str, shop: PrivacyRequested) -> PrivacyRequested:
    data: Mapping[str, object] = {"request": "erase", "customer": Person()}
    return shop.but({"id": f"{shop.id}:{customer}", "customer": customer, "data": shop.data.but(data)})


def _second_look(request: Request) -> PrivacyRequested:
    return PrivacyRequested(
        id=f"{request.id}:again",
        source=SECOND_LOOK,
        store=request.store,
        time=request.asked_at,
        data=PrivacyData(request="erase", request_id=request.id),
    )
