"""What must hold in the end, when the weather has cleared and everything that was left has been done.

Each promise is a function from the whole of what is stored to the ways in which it does not hold.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from perennial.aws.store import content_key, desk_key, profile_key, record_text
from perennial.domain.actions import Action
from perennial.domain.events import (
    ConsentChanged,
    MessageDeferred,
    MessageFailed,
    TimerDue,
    impersonal,
    texts_of,
)
from perennial.domain.identity import identity_keys
from perennial.domain.journal import Entry, entry_key
from perennial.domain.judgement import Judgement
from perennial.domain.profile import Profile
from perennial.domain.settled import ref_of
from tests.builders import folded, written
from tests.campaign import accounts, forgetting, kinship, notices, objecting, promises, waiting, warmth
from tests.campaign.broken import Broken
from tests.campaign.end import APPLIED, OUTBOX, SWEEP, End, Life, Ways, name_of
from tests.campaign.forgetting import erased_people, is_of, may_be_let_go
from tests.campaign.functions import MOST_SKEW
from tests.campaign.goodname import GUARD
from tests.campaign.kinship import (
    SAYS_WHO_IS_WHOM,
    events_of,
    shelved,
    since_shelved,
)
from tests.campaign.people import EVERYBODY
from tests.campaign.promises import CHOICES, REDIRECT
from tests.campaign.world import AFTER_SWEEP, World

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
    turns = Counter(entry.kin.role for life in end.lives for entry in life.entries if entry.kin)
    return dropped + Counter(
        {
            "events, distinct": len({message for queue in APPLIED for message in end.world.lanes.sent[queue]}),
            "events, delivered": sum(end.world.lanes.given[queue] for queue in APPLIED),
            "decisions": sum(life.customer.version for life in end.lives),
            "merges": turns["took_in"],
            "partings": turns["let_go"],
            "erased": len(end.graves),
            "actions": sum(len(entry.actions) for life in end.lives for entry in life.entries),
            "sends": sum(each.taken for each in end.world.watch.deliveries.values()),
            "unknown": sum(claim.state == "unknown" for claim in claims),
            "waiting": sum(len(life.customer.waits) for life in end.lives) + len(end.waiting),
            "stops": len(end.world.watch.stops),
            "stops by itself": sum(stop.by == GUARD for stop in end.world.watch.stops.values()),
            "given up": len(end.world.watch.given_up),
            "held": sum(map(len, end.held.values())),
            "choices": len(end.world.readers.pressed),
            "clicks": len(end.world.readers.clicked),
            "codes of the pool": len(end.world.watch.coupons.drawn),
            "notices": len(end.world.listeners.bodies),
            "notices, taken": sum(len(each.taken) for each in end.world.listeners.systems.values()),
            "points moved by staff": sum(bool(each.statuses) for each in end.world.goodwill.requests),
            "points given by plays": sum(len(entry.grants) for life in end.lives for entry in life.entries),
            "charged to plays": sum(len(entry.costs) for life in end.lives for entry in life.entries),
            "put off by the warm-up": len(list(warmth.put_off(end))),
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
    kept = Counter(name_of(entry.event) for life in end.lives for entry in life.journal.values())
    for name, (event, _) in end.expected.items():
        if name in end.early:
            continue  # it claimed to be of the future, and lies in quarantine as it came
        times = kept[name] + (name in end.waiting)
        if times != 1 and not (times == 0 and may_be_let_go(end, event)):
            yield f"{event.type} {name} is in {kept[name]} journals, and {'' if name in end.waiting else 'not '}waiting"


def _nothing_is_made_up(end: End) -> Ways:
    ours = {source: end.said("orders", source) for source in SAYS_WHO_IS_WHOM}
    ours |= {source: end.said("outcomes", source) for source in (OUTBOX, REDIRECT, accounts.PLAYS)}
    ours[accounts.STAFF] |= end.said("outcomes", accounts.STAFF)
    ours |= {SWEEP: end.said("inactivity", SWEEP)}
    for life in end.lives:
        for key, entry in life.journal.items():
            event = entry.event
            known = end.known(event)
            if event.source == CHOICES:
                continue  # `choices are their own`
            if event.source in ours:
                if event.id not in ours[event.source]:
                    yield f"nobody said {event.type} {event.id}"
            elif known is None:
                yield f"nobody said {event.type} {event.id}"
            elif (entry_key(known[0]), impersonal(known[0])) != (key, event):
                yield f"the journal's {event.type} {event.id} is not what was said"


def _quarantine_is_right(end: End) -> Ways:
    """It holds what is not understood, and what belongs to nobody, and nothing else."""
    erased = erased_people(end)
    gone = [post for post, _ in end.readings if post.persona in erased]
    not_read = Counter(post.source for post, read in end.readings for _ in read.quarantined if post not in gone)
    entries = [entry for entry in end.quarantine.values() if entry and entry.source != "perennial"]
    kept = Counter(entry.source for entry in entries if not is_of(entry, gone))
    early = Counter(name[0].partition("/")[0] for name in end.early if end.expected[name][1] not in erased)
    # Told again after its time had come, it is applied; what was kept of it the first time waits on for staff.
    late = Counter(name[0].partition("/")[0] for name in end.early_once & end.kept)
    if (not_read + early) - kept or kept - (not_read + early + late):
        yield f"it holds {dict(kept)}, and should hold {dict(not_read + early)}"
    for event in end.waiting.values():
        keys = identity_keys(event)
        if keys and (owner := end.owner(keys[0])) and owner not in end.graves:
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
        if end.was_with_the_erased(life):
            continue  # what was told to those, and decided on this record, is erased with them
        versions = [entry.version for entry in life.entries]
        if versions != list(range(1, life.customer.version + 1)):
            yield f"{life.customer.id[:6]} of version {life.customer.version} has entries {versions}"
        if life.record.attributes["version"] != life.customer.version:
            yield f"{life.customer.id[:6]} says two versions"


def _facts_do_not_depend_on_order(end: End) -> Ways:
    for life in end.lives:
        if life.customer.merged_into:
            continue  # whose facts they are in
        events = events_of(end, life)
        in_time = sorted(events, key=lambda event: (event.time, event.source, event.id))
        shuffled = Random(end.world.plan.seed).sample(in_time, len(in_time))
        for order, fold in (("decided", events), ("happened", in_time), ("shuffled", shuffled)):
            if written(folded(fold, end.policy(1))) != written(life.customer.facts):
                yield f"the facts of {life.customer.id[:6]} are not those of its events in the order {order}"


FOUND_OUT: Mapping[str, Any] = {"releases": (), "met": ()}
"""Of an entry, what the keys of the event said about others when it was written; it decides nothing. What came of it is
asked by `quarantine holds what is not understood` and in `kinship.py`."""


def _the_past_can_be_run_again(end: End) -> Ways:
    for life in end.lives:
        if end.was_with_the_erased(life):
            continue  # as above
        decisions = end.replayed[life.customer.id]
        if not decisions or decisions[-1].customer.model_dump_json(exclude_defaults=True) != record_text(life.record):
            yield f"the journal of {life.customer.id[:6]} gives another record"
        for entry, decision in zip(life.entries, decisions, strict=True):
            if entry.but(FOUND_OUT) != decision.entry:
                yield f"version {entry.version} of {life.customer.id[:6]} is decided otherwise"
        if life.customer.merged_into:
            continue  # what left them before is on whose shelf they are in
        settled = {ref_of(each): each for decision in since_shelved(decisions) for each in decision.settled}
        stored = {
            (kind.lower(), key.sk.partition("#")[2]): item.body
            for kind in ("ORDER", "TICKET", "PARCEL")
            for key, item in life.items.items()
            if key.sk.startswith(shelved(life, kind))
        }
        if {ref: each.model_dump_json(exclude_defaults=True) for ref, each in settled.items()} != stored:
            yield f"what left {life.customer.id[:6]} are not those of its journal"


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
        if customer.merged_into:
            continue
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
    known = {life.customer.id for life in end.lives} | end.graves.keys()
    for key, item in end.items.items():
        owner = item.attributes.get("customer")
        if key.pk.startswith("I#") and owner and owner not in known:
            yield f"{key.pk[:14]} is {str(owner)[:6]}'s, who does not exist"
    for life in end.lives:
        for event, _ in end.own(life):
            for known_by in identity_keys(event):
                if end.owner(known_by) is None:
                    yield f"{known_by.kind} of {event.type} {event.id} is nobody's"


def _nobody_is_mixed_up(end: End) -> Ways:
    for life in end.lives:
        people = end.named_in(life)
        if len(people) > 1:
            yield f"{life.customer.id[:6]} is {len(people)} people"


def _profiles_do_not_depend_on_order(end: End) -> Ways:
    for life in end.lives:
        told = [event for event, _ in end.own(life)]
        in_time = sorted(told, key=lambda event: (event.time, event.source, event.id))
        item = life.items.get(profile_key(life.customer.id))
        stored = Profile.model_validate_json(item.body) if item else Profile()
        if stored.person != Profile().told_by(in_time).person:
            yield f"the profile of {life.customer.id[:6]} is not that of what was said of it"


def _what_was_said_is_kept(end: End) -> Ways:
    """Proofs of consent, and texts."""
    for life in end.lives:
        for event, _ in end.own(life):
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
        for entry in life.entries:
            for action in entry.actions:
                yield from _accounted(end, action, end.outcomes.get(action.id, []))
            for task in entry.tasks:
                if task.customer not in end.graves and desk_key(task.customer, task.id) not in end.items:
                    yield f"task {task.task} is not on the desk"


def _accounted(end: End, action: Action, outcomes: list[Entry]) -> Ways:
    if action.customer in end.graves:
        return  # of somebody who was in the family once, and whose journal is gone
    delivery, told = end.world.watch.delivery(action.id), f"{action.template} {action.id[:6]}"
    if len(outcomes) > 1:
        yield f"{told} has {len(outcomes)} outcomes"
    if delivery.claim is None:
        if outcomes:
            yield f"{told} has an outcome and was never claimed"
        if not _is_held(end, action):
            yield from _waits_for_the_morning(end, action)
        return
    if not outcomes or delivery.claim.state == "claimed":
        # A sender may die here minutes after the queue has given its message to another, who gives it back and deletes
        # it; AWS ends each long before that. If the wait is then over too, nobody comes again.
        if not _is_over(end, action):
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


def _is_held(end: End, action: Action) -> bool:
    """It waits for a word of staff."""
    return any(action.id in end.held.get(hold, ()) for hold in end.world.watch.in_force)


def _waits_for_the_morning(end: End, action: Action) -> Ways:
    """It was given back by its sender, and waits, or came to another end."""
    home = end.home(action.customer)
    assert home is not None, "it is nobody's who was erased"
    if not _given_back(end, action):
        yield f"{action.template} {action.id[:6]} was asked for and is nowhere"
    elif not (_waits(home, action) or _is_over(end, action) or _is_another_s_too(end, action)):
        yield f"{action.template} {action.id[:6]} was given back and does not wait"


def _waits(home: Life, action: Action) -> bool:
    return any((wait.play, wait.about) == (action.play, action.about) for wait in home.customer.waits)


def _is_another_s_too(end: End, action: Action) -> bool:
    """What waits for two who turn out to be one person waits once: the other's message is theirs."""
    return any(
        (other.play, other.about) == (action.play, action.about) and other.customer != action.customer
        for each in _lived(end, action)
        for other in each.actions
    )


