"""Two customers who are one person become one record, and can become two again. Pure.

Whoever survives keeps their id, and a version that grows; the other's record becomes a pointer to it. Each journal
stays where it is and goes on telling what was told to its own keys, so that what was joined can be taken apart. A merge
asks for nothing: no play begins because of it, no message leaves because of it.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from perennial.domain.customer import Customer, Facts, Wait
from perennial.domain.decide import entry_of, judged, record_of
from perennial.domain.events import Event
from perennial.domain.fold import Folded
from perennial.domain.journal import Entry, Kin, entry_key
from perennial.domain.plays import Scene, Stagecraft
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.stage import Rules
from perennial.domain.summary import summary_of
from perennial.domain.timers import next_change

MOST_MEMBERS = 20
"""Of one customer. Whoever is taken for more people than that is a shop's test account, or a box at the till."""
LONGEST_LIVES = 5_000
"""Entries of both journals together. They are folded anew while the event waits: 0.3 ms each, three times that in
Lambda, and half that again in memory of kilobytes."""


class Claimant(NamedTuple):
    """One of two who are to become one."""

    is_deleted: bool
    is_anonymous: bool
    met_at: datetime
    id: str


def survivor(one: Claimant, other: Claimant) -> str:
    """Whose id stays: whose account is still there, then who is known, then whom we met first, then the smaller id."""
    return min(one, other).id


class Joined(NamedTuple):
    record: Customer
    entry: Entry


def joined(one: Customer, other: Customer, facts: Facts, event: Event, policy: Policy, now: datetime) -> Joined:
    """The record of two together, and the entry that says so in the journal of `one`, who survives.

    facts: folded from the journals of all who belong to either.
    """
    summary = summary_of(facts)
    health, rules = Health(facts, policy, now, summary), Rules(facts, policy, summary)
    standing = rules.standing(now, health.band)
    both = one.but({"waits": _waits(one, other), "fired": _fired(one, other)})
    played = Stagecraft(Scene(both, facts, summary, standing, health.band, health.score, now, policy)).rest()
    due = next_change(health, rules, standing, now, played.waits)
    record = record_of(one, Folded(facts, ()), health, standing, played, now, due, policy)
    entry = entry_of(one, record, event, standing, played, now, None)
    members = {**one.members, **other.members, other.id: one.id}
    kin = {
        "members": dict(sorted(members.items())),
        "together_since": now,
        "shelf": shelf_of(event, one, other),
        "loaded_at": max(filter(None, (one.loaded_at, other.loaded_at)), default=None),
    }
    record = record.but(kin)
    return Joined(record, entry.but({"kin": Kin("took_in", other.id, dict(record.members))}))


def gone(other: Customer, into: str) -> Customer:
    """What is left in the place of a record that was merged: where to look."""
    return Customer(id=other.id, store=other.store, version=other.version + 1, merged_into=into)


def farewell(other: Customer, entry: Entry) -> Entry:
    """The entry of a merge in the journal of who was merged. entry: the one in the survivor's."""
    assert entry.kin is not None
    return entry.but(
        {
            "version": other.version + 1,
            "before": judged(other),
            "outcomes": (),
            "kin": Kin("went_to", _survivor_of(entry), {}),
        }
    )


def _survivor_of(entry: Entry) -> str:
    assert entry.kin is not None
    return entry.kin.members[entry.kin.other]


def leaving(members: Mapping[str, str], who: str) -> dict[str, str]:
    """Who goes along when one is taken out: whoever had been merged into them before."""
    found: dict[str, str] = {}
    while more := {each: into for each, into in members.items() if each not in found and into in {who, *found}}:
        found |= more
    return dict(sorted(found.items()))


def remaining(members: Mapping[str, str], who: str) -> dict[str, str]:
    gone_along = leaving(members, who)
    return {each: into for each, into in members.items() if each != who and each not in gone_along}


def shelf_of(event: Event, one: Customer, other: Customer) -> str:
    """Where settled orders and tickets are put by one attempt to merge or to undo it: by no other that differs."""
    attempt = f"{entry_key(event)}\x1f{one.id}\x1f{one.version}\x1f{other.id}\x1f{other.version}"
    return hashlib.blake2b(attempt.encode(), digest_size=6).hexdigest()


def _waits(one: Customer, other: Customer) -> tuple[Wait, ...]:
    """What waits twice for the same occasion waits once, for the earlier hour."""
    theirs = (wait if wait.of else wait.but({"of": other.id}) for wait in other.waits)
    found = {(wait.play, wait.about): wait for wait in one.waits}
    for wait in theirs:
        mine = found.get((wait.play, wait.about))
        if mine is None or wait.due < mine.due:
            found[wait.play, wait.about] = wait
    return tuple(sorted(found.values(), key=lambda wait: (wait.due, wait.play, wait.about)))


def _fired(one: Customer, other: Customer) -> dict[str, tuple[datetime, ...]]:
    plays: Collection[str] = sorted({*one.fired, *other.fired})
    return {play: tuple(sorted({*one.fired.get(play, ()), *other.fired.get(play, ())})) for play in plays}
