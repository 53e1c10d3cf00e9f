"""What must hold in the end, when the weather has cleared and everything that was left has been done.

Each promise is a function from the whole of what is stored to the ways in which it does not hold.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from perennial.aws.quarantine import Quarantine
from perennial.aws.store import content_key, desk_key, identity_key, profile_key, record_of, record_text
from perennial.aws.table import Item, Key
from perennial.domain.actions import Action
from perennial.domain.customer import Customer
from perennial.domain.decide import Decision
from perennial.domain.events import (
    ConsentChanged,
    Event,
    MessageDeferred,
    MessageFailed,
    MessageSent,
    TimerDue,
    impersonal,
    parse_event,
    texts_of,
)
from perennial.domain.fold import ref_of
from perennial.domain.history import replay
from perennial.domain.identity import IdentityKey, identity_keys
from perennial.domain.journal import Entry, entry_key
from perennial.domain.judgement import Judgement
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.ingest import AHEAD, READERS, SOURCES, Reading, read
from tests.builders import folded, written
from tests.campaign.functions import IDENTITY_SECRET
from tests.campaign.people import EVERYBODY
from tests.campaign.policies import variant
from tests.campaign.vendors import STORE, Post
from tests.campaign.watch import Broken
from tests.campaign.world import AFTER_SWEEP, World

Name = tuple[str, str]
"""Source and id of an event."""
OUTBOX = "perennial/outbox"
SWEEP = "perennial/sweep"
APPLIED = ("orders", "tickets", "outcomes", "inactivity")
"""Queues of events."""


@dataclass(frozen=True)
class Life:
    """One customer, as stored."""

    record: Item
    customer: Customer
    journal: Mapping[str, Entry]
    """By sort key."""
    items: Mapping[Key, Item]

    @property
    def unknown(self) -> Customer:
        return Customer(id=self.customer.id, store=self.customer.store)

    @cached_property
    def entries(self) -> list[Entry]:
        """In the order in which they were decided."""
        return sorted(self.journal.values(), key=lambda entry: entry.version)


class End:
    """What is there in the end, and what there should be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.items = _items(world)

    @cached_property
    def lives(self) -> list[Life]:
        by_customer: dict[str, dict[Key, Item]] = {}
        for key, item in self.items.items():
            if key.pk.startswith("C#"):
                by_customer.setdefault(key.pk, {})[key] = item
        return [_life(pk, items) for pk, items in sorted(by_customer.items()) if Key(pk, "RECORD") in items]

    @cached_property
    def readings(self) -> list[tuple[Post, Reading]]:
        """What every delivery that was accepted says, read by the vendor's own module."""
        told = [each.post for each in self.world.posts.told.values() if each.is_accepted]
        return [(post, self._read(post)) for post in told]

    @cached_property
    def expected(self) -> dict[Name, tuple[Event, str]]:
        """Every distinct event that was accepted, and whose it is."""
        return {
            (event.source, event.id): (event, post.persona)
            for post, reading in self.readings
            for event in reading.events
        }

    @cached_property
    def early(self) -> set[Name]:
        """Events that were of the future when they came, and that nobody has tried again since."""
        kept = {(entry.event.source, entry.event.id) for life in self.lives for entry in life.journal.values()}
        early = {
            (event.source, event.id)
            for post, reading in self.readings
            for event in reading.events
            if event.time > post.at + AHEAD
        }
        return early - kept - self.waiting.keys()

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
        return {(event.source, event.id): event for event in events}

    @cached_property
    def replayed(self) -> dict[str, list[Decision]]:
        """Customer -> the past run again."""
        return {life.customer.id: list(replay(life.unknown, life.entries, self.policy)) for life in self.lives}

    def policy(self, version: int) -> Policy:
        item = self.items.get(Key("POLICY", f"V#{version:08d}"))
        return _policy(item.body) if item else variant(self.world.plan.policy)

    def owner(self, key: IdentityKey) -> str | None:
        item = self.items.get(identity_key(key.kind, key.hashed(IDENTITY_SECRET)))
        return str(item.attributes["customer"]) if item and "customer" in item.attributes else None

    def said(self, queue: str, source: str) -> set[str]:
        """Ids of what we ourselves sent to a queue."""
        return {event["id"] for event in map(json.loads, self.world.lanes.sent[queue]) if event.get("source") == source}

    def _read(self, post: Post) -> Reading:
        headers = {name: value for name, value in post.headers.items() if name in SOURCES[post.source].HEADERS}
        return read(READERS[post.source], headers, post.body, STORE, post.at, latest=None)