def _given_back(end: End, action: Action) -> list[datetime]:
    """When it was given back by senders who knew until when it should wait."""
    return [
        each.decided_at
        for each in _lived(end, action)
        if isinstance(each.event, MessageDeferred) and each.event.data.action == action.id and each.event.data.until
    ]


def _is_over(end: End, action: Action) -> bool:
    """It was given back, and its wait came to another end; by two clocks, of which each may be wrong."""
    back = _given_back(end, action)
    return bool(back) and any(
        (outcome.play, outcome.about, outcome.did in ("ended", "dropped")) == (action.play, action.about, True)
        for each in _lived(end, action)
        if each.decided_at >= max(back) - 2 * MOST_SKEW
        for outcome in each.outcomes
    )


def _lived(end: End, action: Action) -> list[Entry]:
    home = end.home(action.customer)
    return [entry for journal in end.related(home).values() for entry in journal] if home else []


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
        for sk in ("RECORD", "J#", "MESSAGING", "ORDER", "TICKET", "PARCEL", "DESK#")
    ]
    places += [(pk, [item.body for key, item in end.items.items() if key.pk == pk]) for pk in ("PROPOSALS", "PRIVACY")]
    places += [("ASKED", [item.body for key, item in end.items.items() if key.pk.startswith("ASKED#")])]
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
    **promises.PROMISES,
    **notices.PROMISES,
    **objecting.PROMISES,
    **waiting.PROMISES,
    **accounts.PROMISES,
    **warmth.PROMISES,
    "nobody is named": _nobody_is_named,
    **kinship.PROMISES,
    **forgetting.PROMISES,
}
