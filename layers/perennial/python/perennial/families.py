"""Merges and their undoing: reads the journals of all who are concerned, and writes both records in one transaction.

Errors:
    Contention     other writers moved these customers each time: let the event be delivered again
    TooLong        their journals are too long to be run again while an event waits: nothing was changed, nor will be
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from perennial.aws.store import Commit, Conflict, Loaded, Marks, Store, next_armed, profile_key
from perennial.domain.customer import Customer
from perennial.domain.decide import judged
from perennial.domain.events import CustomerMerged, CustomerUnmerged
from perennial.domain.history import Journals, apart, in_order, refold, relive, until_when
from perennial.domain.identity import is_anonymous
from perennial.domain.journal import Entry, Kin, entry_key
from perennial.domain.merging import (
    LONGEST_LIVES,
    MOST_MEMBERS,
    Claimant,
    farewell,
    gone,
    joined,
    leaving,
    remaining,
    survivor,
)
from perennial.domain.policy import Policy
from perennial.domain.values import TICK
from perennial.marking import Marking, profile_of
from perennial.telling import Lived

MAX_ATTEMPTS = 8
Turn = CustomerMerged | CustomerUnmerged


class Contention(Exception):
    """Other writers moved this customer each time it was decided. Let the event be delivered again."""


class TooLong(Exception):
    """These customers' journals are too long to be run again while an event waits."""


class _Parting(NamedTuple):
    """One of two who are to be two again."""

    loaded: Loaded
    kin: Kin


class Families:
    def __init__(
        self, store: Store, policy: Callable[[], Policy], versions: Callable[[int], Policy], marking: Marking
    ) -> None:
        """policy: the one in force; versions: any that ever was."""
        self._store = store
        self._policy = policy
        self._versions = versions
        self._marking = marking

    def apply(self, event: Turn, now: datetime) -> tuple[Lived, ...]:
        """Make two one, or one two; where that has been done, what it was. Nothing where there is nobody to do it to.

        Raises `Contention`, `TooLong`, and what the table raises.
        """
        for _ in range(MAX_ATTEMPTS):
            commits = self._merged(event, now) if isinstance(event, CustomerMerged) else self._unmerged(event, now)
            if not commits:
                return self._taken_before(event)
            try:
                self._store.commit(commits)
            except Conflict as conflict:
                if applied := [
                    Lived(who, entry) for who, news in conflict.news.items() for entry in news.applied.values()
                ]:
                    return tuple(applied)
            else:
                return tuple(Lived(commit.customer, entry) for commit in commits for entry in commit.entries.values())
        raise Contention(f"{MAX_ATTEMPTS} attempts")

    def _taken_before(self, event: Turn) -> tuple[Lived, ...]:
        """What the journals say of this very turn, with whomever they are by now: it asks for the same again."""
        named = (str(event.customer), event.data.other)
        roots = [root.customer for root in self._store.roots(named).values()]
        people = (*named, *(each for root in roots for each in (root.id, *root.members)))
        entries = self._store.entries(dict.fromkeys(people), entry_key(event))
        return tuple(Lived(who, entry) for who, entry in entries.items())

    # Two become one

    def _merged(self, event: CustomerMerged, now: datetime) -> list[Commit]:
        roots = self._store.roots((str(event.customer), event.data.other))
        if len({root.customer.id for root in roots.values()}) < 2:
            return []
        one, other = roots.values()
        if not _may_be_one(one, other):
            return []
        journals = self._journals(one, other)
        now = _after(now, journals, one, other)
        winner, loser = _ranked(one, other, journals)
        facts, settled = refold(winner.customer.id, in_order(journals, journals), self._versions)
        done = joined(winner.customer, loser.customer, facts, event, self._policy(), now)
        self._store.shelve(done.record, tuple(settled.values()))
        return [
            _commit(winner, done.record, done.entry, winner.marks),
            _commit(loser, gone(loser.customer, winner.customer.id), farewell(loser.customer, done.entry), loser.marks),
        ]

    # One becomes two

    def _unmerged(self, event: CustomerUnmerged, now: datetime) -> list[Commit]:
        who, named = event.data.other, str(event.customer)
        shared, left = self._store.roots([named]).get(named), self._store.load([who]).get(who)
        if shared is None or left is None or who not in shared.customer.members:
            return []
        journals = self._journals(shared)
        now = _after(now, journals, shared)
        until, members = until_when(shared.customer, now), shared.customer.members
        stays = _Parting(shared, Kin("let_go", who, remaining(members, who), until))
        leaves = _Parting(left, Kin("came_from", shared.customer.id, leaving(members, who), until))
        entry = _undoing(event, shared.customer, self._policy().version, now)
        return [self._parted(each, shared.customer, journals, entry) for each in (stays, leaves)]

    def _parted(self, parting: _Parting, shared: Customer, journals: Journals, entry: Entry) -> Commit:
        (loaded, kin), at = parting, entry.decided_at
        unknown = Customer(id=loaded.customer.id, store=shared.store)
        until = kin.lived_until or at
        relived = relive(unknown, kin.members, journals, self._versions, shared.id, at, until)
        past, told = apart(shared, loaded.customer, kin, relived, entry)
        self._store.shelve(past.customer, tuple(past.settled.values()))
        marks = loaded.marks if kin.role == "let_go" else self._marks(loaded)
        return _commit(loaded, past.customer, told, marks)

    def _marks(self, loaded: Loaded) -> Marks:
        """While they were merged, what was said of them went to the profile and no marks were kept of it."""
        key = profile_key(loaded.customer.id)
        item = self._store.table.get([key]).get(key)
        profile = profile_of(item.body if item else None, loaded.marks.profile)
        return Marks(loaded.marks.links, self._marking.of(profile))

    # What both need

    def _journals(self, *roots: Loaded) -> Journals:
        """Of everybody who belongs to these."""
        everyone = [each for root in roots for each in (root.customer.id, *root.customer.members)]
        journals = {each: tuple(self._store.journal(each)) for each in everyone}
        if (length := sum(map(len, journals.values()))) > LONGEST_LIVES:
            raise TooLong(f"{length:,} entries; at most {LONGEST_LIVES:,} can be run again")
        return journals


