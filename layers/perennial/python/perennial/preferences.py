"""What a customer chooses to get, changed by themselves: through links that only we can make, and the one write path.

A choice is in the record before the page says so: the next message is judged by it, those that wait already included.
It is on a lane before that: whatever the plays ask for then is asked for again until it leaves, as after any event.

Errors:
    Gone          whoever the link was made for is no customer any more, or never was one of that store
    NotRecorded   the choice could not be written down; let them try again
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from perennial.admin.masking import masked
from perennial.aws.clock import Clock
from perennial.aws.queues import Message, Queue
from perennial.aws.store import Store, profile_key
from perennial.channels.links import Permit
from perennial.domain.actions import Channel
from perennial.domain.consent import WITHDRAWN, is_confirmed, missing_consent
from perennial.domain.customer import Customer, Facts
from perennial.domain.events import ConsentChanged, ConsentData, Event, Person
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.domain.values import iso

SOURCE = "preferences"

Topic = tuple[Literal["marketing", "service"], Channel]
"""What may be chosen: a purpose, by a channel."""
TOPICS: tuple[Topic, ...] = (("marketing", "email"), ("marketing", "sms"), ("service", "email"), ("service", "sms"))


class Gone(Exception):
    """There is nobody whose choices these could be. Who asks learns no more than of a link that is not ours."""


class NotRecorded(Exception):
    """The choice is not in the record: it must not be said that it were. Ask again in a moment."""


class WritePath(Protocol):
    def apply(self, events: Sequence[Event], now: datetime) -> Mapping[int, Exception]: ...


@dataclass(frozen=True, slots=True)
class Choices:
    """What one customer gets, and where; enough for them to recognise themselves, too little for anybody else."""

    chosen: Mapping[Topic, bool]
    """Of the topics by which they can be reached, in their order."""
    addresses: Mapping[Channel, str]
    """Masked."""
    locale: str | None


@dataclass(frozen=True, slots=True)
class Wording:
    """What the customer saw when they chose: the proof names it."""

    version: str
    method: str
    """Where and how: "preference page"."""


class Preferences:
    def __init__(
        self, store: Store, writes: WritePath, lane: Queue, policy: Callable[[], Policy], clock: Clock
    ) -> None:
        """lane: from where choices come to the write path once more."""
        self._store = store
        self._writes = writes
        self._lane = lane
        self._policy = policy
        self._clock = clock

    def of(self, permit: Permit) -> Choices:
        """What they get now. Raises `Gone`."""
        customer, rules = self._customer(permit), self._policy().consent
        topics = [(purpose, channel) for purpose, channel in TOPICS if channel in customer.facts.reach]
        person = self._person(permit.customer)
        return Choices(
            {topic: missing_consent(customer.facts, *topic, rules) is None for topic in topics},
            _shown(person),
            person.locale or _locale(customer.facts),
        )

    def choose(self, permit: Permit, wanted: frozenset[Topic], wording: Wording) -> None:
        """Get these and no others of what they could choose from. Raises `Gone` and `NotRecorded`."""
        before, facts = self.of(permit).chosen, self._customer(permit).facts
        changes = {topic: topic in wanted for topic, was in before.items() if was is not (topic in wanted)}
        changes |= {topic: False for topic in before if topic not in wanted and self._sleeps(facts, topic)}
        if self._policy().consent.no_means == "every channel" and not all(changes.values()):
            changes |= {topic: True for topic in before if topic in wanted}  # said with the no, and so not meant by it
        self._record(permit, changes, wording)

    def _sleeps(self, facts: Facts, topic: Topic) -> bool:
        """A yes of before, silenced by a no to another channel: a yes to that one would wake it."""
        word = facts.consent.get("/".join(topic))
        missing = missing_consent(facts, *topic, self._policy().consent)
        return word is not None and word.granted and missing == WITHDRAWN

    def stop(self, permit: Permit, wording: Wording, topics: Iterable[Topic] = TOPICS) -> None:
        """Get none of these any more, by whichever channel there may ever be. Raises `Gone` and `NotRecorded`.

        Said anew where it was said before: a yes in between may still be on its way to us.
        """
        self._record(permit, dict.fromkeys(topics, False), wording)

    def confirm(self, permit: Permit, wording: Wording) -> bool:
        """Say once more, from the address itself, what was agreed to. Raises `Gone` and `NotRecorded`.

        It counts from when it was first said: a withdrawal since then holds, however often the link is followed.
        False where there was one.
        """
        topic = _topic(permit)
        facts = self._customer(permit).facts
        if not is_confirmed(facts, *topic) and not _is_withdrawn(facts, topic):
            self._apply([_event(permit, topic, granted=True, confirmed=True, at=permit.at, wording=wording)])
        return is_confirmed(self._customer(permit).facts, *topic)

    def _record(self, permit: Permit, changes: Mapping[Topic, bool], wording: Wording) -> None:
        facts, now = self._customer(permit).facts, self._clock.now()
        events = [
            _event(
                permit,
                topic,
                granted=granted,
                confirmed=granted and topic[1] == permit.channel,
                at=now if granted else _after_all(facts, topic, now),
                wording=wording,
            )
            for topic, granted in changes.items()
        ]
        self._apply(events)

    def _apply(self, events: Sequence[ConsentChanged]) -> None:
        """Without the lane only what ends something is applied: that cannot wait for it, and asks for little."""
        if not events:
            return
        now = events if self._is_on_the_lane(events) else [event for event in events if not event.data.granted]
        if now and (failed := self._writes.apply(now, self._clock.now())):
            raise NotRecorded(f"{len(failed)} of {len(events)} choices") from next(iter(failed.values()))
        if len(now) < len(events):
            raise NotRecorded(f"{len(events) - len(now)} of {len(events)} choices")

    def _is_on_the_lane(self, events: Sequence[Event]) -> bool:
        try:
            self._lane.send([Message(event.to_json()) for event in events])
        except Exception:  # noqa: BLE001 -- whatever the queue says: who wants less is heard
            return False
        return True

    def _customer(self, permit: Permit) -> Customer:
        """Whose choices they are: the customer's own, or of whom they were merged into."""
        found = self._store.roots([permit.customer]).get(permit.customer)
        if found is None or found.customer.store != permit.store or found.customer.facts.deleted_at is not None:
            raise Gone
        return found.customer

    def _person(self, customer: str) -> Person:
        item = self._store.table.get([profile_key(customer)]).get(profile_key(customer))
        return Profile.model_validate_json(item.body).person if item else Person()


