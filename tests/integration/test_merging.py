"""Two who are one: one record, two journals, each event once, whoever else is at work at the same moment."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from random import Random
from typing import Any

import pytest

from perennial.aws.table import Busy, Write
from perennial.domain.customer import RECENT_ORDERS, Customer
from perennial.domain.events import Event
from perennial.domain.history import MISSED, rebuild
from perennial.domain.profile import Profile
from perennial.families import TooLong
from perennial.sweep import timer
from tests.builders import DAY, HOUR, MINUTE, NOON, a_play, an_event, with_plays
from tests.families import FREE, id_of, journal, loaded, merging, parting, record, says
from tests.house import Crash, House

LATER = NOON + HOUR
THANKS = a_play(id="thanks", on="order.placed")
REMINDER = a_play(id="reminder", on="order.placed", after="3d")


def a_house(*plays: dict[str, Any]) -> House:
    """Ana and Bo have been met, Ana first."""
    house = House(with_plays(*plays, **FREE))
    for name, at in (("ana", NOON - 2 * HOUR), ("bo", NOON - HOUR)):
        house.hears(says(name, "product.used", at))
    return house


def buys(name: str, at: Any = LATER, order: str | None = None) -> Event:
    return says(name, "order.placed", at, order={"id": order or f"o-{name}"})


# One record, two journals


def test_both_pasts_are_in_the_record_and_each_stays_in_its_journal():
    house = a_house()
    house.hears(buys("bo"))

    house.hears(merging("ana", "bo", NOON + 2 * HOUR))

    assert record(house, "bo").id == id_of("ana")
    assert record(house, "ana").facts.orders.keys() == {"o-bo"}
    assert record(house, "ana").facts.counts["use"] == 2
    assert [entry.event.type for entry in journal(house, "bo")] == ["product.used", "order.placed", "customer.merged"]
    assert [entry.event.type for entry in journal(house, "ana")] == ["product.used", "customer.merged"]


def test_when_both_read_is_when_they_read():
    house = House(with_plays(a_play(purpose="marketing"), send_time="learned", **FREE))
    for name, at in (("ana", NOON - 3 * HOUR), ("bo", NOON - 2 * HOUR), ("ana", NOON - HOUR)):
        house.hears(says(name, "message.opened", at, action="a-1", channel="email", read_at=at))
    apart = {*record(house, "ana").facts.reads, *record(house, "bo").facts.reads}

    house.hears(merging("ana", "bo", NOON))

    assert record(house, "bo").facts.reads == tuple(sorted(apart))
    assert len(apart) == 3


def test_what_is_told_to_one_who_was_merged_changes_the_record_and_is_written_in_their_journal():
    house = a_house()
    house.hears(merging("ana", "bo", NOON))

    house.hears(buys("bo"), says("ana", "product.used", LATER))

    assert record(house, "ana").facts.orders.keys() == {"o-bo"}
    assert [(entry.event.type, entry.record) for entry in journal(house, "bo")][-1] == ("order.placed", id_of("ana"))
    assert record(house, "ana").version == 4


@pytest.mark.parametrize("known", ["ana", "bo"])
def test_who_is_known_survives_whoever_was_met_first(known: str):
    house = House(with_plays(**FREE))
    for name, at in (("ana", NOON - HOUR), ("bo", NOON)):
        person = {"email": f"{name}@example.com"} if name == known else {"device": name}
        house.hears(an_event("product.used", at, customer=person, event_id=name))
    ids = [each.customer.id for each in house.everybody()]
    turn = merging("ana", "bo", LATER)

    one, other = ids
    house.hears(turn.but({"customer": one, "data": turn.data.but({"other": other})}))

    (left,) = house.everybody()
    assert left.customer.id == id_of(known)


@pytest.mark.parametrize(("one", "other"), list(permutations(["ana", "bo"])))
def test_of_two_who_are_known_survives_whom_we_met_first(one: str, other: str):
    house = a_house()

    house.hears(merging(one, other, NOON))

    assert record(house, "bo").id == id_of("ana")


def test_who_was_merged_is_in_no_index():
    house = a_house(REMINDER)
    house.hears(buys("bo"))

    house.hears(merging("ana", "bo", NOON + 2 * HOUR))

    assert [each.customer.id for each in house.everybody()] == [id_of("ana")]
    assert loaded(house, "bo").armed is None
    assert loaded(house, "bo").customer.merged_into == id_of("ana")


def test_customers_of_different_stores_never_become_one():
    house = a_house()
    house.hears(says("ana", "product.used", NOON).but({"store": "other"}))
    (other,) = [each.customer.id for each in house.everybody() if each.customer.store == "other"]
    turn = merging("ana", "bo", LATER)

    house.hears(turn.but({"data": turn.data.but({"other": other})}))

    assert len(house.everybody()) == 3


def test_whose_lives_are_too_long_to_be_run_again_stay_two(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perennial.families.LONGEST_LIVES", 1)
    house = a_house()

    failed = house.hears(merging("ana", "bo", LATER))

    assert isinstance(failed[0], TooLong)
    assert len(house.everybody()) == 2


def test_nobody_becomes_more_people_than_a_person_can_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perennial.families.MOST_MEMBERS", 1)
    house = a_house()
    house.hears(says("chi", "product.used", NOON), merging("ana", "bo", NOON))

    house.hears(merging("ana", "chi", LATER))

    assert record(house, "ana").members.keys() == {id_of("bo")}


@pytest.mark.parametrize("when", ["before", "while they are one"])
def test_who_lost_one_account_and_has_the_other_is_still_a_customer(when: str):
    """A shop that merges two accounts deletes one of them."""
    house = a_house()
    deleted, merge = says("ana", "customer.deleted", NOON), merging("ana", "bo", LATER)
    if when == "before":
        house.hears(deleted)
        house.hears(merge)
    else:
        house.hears(merge)
        house.hears(says("bo", "customer.deleted", LATER + HOUR))

    left = record(house, "ana")

    assert left.facts.deleted_at is None
    assert left.id == id_of("bo" if when == "before" else "ana")


def test_what_was_said_while_they_were_one_is_in_the_profile_of_whoever_said_it():
    house = a_house()
    house.hears(merging("ana", "bo", NOON))
    named = {"email": "bo@example.com", "name": "Bo Kern"}

    house.hears(says("bo", "customer.updated", LATER, customer=named))
    house.hears(parting("ana", "bo", LATER + HOUR))
    wrote = house.table.query(f"C#{id_of('bo')}", prefix="PROFILE").items
    house.hears(says("bo", "customer.updated", LATER + DAY, customer=named))

    assert Profile.model_validate_json(wrote[0].body).person.name == "Bo Kern"
    assert list(house.table.query(f"C#{id_of('bo')}", prefix="PROFILE").items) == list(wrote)
    assert "name" not in loaded(house, "ana").marks.profile


# Once, whatever was merged meanwhile


def test_an_event_from_before_a_merge_is_not_applied_again_after_it():
    house, order = a_house(THANKS), buys("bo")
    house.hears(order)
    house.hears(merging("ana", "bo", NOON + 2 * HOUR))
    before = record(house, "ana")

    house.hears(order, now=NOON + 3 * HOUR)

    assert record(house, "ana") == before
    assert house.effects == ["thanks"]


def test_an_event_from_the_time_together_is_not_applied_again_after_they_parted():
    house, order = a_house(THANKS), buys("bo", NOON + 2 * HOUR)
    house.hears(merging("ana", "bo", NOON))
    house.hears(order)
    house.hears(parting("ana", "bo", NOON + 3 * HOUR))
    before = record(house, "bo")

    house.hears(order, now=NOON + 4 * HOUR)

    assert record(house, "bo") == before
    assert before.facts.orders.keys() == {"o-bo"}
    assert house.effects == ["thanks"]


@pytest.mark.parametrize("undone", [False, True])
def test_a_merge_that_comes_again_changes_nothing(undone: bool):
    house, turn = a_house(), merging("ana", "bo", NOON)
    house.hears(turn)
    if undone:
        house.hears(parting("ana", "bo", LATER))
    before = loaded(house, "ana"), loaded(house, "bo")

    house.hears(turn, now=NOON + 2 * HOUR)

    assert (loaded(house, "ana"), loaded(house, "bo")) == before


def test_orders_that_left_the_shared_record_are_recalled_from_it():
    house = a_house()
    for name in ("ana", "bo"):
        house.hears(
            *(buys(name, NOON + day * DAY, f"{name}-{day}") for day in range(RECENT_ORDERS)), now=NOON + 9 * DAY
        )
    house.hears(merging("ana", "bo", NOON + 10 * DAY))

    house.hears(says("bo", "order.refunded", NOON + 11 * DAY, order={"id": "bo-0"}, refund={"id": "r", "total": MONEY}))

    facts = record(house, "ana").facts
    assert (facts.totals.orders, facts.totals.refunds) == (RECENT_ORDERS, 1)


MONEY = {"amount": "5", "currency": "USD"}

# Messages


def test_a_merge_asks_for_nothing():
    """Ana's stage becomes another by what Bo did: nobody is greeted in it."""
    greeting = a_play(id="greeting", on={"stage": "onboarding"})
    house = a_house(greeting)
    house.hears(buys("bo"))
    assert house.effects == ["greeting"]

    house.hears(merging("ana", "bo", NOON + 2 * HOUR))

    entry = journal(house, "ana")[-1]
    assert (entry.before.stage, entry.after.stage) == ("awareness", "onboarding")
    assert (entry.actions, entry.tasks, house.effects) == ((), (), ["greeting"])