def _may_be_one(one: Loaded, other: Loaded) -> bool:
    """Customers of different stores never meet; nor does anybody gather more people than a person can be."""
    people = len(one.customer.members) + len(other.customer.members) + 1
    return one.customer.store == other.customer.store and people <= MOST_MEMBERS


def _ranked(one: Loaded, other: Loaded, journals: Journals) -> tuple[Loaded, Loaded]:
    """(who survives, who does not)."""
    winner = survivor(_claimant(one, journals), _claimant(other, journals))
    return (one, other) if one.customer.id == winner else (other, one)


def _claimant(loaded: Loaded, journals: Journals) -> Claimant:
    customer = loaded.customer.id
    met_at = min(entry.decided_at for entry in journals[customer])
    is_deleted = loaded.customer.facts.deleted_at is not None
    return Claimant(is_deleted, is_anonymous(loaded.marks.profile.keys()), met_at, customer)


def _after(now: datetime, journals: Journals, *roots: Loaded) -> datetime:
    """Later than everything that any of them has lived, so that the journals tell what came before."""
    lived = (entry.decided_at + TICK for entries in journals.values() for entry in entries)
    since = (root.customer.together_since + TICK for root in roots if root.customer.together_since)
    return max(now, *lived, *since)


def _undoing(event: CustomerUnmerged, shared: Customer, policy: int, now: datetime) -> Entry:
    """What the entries of both have in common."""
    standing = judged(shared)
    return Entry(
        version=shared.version,
        decided_at=now,
        policy=policy,
        event=event,
        before=standing,
        after=standing,
        label_rule=0,
        stage_rule=0,
    )


def _commit(before: Loaded, after: Customer, entry: Entry, marks: Marks) -> Commit:
    armed = None if after.merged_into else next_armed(before, after, consumed=False)
    return Commit(before, after, {entry_key(entry.event): entry}, armed, marks)
