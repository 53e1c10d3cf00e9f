"""The one write path: read, decide, commit, emit. Every handler and every tool changes a customer through `apply`.

An event is applied once, and what it asked for goes out at least once: the journal entry written with the record is
the receipt, and its actions are emitted again whenever the event comes again. Senders make that once by a claim.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from perennial.addressing import Addressed, Addressing
from perennial.aws.identities import Identity
from perennial.aws.queues import Message, Queue
from perennial.aws.store import (
    MARK_LENGTH,
    Commit,
    Conflict,
    Loaded,
    Marks,
    News,
    Store,
    Told,
    content_item,
    next_armed,
    profile_key,
    together,
)
from perennial.aws.table import Item, Key
from perennial.domain.actions import Channel
from perennial.domain.customer import Customer
from perennial.domain.decide import decide
from perennial.domain.events import (
    CartAbandoned,
    ConsentChanged,
    CustomerMerged,
    CustomerUnmerged,
    Event,
    TimerDue,
    texts_of,
)
from perennial.domain.identity import former_keys
from perennial.domain.journal import Entry, Met, entry_key
from perennial.domain.points import told_by
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile
from perennial.domain.settled import Recalled, Ref, Settled, recall, ref_of
from perennial.domain.values import iso, to_utc
from perennial.families import MAX_ATTEMPTS, Contention, Families
from perennial.marking import Marking, is_news, latest, profile_of
from perennial.matching import Matching
from perennial.telling import Lived, Telling


class Readdress(Exception):
    """A key by which the events were to be found is somebody else's, or their customer was erased, merged into another
    or taken out of one. Address them again."""


class Early(Exception):
    """By this clock a timer's time has not come, by the sweep's it has. Let it be delivered again.

    Let go, it might be the only copy left of one that another sender has at work, and that fails to emit.
    """


class Receipt(NamedTuple):
    """That these events, by position, are in the record; and the entries that say what they asked for."""

    positions: tuple[int, ...]
    lives: tuple[Lived, ...]


@dataclass(slots=True)
class Draft:
    """Decisions of one customer in the making, for several events in a row."""

    loaded: Loaded
    customer: Customer
    entries: dict[str, Entry] = field(default_factory=dict)
    settled: dict[Ref, Settled] = field(default_factory=dict)
    decided: dict[str, Addressed] = field(default_factory=dict)
    """By journal key."""
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
    is_erased: bool = False
    """The customer was erased since they were read."""

    @property
    def customer(self) -> str:
        return self.loaded.customer.id

    @property
    def is_somebody_elses(self) -> bool:
        """Whether an event here is to be found by a key that has become somebody else's.

        Of a new customer any key counts. A known one may share the weaker keys of an event with others, but not the
        strongest: delivered again, the event would be the other's, and be applied to both.
        """
        return any(
            (identity := self.identities.get(key)) and identity.customer not in (None, event.whose)
            for event in self.events
            for key in self._deciding(event)
        )

    @property
    def is_apart(self) -> bool:
        """Whether those to whom these events were told are no longer who they were: merged, or two again."""
        customer = self.loaded.customer
        strangers = {event.whose for event in self.events} - {customer.id, *customer.members}
        return bool(customer.merged_into or strangers)

    def lived(self, key: str, entry: Entry) -> Lived:
        """The entry, and whose record it was decided on: also where that is no longer theirs, it says the same."""
        whose = next((each.whose for each in self.events if entry_key(each.event) == key), self.customer)
        return Lived(entry.record or whose, entry)

    def _deciding(self, event: Addressed) -> Iterable[Key]:
        keys = event.keys if self.loaded.is_new else islice(event.keys, 1)
        return (key for key in keys if event.is_told_by(key))


@dataclass(slots=True)
class Done:
    """What became of a batch."""

    receipts: list[Receipt] = field(default_factory=list)
    failed: dict[int, Exception] = field(default_factory=dict)
    """Why, by position."""


class Engine:
    def __init__(
        self,
        store: Store,
        channels: Mapping[Channel, Queue],
        policy: Callable[[], Policy],
        addressing: Addressing,
        secret: bytes,
        release: Callable[[str], object],
        families: Families,
        matching: Matching,
        telling: Telling,
        outcomes: Queue,
    ) -> None:
        """policy: the one in force; secret: for marks; release: replays a quarantine entry; outcomes: the lane by which
        points that plays give come into their account."""
        self._store = store
        self._channels = channels
        self._policy = policy
        self._addressing = addressing
        self._marking = Marking(secret)
        self._release = release
        self._families = families
        self._matching = matching
        self._telling = telling
        self._outcomes = outcomes

    def apply(self, events: Sequence[Event], now: datetime) -> dict[int, Exception]:
        """Change the records once per event; emit what was asked for at least once.

        Returns why an event failed, by its position: those are to be delivered again, all others are done. What
        fails for all, like a table out of reach, is raised.
        """
        done = Done()
        now = to_utc(now)  # as precise as it will be read again
        told, turns = _parted(events)
        work = self._grouped(told, done)
        for alone in self._together(work, now, done):
            self._finish(alone, now, done)
        for position, turn in turns.items():
            self._turn(position, turn, now, done)
        try:
            self._emit([lived for receipt in done.receipts for lived in receipt.lives], now)
        except Exception as error:  # noqa: BLE001  -- what asked for something is delivered again, and emits again
            asking = [receipt for receipt in done.receipts if any(self._asks(lived, now) for lived in receipt.lives)]
            done.failed |= {position: error for receipt in asking for position in receipt.positions}
        return done.failed

    # The batch

    def _grouped(self, events: Mapping[int, Event], done: Done) -> list[Work]:
        """The events, by position, of each customer."""
        groups: dict[str, list[tuple[int, Addressed]]] = {}
        for position, each in self._addressed(events, done):
            groups.setdefault(each.loaded.customer.id, []).append((position, each))
        return [
            Work(
                tuple(position for position, _ in group),
                tuple(each for _, each in group),
                group[0][1].loaded,
                identities={key: identity for _, each in group for key, identity in each.identities.items()},
            )
            for group in groups.values()
        ]

    def _addressed(self, events: Mapping[int, Event], done: Done) -> Iterator[tuple[int, Addressed]]:
        """Whose each event is. When what was read for them makes no sense, each is tried alone: one is poison."""
        try:
            addressed = self._addressing.of(list(events.values()))
        except ValueError as error:
            if len(events) == 1:
                done.failed |= dict.fromkeys(events, error)
                return
            for position, event in events.items():
                yield from self._addressed({position: event}, done)
        else:
            yield from ((position, each) for position, each in zip(events, addressed, strict=True) if each)

    def _together(self, work: Sequence[Work], now: datetime, done: Done) -> list[Work]:
        """Commit these customers, several in a transaction. Gives back who is to be committed alone.

        That is one whose events are poison, and one whom somebody else moves at the same time: they cost the others
        an attempt and no more.
        """
        if len(work) < 2:
            return list(work)
        commits: list[Commit] = []
        alone: list[Work] = []
        for each in work:
            try:
                commit = self._decided(each, now)
            except Exception:  # noqa: BLE001  -- it is raised again when this customer is committed alone
                alone.append(each)
                continue
            if commit:
                commits.append(commit)
            else:
                done.receipts.append(self._receipt(each))
        by_customer = {each.customer: each for each in work}
        return alone + [each for joint in together(commits) for each in self._joint(joint, by_customer, done)]

    def _joint(self, commits: Sequence[Commit], work: Mapping[str, Work], done: Done) -> list[Work]:
        """One transaction. Gives back who is to be committed alone: who is not as read, or all who have failed.

        work: by customer.
        """
        try:
            self._store.commit(commits)
        except Conflict as conflict:
            for customer, news in conflict.news.items():
                self._learn(work[customer], news)
            others = [commit for commit in commits if commit.customer not in conflict.news]
            moved = [work[customer] for customer in conflict.news]
            return moved + self._joint(others, work, done) if others else moved
        except Exception:  # noqa: BLE001  -- as above
            return [work[commit.customer] for commit in commits]
        done.receipts += [self._receipt(work[commit.customer], commit) for commit in commits]
        return []

    def _finish(self, work: Work, now: datetime, done: Done) -> None:
        """Commit one customer. When that fails, each of their events is tried alone: one may be poison."""
        try:
            done.receipts.append(self._committed(work, now))
        except Readdress:
            self._again(work, now, done)
        except Exception as error:  # noqa: BLE001  -- whatever it is: it comes back as this event's failure
            if len(work.positions) == 1:
                done.failed[work.positions[0]] = error
            else:
                self._again(work, now, done)

    def _again(self, work: Work, now: datetime, done: Done) -> None:
        for position, addressed in zip(work.positions, work.events, strict=True):
            self._anew(position, addressed.event, now, done)

    def _anew(self, position: int, event: Event, now: datetime, done: Done, attempts: int = MAX_ATTEMPTS) -> None:
        """Address one event and commit it; anew while its customer becomes somebody else meanwhile."""
        for alone in self._grouped({position: event}, done):
            try:
                done.receipts.append(self._committed(alone, now))
            except Readdress as error:
                if attempts > 1:
                    self._anew(position, event, now, done, attempts - 1)
                else:
                    done.failed[position] = error
            except Exception as error:  # noqa: BLE001  -- as above
                done.failed[position] = error

    def _turn(self, position: int, turn: CustomerMerged | CustomerUnmerged, now: datetime, done: Done) -> None:
        """Two become one, or one two."""
        try:
            done.receipts.append(Receipt((position,), self._families.apply(turn, now)))
        except Exception as error:  # noqa: BLE001  -- as above
            done.failed[position] = error

    # One customer

    def _committed(self, work: Work, now: datetime) -> Receipt:
        """The journal entries of these events, whoever wrote them."""
        for _ in range(MAX_ATTEMPTS):
            commit = self._decided(work, now)
            if commit is None:
                return self._receipt(work)
            try:
                self._store.commit([commit])
            except Conflict as conflict:
                self._learn(work, conflict.news[commit.customer])
            else:
                return self._receipt(work, commit)
        raise Contention(f"{MAX_ATTEMPTS} attempts")

    def _decided(self, work: Work, now: datetime) -> Commit | None:
        """What is to be written; None where it is in the table already. Raises `Readdress`."""
        if work.is_erased or work.is_somebody_elses or work.is_apart:
            raise Readdress
        draft = self._drafted(work, now)
        if draft.entries:
            return self._completed(draft, work)
        if draft.timer_used:
            self._store.rearm(draft.loaded)
        return None

    def _learn(self, work: Work, news: News) -> None:
        work.loaded = news.loaded or work.loaded
        work.is_erased = news.is_erased
        work.applied |= news.applied
        work.identities |= news.identities
        self._addressing.remember(news.identities.values())

    def _receipt(self, work: Work, commit: Commit | None = None) -> Receipt:
        entries = {**work.applied, **(commit.entries if commit else {})}
        receipt = Receipt(work.positions, tuple(work.lived(key, entry) for key, entry in entries.items()))
        if commit is None:
            return receipt
        self._addressing.remember(
            Identity(link.key, commit.theirs.get(link.key, commit.customer)) for link in commit.links
        )
        return receipt

    def _drafted(self, work: Work, now: datetime) -> Draft:
        draft = Draft(work.loaded, work.loaded.customer)
        policy, now = self._policy(), max(now, work.loaded.customer.together_since or now)
        for addressed in work.events:
            key = entry_key(addressed.event)
            if key in work.applied or key in draft.entries:
                continue
            if isinstance(addressed.event, TimerDue) and not self._is_due(addressed, addressed.event, work, draft, now):
                continue
            recalled = self._recalled(draft, addressed.event)
            told_to = addressed.whose if addressed.own else None
            decision = decide(draft.customer, addressed.event, policy, now, recalled, told_to)
            draft.customer = decision.customer
            draft.entries[key] = decision.entry
            draft.settled |= {ref_of(each): each for each in decision.settled}
            draft.decided[key] = addressed
        return draft

    def _is_due(self, addressed: Addressed, timer: TimerDue, work: Work, draft: Draft, now: datetime) -> bool:
        """Is this the entry that the due index holds, and has its time really come?

        If not, either another twin of this timer has been at work, and its actions are emitted again; or the index
        was early, and is put right with whatever else is written. Raises `Early` when clocks disagree.
        """
        armed, due_at = work.loaded.armed, draft.customer.due_at
        if armed is None or armed.entry != timer.data.armed:
            if entry := self._store.entry(addressed.whose, key := entry_key(timer)):
                work.applied[key] = entry
            return False
        is_due = due_at is not None and due_at <= now
        if not is_due and armed.due == due_at:
            raise Early(f"due in {armed.due - now}")
        draft.timer_used = True
        return is_due

    def _recalled(self, draft: Draft, event: Event) -> tuple[Recalled, ...]:
        """Orders and tickets that have left the record and that the event is about."""
        return recall(draft.customer.facts, event, lambda wanted: self._left(draft, wanted))

    def _left(self, draft: Draft, wanted: Sequence[Ref]) -> tuple[Settled, ...]:
        just_left = tuple(draft.settled[ref] for ref in wanted if ref in draft.settled)
        others = [ref for ref in wanted if ref not in draft.settled]
        return just_left + self._store.settled(draft.customer.id, others, draft.customer.shelf)

    # What is written beside the record

    def _completed(self, draft: Draft, work: Work) -> Commit:
        links, linked = self._links(draft, work)
        items, told = self._personal(draft)
        entries = {key: self._with_met(entry, draft.decided[key], work, draft) for key, entry in draft.entries.items()}
        if released := tuple(entry for link in links for entry in link.parked):
            first = next(iter(entries))
            entries[first] = entries[first].but({"releases": released})
        members = [(key, each) for key, each in draft.decided.items() if each.own]
        return Commit(
            before=draft.loaded,
            after=draft.customer,
            entries=entries,
            armed=next_armed(draft.loaded, draft.customer, draft.timer_used),
            marks=Marks((*draft.loaded.marks.links, *linked), told),
            links=links,
            settled=tuple(draft.settled.values()),
            items=items,
            journals={key: each.whose for key, each in members},
            theirs={key: each.whose for _, each in members for key in each.keys},
        )

    def _links(self, draft: Draft, work: Work) -> tuple[tuple[Identity, ...], list[str]]:
        """The keys that become this customer's now. One that is another's stays theirs."""
        links: dict[Key, Identity] = {}
        marks: list[str] = []
        for addressed in draft.decided.values():
            for key in addressed.keys:
                mark = key.pk[-MARK_LENGTH:]
                identity = work.identities.get(key, Identity(key))
                if addressed.own is None and (mark in draft.loaded.marks.links or mark in marks):
                    continue
                if addressed.own is None:
                    marks.append(mark)
                if identity.customer is None:
                    links.setdefault(key, identity)
        return tuple(links.values()), marks

    def _with_met(self, entry: Entry, addressed: Addressed, work: Work, draft: Draft) -> Entry:
        """With whoever else is named by keys of the event that were not known to be theirs."""
        if not work.identities:
            return entry
        family = {draft.customer.id, *draft.customer.members}
        former = former_keys(addressed.event)
        kinds: dict[str, set[str]] = {}
        for key, identity_key in addressed.keys.items():
            identity, is_known = work.identities.get(key), key.pk[-MARK_LENGTH:] in draft.loaded.marks.links
            if identity and identity.customer and identity.customer not in family and not is_known:
                kind = "vendor" if identity_key in former else identity_key.kind
                kinds.setdefault(identity.customer, set()).add(kind)
        met = tuple(Met(addressed.whose, other, tuple(sorted(by))) for other, by in sorted(kinds.items()))
        return entry.but({"met": met}) if met else entry

    def _personal(self, draft: Draft) -> tuple[tuple[Item, ...], Mapping[str, Told]]:
        """Profiles, consent proofs and texts; and what is marked as told by the record's own customer."""
        items = [item for each in draft.decided.values() for item in _beside(each.whose, each.event)]
        profiles, told = self._own_profile(draft)
        members = {each.whose: each.own for each in draft.decided.values() if each.own}
        for member, own in members.items():
            profiles += self._members_profile(own, _told_to(member, draft))
        return _distinct([*items, *profiles]), told

    def _own_profile(self, draft: Draft) -> tuple[list[Item], Mapping[str, Told]]:
        events = _told_to(draft.customer.id, draft)
        marked = draft.loaded.marks.profile
        said = [self._marking.said(event) for event in events]
        if not any(is_news(word, marked.get(field)) for words in said for field, word in words.items()):
            return [], latest(marked, said)
        profile = profile_of(None if draft.loaded.is_new else self._written_profile(draft.customer.id), marked)
        profile = profile.told_by(events)
        return [_profile_item(draft.customer.id, profile)], self._marking.of(profile)

    def _members_profile(self, own: Loaded, events: Sequence[Event]) -> list[Item]:
        """Of somebody who was merged: no marks are kept of it, so it is looked at each time."""
        before = profile_of(self._written_profile(own.customer.id), own.marks.profile)
        after = before.told_by(events)
        return [_profile_item(own.customer.id, after)] if after != before else []

    def _written_profile(self, customer: str) -> str | None:
        key = profile_key(customer)
        item = self._store.table.get([key]).get(key)
        return item.body if item else None

    # Emitting

    def _asks(self, lived: Lived, now: datetime) -> bool:
        entry = lived.entry
        asks = entry.actions or entry.grants or entry.releases or entry.met
        return bool(asks) or self._telling.asks(lived, now)

    def _emit(self, lives: Sequence[Lived], now: datetime) -> None:
        entries = [lived.entry for lived in lives]
        actions = [action for entry in entries for action in entry.actions if action.may_be_asked_for(now)]
        for channel, queue in self._channels.items():
            messages = [
                Message(action.model_dump_json(exclude_defaults=True))
                for action in actions
                if action.channel == channel
            ]
            if messages:
                queue.send(messages)
        if points := [Message(told_by(grant).to_json()) for entry in entries for grant in entry.grants]:
            self._outcomes.send(points)
        for entry in entries:
            for parked in entry.releases:
                self._release(parked)
            for met in entry.met:
                self._matching.meet(met, entry.event.store, now)
        self._telling.tell(lives, now)


def _parted(events: Sequence[Event]) -> tuple[dict[int, Event], dict[int, CustomerMerged | CustomerUnmerged]]:
    """(what customers are told, what they are to one another), by position."""
    turns = {at: event for at, event in enumerate(events) if isinstance(event, CustomerMerged | CustomerUnmerged)}
    return {at: event for at, event in enumerate(events) if at not in turns}, turns


def _told_to(customer: str, draft: Draft) -> list[Event]:
    return [each.event for each in draft.decided.values() if each.whose == customer]


def _profile_item(customer: str, profile: Profile) -> Item:
    return Item(profile_key(customer), profile.model_dump_json(exclude_defaults=True))


def _distinct(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple({item.key: item for item in items}.values())


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