def test_what_one_waits_for_comes_once_and_is_theirs_also_after_a_merge():
    house = a_house(REMINDER)
    house.hears(buys("bo"))

    house.hears(merging("ana", "bo", NOON + DAY))
    house.passes(NOON + 9 * DAY)
    house.hears(parting("ana", "bo", NOON + 10 * DAY))
    house.passes(NOON + 20 * DAY)

    assert [(action.play, action.customer) for action in house.actions] == [("reminder", id_of("bo"))]


def test_what_waits_twice_for_one_occasion_waits_once():
    house = a_house(REMINDER)
    house.hears(buys("ana", LATER, "o-1"), buys("bo", LATER + HOUR, "o-1"))

    house.hears(merging("ana", "bo", NOON + DAY))
    house.passes(NOON + 9 * DAY)

    assert [action.customer for action in house.actions] == [id_of("ana")]


def test_what_would_have_come_due_for_one_alone_is_told_and_not_sent():
    """Together they were awaited by nothing: an order of Ana's had ended it."""
    hurry = a_play(id="hurry", on="product.viewed", after="2d", unless="order.placed")
    house = a_house(hurry)
    house.hears(says("bo", "product.viewed", NOON))
    house.hears(merging("ana", "bo", LATER))
    house.hears(buys("ana", NOON + DAY))
    house.passes(NOON + 5 * DAY)

    house.hears(parting("ana", "bo", NOON + 5 * DAY))
    house.passes(NOON + 9 * DAY)

    assert house.actions == []
    (outcome,) = [each for each in journal(house, "bo")[-1].outcomes if each.play == "hurry"]
    assert (outcome.did, outcome.reason) == ("dropped", MISSED)


