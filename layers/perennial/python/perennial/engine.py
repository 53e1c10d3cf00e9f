"""The one write path: read, decide, commit, emit. Every handler and every tool changes a customer through `apply`.

An event is applied once, and what it asked for goes out at least once: the journal entry written with the record is
the receipt, and its actions are emitted again whenever the event comes again. Senders make that once by a claim.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from perennial.addressing import Addressed, Addressing
from perennial.aws.queues import Message, Queue
from perennial.aws.store import (
    MARK_LENGTH,
    Commit,
    Conflict,
    Identity,
    Loaded,
    Marks,
    Store,
    content_item,
    next_armed,
    profile_key,
)
from perennial.aws.table import Item, Key
from perennial.domain.actions import Channel
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import CartAbandoned, ConsentChanged, Event, Person, TimerDue, texts_of
from perennial.domain.fold import Ref, Settled, recalls, ref_of
from perennial.domain.journal import Entry, entry_key
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile, words_of
from perennial.domain.values import iso, to_utc

MAX_ATTEMPTS = 8
PARALLEL_COMMITS = 4


class Contention(Exception):
    """Other writers moved this customer each time it was decided. Let the event be delivered again."""


class Readdress(Exception):
    """A key that this new customer was to have is somebody's already: the events are theirs. Address them again."""


class Receipt(NamedTuple):
    """That these events, by position, are in the record; and the entries that say what they asked for."""

    positions: tuple[int, ...]
    entries: tuple[Entry, ...]


@dataclass(slots=True)
class Draft:
    """Decisions of one customer in the making, for several events in a row."""

    loaded: Loaded
    customer: Customer
    entries: dict[str, Entry] = field(default_factory=dict)
    settled: dict[Ref, Settled] = field(default_factory=dict)
    decided: list[Addressed] = field(default_factory=list)
    timer_used: bool = False
    """The due index's entry has been looked at, and is to be replaced."""


@dataclass(slots=True)
class Work:
    """The events of one customer out of one batch, and what is known of them so far."""

    positions: tuple[int, ...]
    events: tuple[Addressed, ...]
    loaded: Loaded
    applied: dict[str, Entry] = field(default_factory=dict)
    """Entries of events that are in the record already."""
    identities: dict[Key, Identity] = field(default_factory=dict)