Ways = Iterator[str]
"""In which a promise does not hold."""
Promise = Callable[[End], Ways]


def reckon(world: World) -> End:
    """Raises `Broken` with the first promise that does not hold."""
    end = End(world)
    for words, promise in PROMISES.items():
        for way in promise(end):
            raise Broken(words, way)
    return end


def figures_of(end: End) -> Counter[str]:
    """What a run came to, in numbers."""
    claims = [each.claim for each in end.world.watch.deliveries.values() if each.claim]
    dropped = Counter(f"dropped: {claim.reason}" for claim in claims if claim.state == "failed")
    dropped.update(
        f"dropped: {outcome.reason}"
        for life in end.lives
        for entry in life.entries
        for outcome in entry.outcomes
        if outcome.did == "dropped"
    )
    return dropped + Counter(
        {
            "events, distinct": len({message for queue in APPLIED for message in end.world.lanes.sent[queue]}),
            "events, delivered": sum(end.world.lanes.given[queue] for queue in APPLIED),
            "decisions": sum(life.customer.version for life in end.lives),
            "actions": sum(len(entry.actions) for life in end.lives for entry in life.entries),
            "sends": sum(each.taken for each in end.world.watch.deliveries.values()),
            "unknown": sum(claim.state == "unknown" for claim in claims),
            "waiting": sum(len(life.customer.waits) for life in end.lives) + len(end.waiting),
        }
    )


# Nothing lost, nothing made up


def _nothing_waits(end: End) -> Ways:
    if waiting := end.world.lanes.waiting:
        yield f"{waiting} messages wait or are dead"
    for told in end.world.posts.told.values():
        if told.post.is_authentic and not told.is_heard:
            yield f"{told.post.name} was not accepted in {told.tries} tries"


def _every_event_is_kept(end: End) -> Ways:
    """Each in the journal of one customer, or in quarantine because nobody can be found for it."""
    kept = Counter((entry.event.source, entry.event.id) for life in end.lives for entry in life.journal.values())
    for name, (event, _) in end.expected.items():
        if name in end.early:
            continue  # it claimed to be of the future, and lies in quarantine as it came
        if kept[name] + (name in end.waiting) != 1:
            yield f"{event.type} {name} is in {kept[name]} journals, and {'' if name in end.waiting else 'not '}waiting"


def _nothing_is_made_up(end: End) -> Ways:
    outcomes, timers = end.said("outcomes", OUTBOX), end.said("inactivity", SWEEP)
    for life in end.lives:
        for key, entry in life.journal.items():
            event = entry.event
            known = end.expected.get((event.source, event.id))
            if known and (entry_key(known[0]), impersonal(known[0])) != (key, event):
                yield f"the journal's {event.type} {event.id} is not what was said"
            if not known and event.id not in (outcomes if event.source == OUTBOX else timers):
                yield f"nobody said {event.type} {event.id}"


def _quarantine_is_right(end: End) -> Ways:
    """It holds what is not understood, and what belongs to nobody, and nothing else."""
    not_read = Counter(post.source for post, reading in end.readings for _ in reading.quarantined)
    kept = Counter(entry.source for entry in end.quarantine.values() if entry and entry.source != "perennial")
    early = Counter(source.partition("/")[0] for source, _ in end.early)
    if kept != not_read + early:
        yield f"it holds {dict(kept)}, and should hold {dict(not_read + early)}"
    for event in end.waiting.values():
        keys = identity_keys(event)
        if keys and (owner := end.owner(keys[0])):
            yield f"{event.type} {event.id} waits for {keys[0].kind}, which is {owner[:6]}'s"
    for key, item in end.items.items():
        for entry in item.body.split("\n") if key.pk.startswith("I#") and item.body else ():
            if entry not in end.quarantine:
                yield f"{key.pk[:14]} waits with an entry that is gone"