def test_what_was_due_and_not_looked_at_when_they_parted_comes_due_for_whose_it_is():
    house = a_house(REMINDER)
    house.hears(buys("bo"), merging("ana", "bo", LATER))
    house.clock.time = NOON + 4 * DAY  # the sweep is late

    house.hears(parting("ana", "bo", NOON + 4 * DAY))
    house.passes(NOON + 4 * DAY)

    assert [(action.play, action.customer) for action in house.actions] == [("reminder", id_of("bo"))]


def test_a_message_that_was_sent_back_is_the_same_message_when_it_leaves():
    house = a_house(THANKS)
    house.hears(buys("bo"))
    (action,) = house.actions
    house.hears(merging("ana", "bo", NOON + 2 * HOUR))
    until = NOON + 3 * HOUR
    back = {"action": action.id, "channel": "email", "play": "thanks", "about": action.about, "until": until}
    deferred = an_event("message.deferred", NOON, customer={}, **back).but({"customer": id_of("bo")})

    house.hears(deferred, now=NOON + 2 * HOUR + MINUTE)
    house.passes(until)

    assert [each.id for each in house.actions] == [action.id] * 2


# Whoever else is at work


def interfering(house: House, at: int, others: Callable[[], object]) -> None:
    """Just before this write of a record, counted from 0, somebody else is at work."""
    seen = [0]

    def before(writes: Sequence[Write]) -> None:
        seen[0] += 1
        if seen[0] == at + 1:
            house.table.before = lambda writes: None
            others()

    house.table.before = before


