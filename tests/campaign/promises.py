"""What must hold in the end of what people did: staff who stopped messages, and customers who chose, clicked and drew.

As those of `reckoning.py`: functions from the whole of what is stored to the ways in which they do not hold.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from perennial.domain.events import ConsentChanged, MessageClicked
from perennial.domain.journal import Entry, entry_key
from tests.campaign.end import End, Life, Ways
from tests.campaign.watch import SKEW

CHOICES = "preferences"
REDIRECT = "perennial/redirect"
COPIED = frozenset({"queue: delivered twice", "queue: delete lost", "queue: visibility ended at work"})
"""Faults after which there is another copy of a message."""
TAKEN_AWAY = ("crash before", "crash after", "write: throttled", "write: conflict", "write: unreachable")
"""Faults by which a sender does not come to the end of what it began."""
MARK = 24
"""Characters by which entries of the journal, and proofs of consent, are told apart."""

# The emergency stop


def _what_waits_is_shown(end: End) -> Ways:
    """Under what is in force, and there alone; and it is no less and no more than what staff are shown."""
    for hold, actions in end.held.items():
        if hold not in end.world.watch.in_force:
            left = [action for action in sorted(actions) if not _may_be_left(end, action)]
            yield from (f"{action[:6]} waits under {hold}, which is not in force" for action in left)
    for hold, shown in end.world.stops.shown.items():
        if shown != len(end.held.get(hold, ())):
            yield f"{hold} shows {shown} messages, and {len(end.held.get(hold, ()))} wait"


def _may_be_left(end: "End", action: str) -> bool:
    """Whoever found the hold lifted takes back the note that the action waits, if they live and the table takes it.

    It does no harm where it stays: let go once more, the action is found to be over.
    """
    is_over = end.world.watch.delivery(action).claim is not None
    return is_over and any(fault.endswith(TAKEN_AWAY) for fault in end.world.circumstances.faults)


def _what_is_given_up_is_over(end: End) -> Ways:
    for action in sorted(end.world.watch.given_up):
        delivery = end.world.watch.delivery(action)
        claim = delivery.claim
        if delivery.customer in end.graves:
            continue
        if claim is None:
            yield f"{action[:6]} was given up, and nobody says what became of it"
        elif claim.state != "failed" and end.copies(action) < 2 and not COPIED & end.world.circumstances.faults.keys():
            yield f"{action[:6]} was given up, and ended as {claim.state}"


def _staff_leave_traces(end: End) -> Ways:
    """Who stopped what and why, who lifted it, and each time that somebody moved what waited."""
    kept = {key.sk: item for key, item in end.items.items() if key.pk == "HOLDS"}
    moved = Counter(
        (sk.split("#")[1], json.loads(item.body)["did"]) for sk, item in kept.items() if sk.startswith("MOVE#")
    )
    answered = Counter((hold, f"{deed}d" if deed == "release" else f"{deed}ed") for hold, deed in end.world.watch.moves)
    for name, stop in end.world.watch.stops.items():
        told = json.loads(kept[f"HOLD#{name}"].body) if f"HOLD#{name}" in kept else {}
        if not (told.get("by") and told.get("because")):
            yield f"nobody knows who ordered {name}, and why"
        if bool(told.get("released_by")) is not (stop.lifted_at is not None):
            yield f"{name} was {'' if stop.lifted_at else 'not '}lifted, and its trace says otherwise"
    for (name, did), count in answered.items():
        if moved[name, did] < count:
            yield f"{name} was {did} {count} times, of which {moved[name, did]} are written down"


def _throttled_waits(end: End) -> Ways:
    """Who is told to come again later does, by the due index: no receipt of its queue is used up for that."""
    for line in end.world.log.getvalue().splitlines():
        if '"Throttled"' in line or '"Spent"' in line:
            yield f"a sender logs {line[:200]}"


# What customers chose


def _choices_are_their_own(end: End) -> Ways:
    """What the pages wrote down, somebody had pressed who might: to look, and to forge, changes nothing."""
    proofs = {key.sk[-MARK:] for key in end.items if key.sk.startswith("CONSENT#")}
    for life, entry in _of_source(end, CHOICES):
        event = entry.event
        if not isinstance(event, ConsentChanged):
            yield f"a page told of {event.type}"
        elif not any(
            pressed.is_said_by((event.data.purpose, event.data.channel), event.data.granted, event.time)
            for pressed in end.world.readers.pressed
            if end.is_of(life, pressed.permit.customer)
        ):
            yield f"nobody pressed what {event.id[:6]} says of {event.data.purpose} by {event.data.channel}"
        if entry_key(event)[-MARK:] not in proofs:
            yield f"there is no proof of {event.id[:6]}"


def _confirmed_is_what_was_said_twice(end: End) -> Ways:
    for life in end.lives:
        if end.was_with_the_erased(life):
            continue
        for topic, at in life.customer.facts.confirmed.items():
            if not any(
                isinstance(entry.event, ConsentChanged)
                and entry.event.data.confirmed
                and f"{entry.event.data.purpose}/{entry.event.data.channel}" == topic
                and entry.event.time == at
                for entry in end.told_to(life)
            ):
                yield f"{life.customer.id[:6]} is said to have confirmed {topic}, and did not"


# What customers clicked


def _clicks_are_real(end: End) -> Ways:
    """Each is a button of a message that its reader followed; each that was counted is told, once a day."""
    told = Counter[str]()
    for _, entry in _of_source(end, REDIRECT):
        event = entry.event
        assert isinstance(event, MessageClicked), event.type
        told[event.data.action] += 1
        if not any(
            each.message.action_id == event.data.action and each.at > event.time - SKEW
            for each in end.world.readers.clicked
        ):
            yield f"nobody clicked in {event.data.action[:6]}"
    for clicked in end.world.readers.clicked:
        action = clicked.message.action_id
        if clicked.is_counted and not told[action] and end.world.watch.delivery(action).customer not in end.graves:
            yield f"the click in {action[:6]} is not told"


def _of_source(end: End, source: str) -> Iterator[tuple[Life, Entry]]:
    for life in end.lives:
        yield from ((life, entry) for entry in life.journal.values() if entry.event.source == source)


# Coupons


def _codes_are_all_there(end: End) -> Ways:
    """Each code that was ever added is free, or somebody's."""
    kinds: dict[str, set[str]] = {"CODE": set(), "FREE": set(), "DRAWN": set()}
    for key, item in end.items.items():
        if key.pk.startswith("COUPONS#"):
            kind, _, name = key.sk.partition("#")
            kinds[kind].add(item.body if kind == "DRAWN" else name)
    if kinds["FREE"] & kinds["DRAWN"]:
        yield f"{len(kinds['FREE'] & kinds['DRAWN'])} codes are free and drawn"
    if kinds["FREE"] | kinds["DRAWN"] != kinds["CODE"]:
        yield f"{len(kinds['CODE'])} codes were added, and {len(kinds['FREE'] | kinds['DRAWN'])} are there"


PROMISES: Mapping[str, Callable[[End], Ways]] = {
    "what waits is shown": _what_waits_is_shown,
    "what is given up is over": _what_is_given_up_is_over,
    "staff leave traces": _staff_leave_traces,
    "what is throttled waits": _throttled_waits,
    "choices are their own": _choices_are_their_own,
    "confirmed is what was said twice": _confirmed_is_what_was_said_twice,
    "clicks are real": _clicks_are_real,
    "codes are all there": _codes_are_all_there,
}
