"""What is there when a run is over, as stored; and what there should be, as it was told."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from perennial.aws.quarantine import Quarantine
from perennial.aws.store import identity_key, record_of
from perennial.aws.table import Item, Key
from perennial.domain.customer import Customer
from perennial.domain.decide import Decision
from perennial.domain.events import (
    Event,
    MessageFailed,
    MessageSent,
    PrivacyRequested,
    parse_event,
)
from perennial.domain.history import replay
from perennial.domain.identity import IdentityKey
from perennial.domain.journal import Entry
from perennial.domain.policy import Policy
from perennial.ingest import AHEAD, READERS, Reading, read
from tests.campaign.functions import IDENTITY_SECRET
from tests.campaign.policies import variant
from tests.campaign.posts import Told
from tests.campaign.sightings import is_tombstone
from tests.campaign.vendors import BY_ARRIVAL, STORE, Post
from tests.campaign.world import World

Name = tuple[str, str]
"""Source and id of an event."""
OUTBOX = "perennial/outbox"
SWEEP = "perennial/sweep"
APPLIED = ("orders", "tickets", "outcomes", "inactivity")
"""Queues of events."""
Ways = Iterator[str]
"""In which a promise does not hold."""


def name_of(event: Event) -> Name:
    """What comes again in another hour is another event of those who tell no time."""
    return event.source, f"{event.id}@{event.time:%m-%dT%H}" if event.source in BY_ARRIVAL else event.id


@dataclass(frozen=True)
class Life:
    """One customer, as stored."""

    record: Item
    customer: Customer
    journal: Mapping[str, Entry]
    """By sort key."""
    items: Mapping[Key, Item]
    decided: Sequence[Entry]
    """On this record, in whosever journal it is."""

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who is this person by now."""
        return (self.customer.id, *self.customer.members)

    @property
    def unknown(self) -> Customer:
        return Customer(id=self.customer.id, store=self.customer.store)

    @cached_property
    def entries(self) -> list[Entry]:
        """In the order in which they were decided."""
        return sorted(self.decided, key=lambda entry: entry.version)


class Grave(NamedTuple):
    """Somebody who was erased."""

    erased_at: datetime
    again: str
    """As whom they may come back."""