def act(house: House, *events: Event) -> None:
    assert house.another_engine().apply(events, house.clock.time) == {}


TURNS = {
    "event": lambda: buys("bo", LATER, "o-race"),
    "merge": lambda: merging("ana", "bo", LATER),
    "merge into another": lambda: merging("chi", "bo", LATER),
    "part": lambda: parting("ana", "bo", LATER),
    "timer": lambda: None,
}


@pytest.mark.parametrize(("mine", "theirs"), list(permutations(TURNS, 2)))
@pytest.mark.parametrize("write", range(3))
@pytest.mark.parametrize("together", [False, True])
def test_two_turns_at_one_moment_are_one_after_the_other(mine: str, theirs: str, write: int, together: bool):
    house = a_house(a_play(id="soon", on="product.used", after="90m"))
    house.hears(says("chi", "product.used", NOON))
    if together:
        house.hears(merging("ana", "bo", NOON + MINUTE))
    first, second = (_turn(house, each) for each in (mine, theirs))
    house.clock.time = LATER
    interfering(house, write, lambda: act(house, second))

    failed = house.hears(first, now=LATER)
    house.table.before = lambda writes: None
    house.hears(first, second, now=LATER + MINUTE)

    assert failed == {} or mine == "timer"
    uses = sum(each.customer.facts.counts.get("use", 0) for each in house.everybody())
    assert uses == 3
    orders = [each.customer.id for each in house.everybody() if "o-race" in each.customer.facts.orders]
    assert orders == ([record(house, "bo").id] if "event" in (mine, theirs) else [])
    house.hears(*(parting(one, other, NOON + DAY) for one, other in permutations(("ana", "bo", "chi"), 2)))
    assert [record(house, name).facts.counts for name in ("ana", "bo", "chi")] == [{"use": 1}] * 3
    assert ("o-race" in record(house, "bo").facts.orders) is ("event" in (mine, theirs))


def _turn(house: House, name: str) -> Event:
    armed = loaded(house, "bo").armed or loaded(house, "ana").armed
    assert armed
    return timer(armed) if name == "timer" else TURNS[name]()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(4))
@pytest.mark.parametrize("turn", [merging, parting])
def test_a_turn_that_breaks_in_the_middle_is_done_when_it_comes_again(when: str, write: int, turn: Any):
    house = a_house()
    house.hears(*(buys(name, NOON, f"{name}-{n}") for name in ("ana", "bo") for n in range(RECENT_ORDERS)))
    if turn is parting:
        house.hears(merging("ana", "bo", NOON + MINUTE))
    event, left = turn("ana", "bo", LATER), [write]

    def crash(writes: Sequence[Write]) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Crash

    setattr(house.table, when, crash)
    house.hears(event)
    setattr(house.table, when, lambda writes: None)
    house.hears(event, now=LATER + MINUTE)

    together = turn is merging
    assert (record(house, "bo").id == id_of("ana")) is together
    facts = record(house, "ana").facts
    assert len(facts.orders) + facts.totals.orders == RECENT_ORDERS * (2 if together else 1)
    assert sum(entry.event == event for entry in journal(house, "ana")) == 1