def stopped_by(permit: Permit) -> tuple[Topic, ...]:
    """What one click in a mail program ends: the letters like the one it stood in. Whoever wants no news of their own
    order wants no advertising either."""
    also: tuple[Topic, ...] = (("service", permit.channel),) if permit.purpose == "service" else ()
    return (("marketing", permit.channel), *also)


def _topic(permit: Permit) -> Topic:
    return ("service" if permit.purpose == "service" else "marketing", permit.channel)


def _is_withdrawn(facts: Facts, topic: Topic) -> bool:
    word = facts.consent.get("/".join(topic))
    return word is not None and not word.granted


def _after_all(facts: Facts, topic: Topic, now: datetime) -> datetime:
    """Now, or when the last word was said if its teller's clock is ahead of ours: a no that is said here is the last.

    A yes is not: one that bore a time to come would hold against a STOP that is said until then.
    """
    word = facts.consent.get("/".join(topic))
    return max(now, word.at) if word else now


def _event(
    permit: Permit, topic: Topic, *, granted: bool, confirmed: bool, at: datetime, wording: Wording
) -> ConsentChanged:
    """The same choice at the same moment is the same event."""
    name = "\x1f".join([permit.customer, *topic, str(granted), iso(at)])
    said = ConsentData(
        purpose=topic[0],
        channel=topic[1],
        granted=granted,
        confirmed=confirmed,
        text_version=wording.version,
        method=wording.method,
    )
    return ConsentChanged(
        id=hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        source=SOURCE,
        store=permit.store,
        time=at,
        customer=permit.customer,
        data=said,
    )


def _shown(person: Person) -> dict[Channel, str]:
    hidden = masked(person)
    shown: dict[Channel, str] = {}
    if hidden.email:
        shown["email"] = hidden.email
    if hidden.phone:
        shown["sms"] = hidden.phone
    return shown


def _locale(facts: Facts) -> str | None:
    known = facts.about.get("locale")
    return known.value if known else None
