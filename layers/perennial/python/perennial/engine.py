"""The one write path: read, decide, commit, emit. Every handler and every tool changes a customer through `apply`.

An event is applied once, and what it asked for goes out at least once: the journal entry written with the record is
the receipt, and its actions are emitted again whenever the event comes again. Senders make that once by a claim.
"""

import hmac
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
from perennial.domain.events import CartAbandoned, ConsentChanged, Event, Person, TimerDue, texts_of
from perennial.domain.fold import Ref, Settled, recalls, ref_of
from perennial.domain.journal import Entry, entry_key
from perennial.domain.policy import Policy
from perennial.domain.profile import Profile, words_of
from perennial.domain.values import at_milliseconds, iso, milliseconds, to_utc

MAX_ATTEMPTS = 8


class Contention(Exception):
    """Other writers moved this customer each time it was decided. Let the event be delivered again."""


class Readdress(Exception):
    """A key by which the events were to be found is somebody else's: the events are theirs. Address them again."""


class Early(Exception):
    """By this clock a timer's time has not come, by the sweep's it has. Let it be delivered again.

    Let go, it might be the only copy left of one that another sender has at work, and that fails to emit.
    """


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

    @property
    def customer(self) -> str:
        return self.loaded.customer.id

    @property
    def is_somebody_elses(self) -> bool:
        """Whether an event here is to be found by a key that has become somebody else's.

        Of a new customer any key counts. A known one may share the weaker keys of an event with others, but not the
        strongest: delivered again, the event would be the other's, and be applied to both.
        """
        taken = {key for key, each in self.identities.items() if each.customer not in (None, self.customer)}
        return any(key in taken for event in self.events for key in self._deciding(event))

    def _deciding(self, event: Addressed) -> Iterable[Key]:
        return event.keys if self.loaded.is_new else islice(event.keys, 1)


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
        done = Done()
        now = to_utc(now)  # as precise as it will be read again
        work = self._grouped(dict(enumerate(events)), done)
        for alone in self._together(work, now, done):
            self._finish(alone, now, done)
        try:
            self._emit([entry for receipt in done.receipts for entry in receipt.entries], now)
        except Exception as error:  # noqa: BLE001  -- what asked for something is delivered again, and emits again
            asking = [receipt for receipt in done.receipts if any(map(_asks, receipt.entries))]
            done.failed |= {position: error for receipt in asking for position in receipt.positions}
        return done.failed

    # The batch

    def _grouped(self, events: Mapping[int, Event], done: Done) -> list[Work]:
        """The events, by position, of each customer."""
        groups: dict[str, list[tuple[int, Addressed]]] = {}
        for position, each in self._addressed(events, done):
            groups.setdefault(each.loaded.customer.id, []).append((position, each))
        return [
            Work(tuple(position for position, _ in group), tuple(each for _, each in group), group[0][1].loaded)
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
            for alone in self._grouped({position: addressed.event}, done):
                try:
                    done.receipts.append(self._committed(alone, now))
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
        if work.is_somebody_elses:
            raise Readdress
        draft = self._drafted(work, now)
        if draft.entries:
            return self._completed(draft, work)
        if draft.timer_used:
            self._store.rearm(draft.loaded)
        return None

    def _learn(self, work: Work, news: News) -> None:
        work.loaded = news.loaded or work.loaded
        work.applied |= news.applied
        work.identities |= news.identities
        self._addressing.remember(news.identities.values())

    def _receipt(self, work: Work, commit: Commit | None = None) -> Receipt:
        if commit is None:
            return Receipt(work.positions, tuple(work.applied.values()))
        self._addressing.remember(Identity(link.key, commit.customer) for link in commit.links)
        return Receipt(work.positions, (*work.applied.values(), *commit.entries.values()))

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
        was early, and is put right with whatever else is written. Raises `Early` when clocks disagree.
        """
        armed, due_at = work.loaded.armed, draft.customer.due_at
        if armed is None or armed.entry != timer.data.armed:
            if entry := self._store.entry(draft.customer.id, key := entry_key(timer)):
                work.applied[key] = entry
            return False
        is_due = due_at is not None and due_at <= now
        if not is_due and armed.due == due_at:
            raise Early(f"due in {armed.due - now}")
        draft.timer_used = True
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
            marks=Marks((*draft.loaded.marks.links, *linked), told),
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

    def _personal(self, draft: Draft) -> tuple[tuple[Item, ...], Mapping[str, Told]]:
        """Profile, consent proofs and texts; and what is marked as told."""
        events = [addressed.event for addressed in draft.decided]
        items = [item for event in events for item in _beside(draft.customer.id, event)]
        marked = draft.loaded.marks.profile
        said = [self._told(event.data.customer, milliseconds(event.time)) for event in events]
        if not any(_is_news(word, marked.get(field)) for words in said for field, word in words.items()):
            return _distinct(items), _latest(marked, said)
        profile = self._profile(draft).told_by(events)
        body = profile.model_dump_json(exclude_defaults=True)
        return _distinct([*items, Item(profile_key(draft.customer.id), body)]), self._marks_of(profile)

    def _profile(self, draft: Draft) -> Profile:
        key = profile_key(draft.customer.id)
        known = None if draft.loaded.is_new else self._store.table.get([key]).get(key)
        if known is None:
            return Profile()
        latest = {field: at_milliseconds(word.at) for field, word in draft.loaded.marks.profile.items()}
        return Profile.model_validate_json(known.body).repeated(latest)

    def _marks_of(self, profile: Profile) -> dict[str, Told]:
        words = words_of(profile.person)
        return {field: Told(self._mark(field, word), milliseconds(profile.told_at[field])) for field, word in words}

    def _told(self, person: Person, at: int) -> dict[str, Told]:
        """Field -> a keyed hash of its value: tells whether it is the same without telling what it is."""
        return {field: Told(self._mark(field, word), at) for field, word in words_of(person)}

    def _mark(self, field: str, value: str) -> str:
        return hmac.digest(self._secret, f"{field}\x1f{value}".encode(), "sha256").hex()[:MARK_LENGTH]

    # Emitting

    def _emit(self, entries: Sequence[Entry], now: datetime) -> None:
        actions = [action for entry in entries for action in entry.actions if action.may_be_asked_for(now)]
        for channel, queue in self._channels.items():
            messages = [
                Message(action.model_dump_json(exclude_defaults=True))
                for action in actions
                if action.channel == channel
            ]
            if messages:
                queue.send(messages)
        for entry in entries:
            for parked in entry.releases:
                self._release(parked)


def _is_news(word: Told, known: Told | None) -> bool:
    """Would it change the profile? Most webhooks repeat what they said; and what was said before the last is past."""
    return known is None or (word.mark != known.mark and word.at >= known.at)


def _latest(marked: Mapping[str, Told], said: Iterable[Mapping[str, Told]]) -> Mapping[str, Told]:
    """The marks, as late as they were repeated."""
    latest = dict(marked)
    for name, word in (each for words in said for each in words.items()):
        latest[name] = max(latest[name], word, key=lambda told: told.at)
    return latest


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