@pytest.mark.parametrize("tried", [False, True])
def test_an_attempt_that_failed_leaves_nothing_that_anybody_reads(tried: bool):
    """Of both together Bo's oldest order would leave the record; Ana has heard of it too, and knows it as a stray."""
    house = a_house()
    for name, days in (("ana", RECENT_ORDERS + 1), ("bo", 1)):
        start = NOON if name == "bo" else NOON + DAY
        house.hears(*(buys(name, start + day * DAY, f"{name}-{day}") for day in range(days)), now=NOON + 20 * DAY)
    house.hears(says("ana", "order.paid", NOON + DAY, order={"id": "bo-0"}), now=NOON + 20 * DAY)
    if tried:
        house.table.before = crash_at_a_record
        house.hears(merging("ana", "bo", NOON + 21 * DAY))
        house.table.before = lambda writes: None

    house.hears(
        says("ana", "order.refunded", NOON + 22 * DAY, order={"id": "bo-0"}, refund={"id": "r", "total": MONEY})
    )

    facts = record(house, "ana").facts
    assert (facts.totals.orders, len(facts.orders), facts.strays.keys()) == (1, RECENT_ORDERS, {"bo-0"})


def crash_at_a_record(writes: Sequence[Write]) -> None:
    if any(write.key.sk == "RECORD" for write in writes):
        raise Crash


def test_a_table_that_is_busy_leaves_the_merge_to_the_queue():
    house = a_house()

    def busy(writes: Sequence[Write]) -> None:
        raise Busy

    house.table.before = busy
    failed = house.hears(merging("ana", "bo", LATER))

    assert isinstance(failed[0], Busy)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_from_many_sides_at_once_each_event_counts_once_for_whose_it_is(seed: int):
    house, names, chance = a_house(THANKS), ("ana", "bo", "chi"), Random(seed)
    told = {name: [buys(name, LATER + n * MINUTE, f"{name}-{n}") for n in range(RECENT_ORDERS - 1)] for name in names}
    turns = [turn(*pair, LATER + n * HOUR) for n in range(2) for pair in permutations(names, 2) for turn in TURN]
    everything = [*(event for events in told.values() for event in events), *turns]
    orders = [chance.sample(everything, len(everything)) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda events: _delivered(house, events), orders))
    house.hears(*(parting(*pair, NOON + 9 * DAY) for pair in permutations(names, 2)))

    for name in names:
        assert record(house, name).facts.orders.keys() == {event.data.order.id for event in told[name]}
        counted = Counter(entry.event.id for entry in journal(house, name))
        assert {counted[event.id] for event in told[name]} == {1}
    assert house.effects == ["thanks"] * 3 * (RECENT_ORDERS - 1)
    journals = {id_of(name): journal(house, name) for name in names}
    for name in names:
        unknown = Customer(id=id_of(name), store="demo")
        rebuilt = rebuild(unknown, journals[unknown.id], lambda _: house.policy, journals)
        assert rebuilt.model_dump_json() == record(house, name).model_dump_json()


TURN = (merging, parting)


def _delivered(house: House, events: Sequence[Event]) -> None:
    """By one execution environment; what fails is delivered again until it does not."""
    engine, waiting = house.another_engine(), list(events)
    while waiting:
        batch, waiting = waiting[:4], waiting[4:]
        waiting += [batch[position] for position in engine.apply(batch, NOON + 3 * HOUR)]