class Engine:
    def __init__(
        self,
        store: Store,
        channels: Mapping[Channel, Queue],
        policy: Callable[[], Policy],
        addressing: Addressing,
        secret: bytes,
        release: Callable[[str], object],
    ) -> None:
        """policy: the one in force; secret: for marks; release: replays a quarantine entry."""
        self._store = store
        self._channels = channels
        self._policy = policy
        self._addressing = addressing
        self._secret = secret
        self._release = release

    def apply(self, events: Sequence[Event], now: datetime) -> dict[int, Exception]:
        """Change the records once per event; emit what was asked for at least once.

        Returns why an event failed, by its position: those are to be delivered again, all others are done. What
        fails for all, like a table out of reach, is raised.
        """
        receipts: list[Receipt] = []
        failed: dict[int, Exception] = {}
        now = to_utc(now)  # as precise as it will be read again
        for done, not_done in self._each(self._grouped(dict(enumerate(events)), failed), now):
            receipts += done
            failed |= not_done
        try:
            self._emit([entry for receipt in receipts for entry in receipt.entries])
        except Exception as error:  # noqa: BLE001  -- what asked for something is delivered again, and emits again
            asking = [receipt for receipt in receipts if any(map(_asks, receipt.entries))]
            failed |= {position: error for receipt in asking for position in receipt.positions}
        return failed

    # The batch

    def _grouped(self, events: Mapping[int, Event], failed: dict[int, Exception]) -> list[Work]:
        """The events by customer. When what was read for them makes no sense, each is tried alone: one is poison."""
        try:
            addressed = dict(zip(events, self._addressing.of(list(events.values())), strict=True))
        except ValueError as error:
            if len(events) == 1:
                failed |= dict.fromkeys(events, error)
                return []
            return [work for position, event in events.items() for work in self._grouped({position: event}, failed)]
        groups: dict[str, list[tuple[int, Addressed]]] = {}
        for position, each in addressed.items():
            if each:
                groups.setdefault(each.loaded.customer.id, []).append((position, each))
        return [
            Work(tuple(position for position, _ in group), tuple(each for _, each in group), group[0][1].loaded)
            for group in groups.values()
        ]

    def _each(self, work: list[Work], now: datetime) -> Iterator[tuple[list[Receipt], dict[int, Exception]]]:
        if len(work) < 2:
            return (self._finish(each, now) for each in work)
        return self._pool.map(lambda each: self._finish(each, now), work)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(PARALLEL_COMMITS)

    def _finish(self, work: Work, now: datetime) -> tuple[list[Receipt], dict[int, Exception]]:
        """Receipts, and failures by position. When a group fails, each event is tried alone: one may be poison."""
        try:
            return [Receipt(work.positions, self._commit(work, now))], {}
        except Readdress:
            return self._again(work, now)
        except Exception as error:  # noqa: BLE001  -- whatever it is: it comes back as this event's failure
            if len(work.positions) == 1:
                return [], {work.positions[0]: error}
            return self._again(work, now)

    def _again(self, work: Work, now: datetime) -> tuple[list[Receipt], dict[int, Exception]]:
        receipts: list[Receipt] = []
        failed: dict[int, Exception] = {}
        for position, addressed in zip(work.positions, work.events, strict=True):
            for alone in self._grouped({position: addressed.event}, failed):
                try:
                    receipts.append(Receipt(alone.positions, self._commit(alone, now)))
                except Exception as error:  # noqa: BLE001  -- as above
                    failed[position] = error
        return receipts, failed

    # One customer

    def _commit(self, work: Work, now: datetime) -> tuple[Entry, ...]:
        """The journal entries of these events, whoever wrote them."""
        for _ in range(MAX_ATTEMPTS):
            draft = self._drafted(work, now)
            if not draft.entries:
                if draft.timer_used:
                    self._store.rearm(draft.loaded)
                return tuple(work.applied.values())
            commit = self._completed(draft, work)
            try:
                self._store.commit(commit)
            except Conflict as conflict:
                self._learn(work, conflict)
                continue
            self._addressing.remember(Identity(link.key, commit.after.id) for link in commit.links)
            return (*work.applied.values(), *commit.entries.values())
        raise Contention(f"{MAX_ATTEMPTS} attempts")

    def _learn(self, work: Work, conflict: Conflict) -> None:
        work.loaded = conflict.loaded or work.loaded
        work.applied |= conflict.applied
        work.identities |= conflict.identities
        self._addressing.remember(conflict.identities.values())
        taken = [each for each in conflict.identities.values() if each.customer not in (None, work.loaded.customer.id)]
        if taken and work.loaded.is_new:
            raise Readdress

    def _drafted(self, work: Work, now: datetime) -> Draft:
        draft = Draft(work.loaded, work.loaded.customer)
        policy = self._policy()
        for addressed in work.events:
            key = entry_key(addressed.event)
            if key in work.applied or key in draft.entries:
                continue
            if isinstance(addressed.event, TimerDue) and not self._is_due(addressed.event, work, draft, now):
                continue
            recalled = self._recalled(draft, addressed.event)
            decision = decide(draft.customer, addressed.event, policy, now, recalled)
            draft.customer = decision.customer
            draft.entries[key] = decision.entry
            draft.settled |= {ref_of(each): each for each in decision.settled}
            draft.decided.append(addressed)
        return draft

    def _is_due(self, timer: TimerDue, work: Work, draft: Draft, now: datetime) -> bool:
        """Is this the entry that the due index holds, and has its time really come?

        If not, either another twin of this timer has been at work, and its actions are emitted again; or the index
        was early, and is put right with whatever else is written.
        """
        armed, due_at = work.loaded.armed, draft.customer.due_at
        if armed is None or armed.entry != timer.data.armed:
            if entry := self._store.entry(draft.customer.id, key := entry_key(timer)):
                work.applied[key] = entry
            return False
        is_due = due_at is not None and due_at <= now
        draft.timer_used = is_due or armed.due != due_at
        return is_due

    def _recalled(self, draft: Draft, event: Event) -> tuple[Settled, ...]:
        """Orders and tickets that have left the record and that the event is about."""
        wanted = recalls(draft.customer.facts, event)
        just_left = tuple(draft.settled[ref] for ref in wanted if ref in draft.settled)
        return just_left + self._store.settled(draft.customer.id, [ref for ref in wanted if ref not in draft.settled])

    # What is written beside the record

    def _completed(self, draft: Draft, work: Work) -> Commit:
        links, linked = self._links(draft, work)
        items, told = self._personal(draft)
        entries = dict(draft.entries)
        if released := tuple(entry for link in links for entry in link.parked):
            first = next(iter(entries))
            entries[first] = entries[first].but({"releases": released})
        return Commit(
            before=draft.loaded,
            after=draft.customer,
            entries=entries,
            armed=next_armed(draft.loaded, draft.customer, draft.timer_used),
            marks=Marks((*draft.loaded.marks.links, *linked), {**draft.loaded.marks.profile, **told}),
            links=links,
            settled=tuple(draft.settled.values()),
            items=items,
        )

    def _links(self, draft: Draft, work: Work) -> tuple[tuple[Identity, ...], list[str]]:
        """The keys that become this customer's now. One that is another's stays theirs."""
        links: dict[Key, Identity] = {}
        marks: list[str] = []
        for addressed in draft.decided:
            for key in addressed.keys:
                mark = key.pk[-MARK_LENGTH:]
                identity = work.identities.get(key, Identity(key))
                if mark not in draft.loaded.marks.links and mark not in marks:
                    marks.append(mark)
                    if identity.customer is None:
                        links[key] = identity
        return tuple(links.values()), marks

    def _personal(self, draft: Draft) -> tuple[tuple[Item, ...], dict[str, str]]:
        """Profile, consent proofs and texts; and the marks of the profile, where it was written."""
        events = [addressed.event for addressed in draft.decided]
        items = [item for event in events for item in _beside(draft.customer.id, event)]
        untold = [event for event in events if not self._is_told(event, draft.loaded)]
        if not untold:
            return _distinct(items), {}
        profile = self._profile(draft).told_by(untold)
        body = profile.model_dump_json(exclude_defaults=True)
        return _distinct([*items, Item(profile_key(draft.customer.id), body)]), self._profile_marks(profile.person)

    def _is_told(self, event: Event, loaded: Loaded) -> bool:
        """Is all that this event says of the person in the profile already? Most webhooks repeat what they said."""
        said = self._profile_marks(event.data.customer)
        return all(loaded.marks.profile.get(field) == mark for field, mark in said.items())

    def _profile(self, draft: Draft) -> Profile:
        key = profile_key(draft.customer.id)
        known = None if draft.loaded.is_new else self._store.table.get([key]).get(key)
        return Profile.model_validate_json(known.body) if known else Profile()

    def _profile_marks(self, person: Person) -> dict[str, str]:
        """Field -> a keyed hash of its value: tells whether it is the same without telling what it is."""
        return {field: self._mark(field, value) for field, value in words_of(person)}

    def _mark(self, field: str, value: str) -> str:
        return hmac.new(self._secret, f"{field}\x1f{value}".encode(), hashlib.sha256).hexdigest()[:MARK_LENGTH]

    # Emitting

    def _emit(self, entries: Sequence[Entry]) -> None:
        actions = [action for entry in entries for action in entry.actions]
        for channel, queue in self._channels.items():
            messages = [
                Message(action.model_dump_json(exclude_defaults=True), action.customer)
                for action in actions
                if action.channel == channel
            ]
            if messages:
                queue.send(messages)
        for entry in entries:
            for parked in entry.releases:
                self._release(parked)


def _distinct(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple({item.key: item for item in items}.values())


def _asks(entry: Entry) -> bool:
    return bool(entry.actions or entry.releases)


def _beside(customer: str, event: Event) -> Iterator[Item]:
    """What an event leaves in erasable items: proof of consent, and texts."""
    if isinstance(event, ConsentChanged):
        body = event.data.model_dump_json(exclude={"customer"}, exclude_defaults=True)
        key = Key(f"C#{customer}", f"CONSENT#{iso(event.time)}#{entry_key(event)[-24:]}")
        yield Item(key, f'{{"source":"{event.source}","said":{body}}}')
    if texts := texts_of(event):
        ref = f"cart:{event.data.cart.id}" if isinstance(event, CartAbandoned) else entry_key(event)[2:]
        yield content_item(customer, ref, _json(texts), event.time)


def _json(texts: Mapping[str, str]) -> str:
    return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