def _the_forged_leave_nothing(end: End) -> Ways:
    for told in end.world.posts.told.values():
        if not told.post.is_authentic:
            name = told.post.name
            yield from (
                f"{name} is in {key}" for key, item in end.items.items() if name in item.body or name in str(key)
            )


# Records


def _versions_are_gapless(end: End) -> Ways:
    for life in end.lives:
        versions = [entry.version for entry in life.entries]
        if versions != list(range(1, life.customer.version + 1)):
            yield f"{life.customer.id[:6]} of version {life.customer.version} has entries {versions}"
        if life.record.attributes["version"] != life.customer.version:
            yield f"{life.customer.id[:6]} says two versions"


def _facts_do_not_depend_on_order(end: End) -> Ways:
    for life in end.lives:
        events = [entry.event for entry in life.entries]
        in_time = sorted(events, key=lambda event: (event.time, event.source, event.id))
        shuffled = Random(end.world.plan.seed).sample(in_time, len(in_time))
        for order, fold in (("decided", events), ("happened", in_time), ("shuffled", shuffled)):
            if written(folded(fold, end.policy(1))) != written(life.customer.facts):
                yield f"the facts of {life.customer.id[:6]} are not those of its events in the order {order}"


FOUND_OUT: Mapping[str, Any] = {"releases": (), "met": ()}
"""Of an entry, what the keys of the event said about others when it was written; it decides nothing."""


def _the_past_can_be_run_again(end: End) -> Ways:
    for life in end.lives:
        decisions = end.replayed[life.customer.id]
        if not decisions or decisions[-1].customer.model_dump_json(exclude_defaults=True) != record_text(life.record):
            yield f"the journal of {life.customer.id[:6]} gives another record"
        for entry, decision in zip(life.entries, decisions, strict=True):
            if entry.but(FOUND_OUT) != decision.entry:
                yield f"version {entry.version} of {life.customer.id[:6]} is decided otherwise"
        settled = {ref_of(each): each for decision in decisions for each in decision.settled}
        stored = {
            (key.sk.partition("#")[0].lower(), key.sk.partition("#")[2]): item.body
            for key, item in life.items.items()
            if key.sk.startswith(("ORDER#", "TICKET#"))
        }
        if {ref: each.model_dump_json(exclude_defaults=True) for ref, each in settled.items()} != stored:
            yield f"orders and tickets that left {life.customer.id[:6]} are not those of its journal"


def _timers_fire_in_time(end: End) -> Ways:
    """A timer changes a record only when its time has come."""
    for life in end.lives:
        due: datetime | None = None
        for entry in life.entries:
            if isinstance(entry.event, TimerDue) and (due is None or due > entry.decided_at):
                yield f"a timer of {life.customer.id[:6]} fired at {entry.decided_at}, due {due}"
            due = entry.due_at


def _parts_add_up(end: End) -> Ways:
    for life in end.lives:
        told = [(life.customer.score, life.customer.parts)]
        told += [(entry.after.score, entry.parts) for entry in life.entries]
        for score, parts in told:
            if score != (sum(part.points for part in parts) if parts else None):
                yield f"{score} is not the sum of {parts}"