class End:
    """What is there in the end, and what there should be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items = _items(world)
        self._related: dict[str, dict[str, list[Entry]]] = {}

    @cached_property
    def lives(self) -> list[Life]:
        """Of all who are there; who was merged has one too, of the time before."""
        by_customer: dict[str, dict[Key, Item]] = {}
        for key, item in self.items.items():
            if key.pk.startswith("C#"):
                by_customer.setdefault(key.pk[2:], {})[key] = item
        return [
            _life(items, self.journals.get(customer, {}), self.decided.get(customer, ()))
            for customer, items in sorted(by_customer.items())
            if Key(f"C#{customer}", "RECORD") in items and customer not in self.graves
        ]

    @cached_property
    def decided(self) -> dict[str, list[Entry]]:
        """Customer -> what was decided on their record."""
        found: dict[str, list[Entry]] = {}
        for customer, journal in self.journals.items():
            for entry in journal.values():
                found.setdefault(entry.record or customer, []).append(entry)
        return found

    @cached_property
    def journals(self) -> dict[str, dict[str, Entry]]:
        """Customer -> sort key -> entry."""
        found: dict[str, dict[str, Entry]] = {}
        for key, item in self.items.items():
            if key.pk.startswith("C#") and key.sk.startswith("J#"):
                found.setdefault(key.pk[2:], {})[key.sk] = Entry.model_validate_json(item.body)
        return found

    @cached_property
    def graves(self) -> dict[str, Grave]:
        told = {key.pk[2:]: item.attributes for key, item in self.items.items() if is_tombstone(item)}
        return {
            customer: Grave(datetime.fromisoformat(str(each["erased"])), str(each["again"]))
            for customer, each in told.items()
        }

    def life(self, customer: str) -> Life | None:
        return next((life for life in self.lives if life.customer.id == customer), None)

    def home(self, customer: str) -> Life | None:
        """Where this customer lives: with whom they were merged into, if they were."""
        life = self.life(customer)
        return self.home(life.customer.merged_into) if life and life.customer.merged_into else life

    def related(self, life: Life) -> dict[str, list[Entry]]:
        """The journals of all who have ever been merged with this one, and with those, and so on; their own too."""
        if life.customer.id not in self._related:
            self._related[life.customer.id] = self._found_related(life.customer.id)
        return self._related[life.customer.id]

    def _found_related(self, customer: str) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        asked = {customer}
        while asked:
            found |= {each: list(self.journals.get(each, {}).values()) for each in asked}
            kin = [entry.kin for each in asked for entry in found[each] if entry.kin]
            asked = {name for each in kin for name in (each.other, *each.members)} - found.keys()
        return found

    def was_with_the_erased(self, life: Life) -> bool:
        """Were they one, for a time, with somebody who was erased since?"""
        return not self.related(life).keys().isdisjoint(self.graves)

    @cached_property
    def outcomes(self) -> dict[str, list[Entry]]:
        """Of actions: whoever their customer belongs to by now, it was told to the customer."""
        return _outcomes(entry for journal in self.journals.values() for entry in journal.values())

    def own(self, life: Life) -> Iterator[tuple[Event, str]]:
        """What vendors said of this customer, with the names in it, and who it really is."""
        for entry in life.journal.values():
            if known := self.known(entry.event):
                yield known

    def are_one_person(self, *customers: str) -> bool:
        """Really, whatever the house knows of them."""
        lives = [each for each in self.lives if each.customer.id in customers]
        return len({persona for each in lives for persona in self.named_in(each)}) == 1

    def named_in(self, life: Life) -> set[str]:
        """Who they are, by what vendors said. What we labelled ourselves says nothing about who reads it."""
        return {persona for event, persona in self.own(life) if event.customer is None}

    @cached_property
    def readings(self) -> list[tuple[Post, Reading]]:
        """What every delivery that was accepted says, read by the vendor's own module."""
        told = [post for each in self.world.posts.told.values() if each.is_accepted for post in _accepted(each)]
        return [(post, self._read(post)) for post in (*told, *self.world.tellings.told)]

    def known(self, event: Event) -> tuple[Event, str] | None:
        """What was said, and of whom, as its teller said it."""
        return self.expected.get(name_of(event)) or self.perhaps.get(name_of(event))

    @cached_property
    def perhaps(self) -> dict[Name, tuple[Event, str]]:
        """What came of tries that were not answered, in hours in which no other was: it may be there or not."""
        posts = [
            replace(each.post, at=hour)
            for each in self.world.posts.told.values()
            if each.post.source in BY_ARRIVAL and each.post.is_authentic
            for hour in each.arrivals
        ]
        return {name_of(event): (event, post.persona) for post in posts for event in self._read(post).events}

    @cached_property
    def expected(self) -> dict[Name, tuple[Event, str]]:
        """Every distinct event that was accepted, and whose it is."""
        return {
            name_of(event): (event, post.persona)
            for post, reading in self.readings
            for event in reading.events
            if not isinstance(event, PrivacyRequested)
        }

    @cached_property
    def early(self) -> set[Name]:
        """Events that were of the future when they came, and that nobody has tried again since."""
        return self.early_once - self.kept - self.waiting.keys()

    @property
    def kept(self) -> set[Name]:
        """Events of the journals."""
        return {name_of(entry.event) for life in self.lives for entry in life.journal.values()}

    @cached_property
    def early_once(self) -> set[Name]:
        """Events that were of the future when they came."""
        return {
            name_of(event)
            for post, reading in self.readings
            for event in reading.events
            if event.time > post.at + AHEAD
        }

    @cached_property
    def quarantine(self) -> dict[str, Any]:
        """Entry's id -> entry."""
        ids = [key.pk.removeprefix("Q#") for key in self.items if key.sk == "ENTRY"]
        kept = Quarantine(self.world.table._table)
        return {entry: kept.get(entry) for entry in ids}

    @cached_property
    def waiting(self) -> dict[Name, Event]:
        """Events that wait in quarantine for whose they are."""
        entries = (entry for entry in self.quarantine.values() if entry and entry.source == "perennial")
        events = (parse_event(entry.payload) for entry in entries)
        return {name_of(event): event for event in events}

    @cached_property
    def replayed(self) -> dict[str, list[Decision]]:
        """Customer -> the past run again."""
        journals = {customer: list(journal.values()) for customer, journal in self.journals.items()}
        return {
            life.customer.id: list(replay(life.unknown, life.journal.values(), self.policy, journals))
            for life in self.lives
        }

    def policy(self, version: int) -> Policy:
        item = self.items.get(Key("POLICY", f"V#{version:08d}"))
        return _policy(item.body) if item else variant(self.world.plan.policy)

    def owner(self, key: IdentityKey) -> str | None:
        item = self.items.get(identity_key(key.kind, key.hashed(IDENTITY_SECRET)))
        return str(item.attributes["customer"]) if item and "customer" in item.attributes else None

    @cached_property
    def held(self) -> dict[str, set[str]]:
        """Hold -> actions that wait under it."""
        found: dict[str, set[str]] = {}
        for key in self.items:
            if key.pk.startswith("HELD#"):
                found.setdefault(key.pk.removeprefix("HELD#"), set()).add(key.sk)
        return found

    def is_of(self, life: Life, customer: str) -> bool:
        """Does, or did, this life go by that name?"""
        return customer in self.related(life)

    def told_to(self, life: Life) -> list[Entry]:
        """All that was ever told of whoever this is."""
        return [entry for each in life.people for entry in self.journals.get(each, {}).values()]

    def copies(self, action: str) -> int:
        """How often it was sent to its sender, but for what staff gave up."""
        queues = (self.world.lanes.sent[queue] for queue in ("email", "sms"))
        mine = (body for bodies in queues for body in bodies if action in body)
        return sum('"given_up":true' not in body for body in mine)

    def said(self, queue: str, source: str) -> set[str]:
        """Ids of what we ourselves sent to a queue."""
        return {event["id"] for event in map(json.loads, self.world.lanes.sent[queue]) if event.get("source") == source}

    def _read(self, post: Post) -> Reading:
        headers = {name: value for name, value in post.headers.items() if name in READERS[post.source].HEADERS}
        return read(READERS[post.source], headers, post.body, STORE, post.at, latest=None)


def _accepted(told: Told) -> list[Post]:
    """Once; of who tells no time, once for each hour in which it was accepted."""
    if told.post.source not in BY_ARRIVAL:
        return [told.post]
    return [replace(told.post, at=hour) for hour, is_accepted in told.arrivals.items() if is_accepted]


def _outcomes(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.event.source == OUTBOX and isinstance(entry.event, MessageSent | MessageFailed):
            found.setdefault(entry.event.data.action, []).append(entry)
    return found


def _items(world: World) -> dict[Key, Item]:
    with world.database.reading() as connection:
        rows = connection.execute("SELECT pk, sk, body, attributes FROM items ORDER BY pk, sk").fetchall()
    return {Key(pk, sk): Item(Key(pk, sk), body, json.loads(attributes)) for pk, sk, body, attributes in rows}


def _life(items: Mapping[Key, Item], journal: Mapping[str, Entry], decided: Sequence[Entry]) -> Life:
    record = next(item for key, item in items.items() if key.sk == "RECORD")
    customer = record_of(record)
    assert customer is not None, "it is no tombstone"
    return Life(record, customer, journal, items, decided)


@lru_cache(1000)
def _policy(body: str) -> Policy:
    return Policy.model_validate_json(body)
