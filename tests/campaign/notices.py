"""What must hold in the end of what the merchant's own systems were told.

Promises as those of `reckoning.py`, written from docs/connect/merchant-webhook.md: which things are told, what is said
of each, and that nothing is lost that somebody wanted to hear all along.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from perennial.domain.journal import Entry, Judged
from perennial.domain.values import iso
from tests.campaign.end import End, Ways
from tests.campaign.functions import MOST_SKEW, SETTINGS
from tests.campaign.watch import Watch

MOVES = {"stage.changed": 0, "label.changed": 1, "band.changed": 2}
"""Kind -> the place in `Judged` of what has changed."""
POLICY_IS_READ = timedelta(minutes=1)
"""How long a function goes on with the policy that it read."""
AT_ONCE = POLICY_IS_READ + 2 * MOST_SKEW
"""By two clocks, each of which may be wrong."""


class Told(NamedTuple):
    """What a notice says."""

    kind: str
    customer: str
    at: str
    what: str
    """Its data as JSON, without whose it is."""


class Tellable(NamedTuple):
    """What there was to tell, and which entry of the journal says so."""

    told: Told
    entry: Entry


# What there is to tell


def tellable(end: End) -> Iterator[Tellable]:
    for whose, journal in end.journals.items():
        for entry in journal.values():
            for kind, data in _of(entry):
                what = json.dumps(data, sort_keys=True)
                yield Tellable(Told(kind, entry.record or whose, iso(entry.decided_at), what), entry)


def _of(entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for task in entry.tasks:
        said = task.model_dump(mode="json")
        yield "task.created", {name: said[name] for name in ("id", "task", "play", "due_at", "subject")}
    for kind, place in MOVES.items():
        if entry.before[place] != entry.after[place]:
            both = {"before": _standing(entry.before), "after": _standing(entry.after)}
            yield kind, {**both, "because_of": entry.event.type}
    said = entry.event.data.model_dump(mode="json", exclude={"customer"}, exclude_defaults=True)
    yield entry.event.type, {**said, "source": entry.event.source, "happened_at": iso(entry.event.time)}


def _standing(judged: Judged) -> dict[str, Any]:
    score = None if judged.score is None else judged.score / 100
    return {"stage": judged.stage, "label": judged.label, "band": judged.band, "score": score}


def _told(body: str) -> Told:
    said = json.loads(body)
    data = {name: each for name, each in said["data"].items() if name not in ("customer", "store", "link")}
    return Told(said["type"], said["data"]["customer"], said["timestamp"], json.dumps(data, sort_keys=True))


# Promises


def what_is_told_has_happened(end: End) -> Ways:
    """Each notice is one thing of one journal, under one name, and leads to its customer."""
    happened = Counter(each.told for each in tellable(end))
    told = Counter(_told(body) for body in end.world.listeners.bodies.values())
    for each, count in told.items():
        if count > happened[each] and not _is_gone(end, each.customer):
            yield f"{each.kind} of {each.customer[:6]} was told under {count} names, and was {happened[each]} times"
    for name, body in end.world.listeners.bodies.items():
        data = json.loads(body)["data"]
        if data["link"] != f"{SETTINGS.LINKS_URL}/customers/{data['customer']}":
            yield f"{name[:6]} leads elsewhere"


def _is_gone(end: End, customer: str) -> bool:
    """Are journals gone that decided on this record? It was erased, or was once one with somebody who was."""
    life = end.life(customer)
    return life is None or end.was_with_the_erased(life)


def only_what_the_policy_tells_is_told(end: End) -> Ways:
    """One that was in force when it was decided, or since."""
    may_be = {each.told: kinds_since(end, each.entry.decided_at) for each in tellable(end)}
    for body in end.world.listeners.bodies.values():
        told = _told(body)
        if told in may_be and not any(told.kind in kinds for kinds in may_be[told]):
            yield f"{told.kind} of {told.customer[:6]} was told, and no policy wants it"


def who_listens_has_heard_it_all(end: End) -> Ways:
    """Whatever the policy wanted told all the time since it was decided has reached each who wanted it all the time."""
    heard = {
        system.listener.name: Counter(_told(end.world.listeners.bodies[name]) for name in system.taken)
        for system in end.world.listeners.systems.values()
    }
    wanted: dict[str, Counter[Told]] = {name: Counter() for name in heard}
    for told, entry in tellable(end):
        if all(told.kind in kinds for kinds in kinds_since(end, entry.decided_at)):
            wanted_by = _wanted_by(end, told, entry)
            for name in wanted_by:
                wanted[name][told] += 1
    for name, missing in ((name, each - heard[name]) for name, each in wanted.items()):
        yield from (f"{name} was never told {told.kind} of {told.customer[:6]} at {told.at}" for told in missing)


def _wanted_by(end: End, told: Told, entry: Entry) -> Iterable[str]:
    for system in end.world.listeners.were_there(entry.decided_at - MOST_SKEW):
        who = system.listener
        if (not who.kinds or told.kind in who.kinds) and (not who.stores or entry.event.store in who.stores):
            yield who.name


def kinds_since(end: End, decided_at: datetime) -> list[tuple[str, ...]]:
    """What each policy tells that may have been taken for the one in force since then."""
    watch: Watch = end.world.watch
    ends = [watch.in_force_from[version] for version in watch.policies[1:]]
    over = sum(until <= decided_at - AT_ONCE for until in ends)
    return [end.policy(version).tell for version in watch.policies[over:]]


PROMISES: Mapping[str, Callable[[End], Ways]] = {
    "what is told has happened": what_is_told_has_happened,
    "only what the policy tells is told": only_what_the_policy_tells_is_told,
    "who listens has heard it all": who_listens_has_heard_it_all,
}