def _nothing_due_was_missed(end: End) -> Ways:
    """Time alone would have changed nothing any more when the last sweep ran, and the index holds nothing of before."""
    now = end.world.agenda.now - AFTER_SWEEP
    for life in end.lives:
        customer = life.customer
        if customer.due_at and customer.due_at <= now:
            yield f"{customer.id[:6]} was due at {customer.due_at}"
        judged = Judgement(customer, end.policy(customer.policy), now)
        standing = (judged.scene.standing.stage, judged.scene.standing.label, judged.health.band)
        if customer.version and standing != (customer.stage, customer.label, customer.band):
            yield f"{customer.id[:6]} is {(customer.stage, customer.label, customer.band)} and should be {standing}"
        entry = life.record.attributes.get("due")
        if entry and datetime.fromisoformat(str(entry).partition("#")[0]) <= now:
            yield f"the index still holds {entry}"


# Whose is what


def _keys_are_somebodys(end: End) -> Ways:
    known = {life.customer.id for life in end.lives}
    for key, item in end.items.items():
        owner = item.attributes.get("customer")
        if key.pk.startswith("I#") and owner and owner not in known:
            yield f"{key.pk[:14]} is {str(owner)[:6]}'s, who does not exist"
    for life in end.lives:
        for event, _ in _own(end, life):
            for known_by in identity_keys(event):
                if end.owner(known_by) is None:
                    yield f"{known_by.kind} of {event.type} {event.id} is nobody's"


def _nobody_is_mixed_up(end: End) -> Ways:
    for life in end.lives:
        people = {persona for _, persona in _own(end, life)}
        if len(people) > 1:
            yield f"{life.customer.id[:6]} is {len(people)} people"


def _own(end: End, life: Life) -> Iterator[tuple[Event, str]]:
    """What vendors said of this customer, with the names in it, and who it really is."""
    for entry in life.journal.values():
        if known := end.expected.get((entry.event.source, entry.event.id)):
            yield known


def _profiles_do_not_depend_on_order(end: End) -> Ways:
    for life in end.lives:
        told = [event for event, _ in _own(end, life)]
        in_time = sorted(told, key=lambda event: (event.time, event.source, event.id))
        item = life.items.get(profile_key(life.customer.id))
        stored = Profile.model_validate_json(item.body) if item else Profile()
        if stored.person != Profile().told_by(in_time).person:
            yield f"the profile of {life.customer.id[:6]} is not that of what was said of it"


def _what_was_said_is_kept(end: End) -> Ways:
    """Proofs of consent, and texts."""
    for life in end.lives:
        for event, _ in _own(end, life):
            mark = entry_key(event)[-24:]
            if isinstance(event, ConsentChanged) and not any(
                key.sk.startswith("CONSENT#") and key.sk.endswith(mark) for key in life.items
            ):
                yield f"there is no proof of {event.id}"
            if texts_of(event) and not event.type.startswith("cart."):
                key = content_key(life.customer.id, entry_key(event)[2:])
                if key not in life.items:
                    yield f"the text of {event.id} is gone"


# Actions


def _actions_are_accounted_for(end: End) -> Ways:
    for life in end.lives:
        outcomes = _outcomes(life)
        for entry in life.entries:
            for action in entry.actions:
                yield from _accounted(end, life, entry, action, outcomes.get(action.id, []))
            for task in entry.tasks:
                if desk_key(task.customer, task.id) not in life.items:
                    yield f"task {task.task} is not on the desk"


def _outcomes(life: Life) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in life.entries:
        if entry.event.source == OUTBOX and isinstance(entry.event, MessageSent | MessageFailed):
            found.setdefault(entry.event.data.action, []).append(entry)
    return found


def _accounted(end: End, life: Life, entry: Entry, action: Action, outcomes: list[Entry]) -> Ways:
    delivery, told = end.world.watch.delivery(action.id), f"{action.template} {action.id[:6]}"
    if len(outcomes) > 1:
        yield f"{told} has {len(outcomes)} outcomes"
    if delivery.claim is None:
        if outcomes:
            yield f"{told} has an outcome and was never claimed"
        yield from _waits_for_the_morning(life, entry, action)
        return
    if not outcomes or delivery.claim.state == "claimed":
        yield f"{told} was claimed and nobody says what became of it"
        return
    yield from _true(told, outcomes[0], delivery.taken, delivery.claim.state)


def _true(told: str, outcome: Entry, taken: int, state: str) -> Ways:
    """What the journal says is what the provider knows, unless it says that nobody knows."""
    is_unknown = isinstance(outcome.event, MessageFailed) and outcome.event.data.reason == "outcome unknown"
    if outcome.event.type == "message.sent" and taken != 1:
        yield f"{told} was told as sent, and the provider got it {taken} times"
    if outcome.event.type == "message.failed" and taken and not is_unknown:
        yield f"{told} was told as failed, and the provider got it"
    if state == "sent" and taken != 1:
        yield f"the claim of {told} says sent, and the provider got it {taken} times"


def _waits_for_the_morning(life: Life, entry: Entry, action: Action) -> Ways:
    """It was given back by its sender, and waits, or came to another end."""
    back = [
        each.version
        for each in life.entries
        if isinstance(each.event, MessageDeferred) and each.event.data.action == action.id
    ]
    if not back:
        yield f"{action.template} {action.id[:6]} was asked for and is nowhere"
    elif not any((wait.play, wait.about) == (action.play, action.about) for wait in life.customer.waits) and not any(
        (outcome.play, outcome.about, outcome.did in ("ended", "dropped")) == (action.play, action.about, True)
        for each in life.entries
        if each.version >= back[-1]
        for outcome in each.outcomes
    ):
        yield f"{action.template} {action.id[:6]} was given back and does not wait"


# Privacy


def _nobody_is_named(end: End) -> Ways:
    names = [name for persona in EVERYBODY for name in persona.names]
    places: list[tuple[str, Iterable[str]]] = [
        ("the log", [end.world.log.getvalue()]),
        ("a queue's groups", end.world.lanes.groups),
        ("a key", (f"{key.pk} {key.sk}" for key in end.items)),
        ("an index", (str(item.attributes) for item in end.items.values())),
    ]
    places += [
        (sk, [item.body for key, item in end.items.items() if key.sk.startswith(sk)])
        for sk in ("RECORD", "J#", "MESSAGING", "ORDER#", "TICKET#", "DESK#")
    ]
    for place, texts in places:
        everything = "\n".join(texts)
        yield from (f"{name} is in {place}" for name in names if name in everything)


PROMISES: Mapping[str, Promise] = {
    "everything comes to an end": _nothing_waits,
    "nothing is lost": _every_event_is_kept,
    "nothing is made up": _nothing_is_made_up,
    "quarantine holds what is not understood": _quarantine_is_right,
    "the forged leave nothing": _the_forged_leave_nothing,
    "versions have no gaps": _versions_are_gapless,
    "facts do not depend on order": _facts_do_not_depend_on_order,
    "the past can be run again": _the_past_can_be_run_again,
    "timers fire in time": _timers_fire_in_time,
    "the parts add up": _parts_add_up,
    "nothing due was missed": _nothing_due_was_missed,
    "keys are somebody's": _keys_are_somebodys,
    "nobody is mixed up": _nobody_is_mixed_up,
    "profiles do not depend on order": _profiles_do_not_depend_on_order,
    "what was said is kept": _what_was_said_is_kept,
    "every action is accounted for": _actions_are_accounted_for,
    "nobody is named": _nobody_is_named,
}


def _items(world: World) -> dict[Key, Item]:
    with world.database.reading() as connection:
        rows = connection.execute("SELECT pk, sk, body, attributes FROM items ORDER BY pk, sk").fetchall()
    return {Key(pk, sk): Item(Key(pk, sk), body, json.loads(attributes)) for pk, sk, body, attributes in rows}


def _life(pk: str, items: Mapping[Key, Item]) -> Life:
    record = items[Key(pk, "RECORD")]
    journal = {key.sk: Entry.model_validate_json(item.body) for key, item in items.items() if key.sk.startswith("J#")}
    return Life(record, record_of(record), journal, items)


@lru_cache(1000)
def _policy(body: str) -> Policy:
    return Policy.model_validate_json(body)
