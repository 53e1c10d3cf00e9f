"""Promises 2, 3, 4 and 10 on the real store: applied once, emitted at least once, whatever breaks in between."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from perennial import engine
from perennial.addressing import NOBODY
from perennial.aws.queues import Message
from perennial.aws.store import Armed, due_shards, record_key
from perennial.aws.table import Busy, Key, Update, Write
from perennial.channels.messaging import KEPT_AFTER
from perennial.domain.actions import ASKED_FOR
from perennial.domain.customer import RECENT_ORDERS, RECENT_TICKETS
from perennial.domain.events import Event
from perennial.domain.profile import Profile
from perennial.engine import Contention, Early
from perennial.marking import Marking
from perennial.sweep import timer
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    NOON,
    a_cart,
    a_play,
    a_ticket_event,
    an_event,
    an_order_event,
    consent,
    parcel,
    placed,
    shipped,
    the_policy,
    with_plays,
)
from tests.house import Crash, House

QUIET = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}


def a_house(*plays: dict[str, Any]) -> House:
    """With these plays and nothing that would hold them back."""
    return House(with_plays(*plays, caps=[], quiet_hours=QUIET))


THANKS = a_play(id="thanks", on="order.placed")


# Any order, any batches, any number of times: see also tests/properties/test_folding.py


def test_settled_orders_and_tickets_are_recalled_from_the_table_also_within_one_batch():
    house, orders = House(), [placed(NOON + day * DAY, order=f"o-{day}") for day in range(RECENT_ORDERS + 1)]
    tickets = [a_ticket_event("opened", NOON + day * DAY, ticket=f"t-{day}") for day in range(RECENT_TICKETS + 1)]
    refund, resolved = (
        an_order_event("refunded", order="o-0"),
        a_ticket_event("resolved", NOON + 90 * DAY, ticket="t-0"),
    )
    house.hears(*orders, refund, now=NOON + 90 * DAY)

    house.hears(an_order_event("returned", order="o-0"), *tickets, now=NOON + 90 * DAY)
    house.hears(resolved)

    facts = house.record(refund).facts
    assert (facts.totals.refunds, facts.totals.returns, facts.totals.orders) == (1, 1, 1)
    assert facts.tickets["t-0"].opened_at == NOON
    assert len(facts.tickets) == RECENT_TICKETS


# Once


def test_a_redelivered_event_changes_nothing_and_emits_again():
    house, order = a_house(THANKS), placed()
    house.hears(order)
    before = house.written(order)

    house.hears(order, now=NOON + DAY)

    assert house.written(order) == before
    assert [action.play for action in house.actions] == ["thanks", "thanks"]
    assert house.effects == ["thanks"]
    assert house.actions[0] == house.actions[1]


def test_an_event_that_comes_again_after_claims_are_forgotten_asks_for_nothing():
    """A sender would find no claim, and tell of an action that was sent that it failed."""
    house, order = a_house(THANKS), placed()
    house.hears(order)
    (action,) = house.actions

    house.hears(order, now=action.not_after + ASKED_FOR)
    assert house.actions == [action, action]
    house.hears(order, now=action.not_after + ASKED_FOR + MS)

    assert house.actions == [action, action]
    assert timedelta(days=28) < KEPT_AFTER - ASKED_FOR, "a copy may lie in a queue, and as a dead letter"


def test_the_same_event_twice_in_one_batch_is_applied_once():
    house, order = a_house(THANKS), placed()

    house.hears(order, order, order)

    assert house.record(order).version == 1
    assert len(house.actions) == 1


def crash_once(table: Any, when: str) -> None:
    """The next write of a record raises, before or after it happened."""

    def crash(writes: Sequence[Write]) -> None:
        setattr(table, when, lambda writes: None)
        raise Crash

    setattr(table, when, crash)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_whose_answer_was_lost_has_one_effect(when: str):
    house, order = a_house(THANKS), placed()
    crash_once(house.table, when)

    failed = house.hears(order)
    house.hears(order, now=NOON + MINUTE)

    assert isinstance(failed[0], Crash)
    assert house.record(order).version == 1
    assert house.effects == ["thanks"]


def test_a_batch_whose_answer_was_lost_heals_within_the_same_delivery():
    house = a_house(THANKS)
    orders = [placed(NOON, order=f"o-{number}") for number in range(3)]
    crash_once(house.table, "after")

    assert house.hears(*orders) == {}

    assert house.record(orders[0]).version == 3
    assert len(house.actions) == 3


def test_what_was_written_and_not_emitted_is_emitted_when_it_comes_again():
    house, order = a_house(THANKS), placed()
    house.channels["email"].broken = True

    failed = house.hears(order)
    house.channels["email"].broken = False
    again = house.hears(order, now=NOON + MINUTE)

    assert (set(failed), again) == ({0}, {})
    assert house.record(order).version == 1
    assert house.effects == ["thanks"]


def test_what_was_not_emitted_is_emitted_also_when_it_comes_again_with_something_new():
    house, order, later = a_house(THANKS), placed(), placed(order="o-2")
    house.channels["email"].broken = True
    house.hears(order)

    house.channels["email"].broken = False
    again = house.hears(order, later, now=NOON + MINUTE)

    assert again == {}
    assert house.record(order).version == 2
    assert house.effects == ["thanks", "thanks"]


def test_of_a_batch_that_was_not_emitted_whatever_asked_for_something_comes_again():
    """The order is not the first of its customer's events; its action must not get lost with the others' receipts."""
    house = a_house(THANKS)
    batch = [an_event("product.used"), placed(), an_event("product.used", customer={"email": "bo@example.com"})]
    house.channels["email"].broken = True
    failed = house.hears(*batch)

    house.channels["email"].broken = False
    house.hears(*(batch[position] for position in failed), now=NOON + MINUTE)

    assert 1 in failed
    assert 2 not in failed
    assert house.effects == ["thanks"]


def test_a_decision_is_made_to_the_millisecond_as_every_time_is_kept():
    house = House()

    house.hears(placed(), now=NOON + timedelta(microseconds=456_789))

    (entry,) = house.journal(placed())
    assert entry.decided_at == NOON + timedelta(milliseconds=456)


# Conflicts


def interfering(house: House, interfere: Callable[[], object], times: int = 1) -> None:
    """Just before the next writes, somebody else is at work."""
    left = [times]

    def before(writes: Sequence[Write]) -> None:
        if left[0] and any(write.key.sk == "RECORD" for write in writes):
            left[0] -= 1
            house.table.before, mine = (lambda writes: None), house.table.before
            interfere()
            house.table.before = mine

    house.table.before = before


def test_whoever_lost_a_race_decides_again_from_what_is_there():
    house, first = a_house(THANKS), an_event("product.viewed")
    house.hears(first)
    interfering(house, lambda: house.another_engine().apply([an_event("product.used")], NOON))

    assert house.hears(placed()) == {}

    assert house.record(first).version == 3
    assert house.record(first).facts.counts == {"use": 1, "view": 1}
    assert house.effects == ["thanks"]


def test_two_who_meet_a_customer_at_once_both_count():
    house, order = a_house(THANKS), placed()
    interfering(house, lambda: house.another_engine().apply([an_event("product.used")], NOON))

    assert house.hears(order) == {}

    assert house.record(order).version == 2


def test_a_twin_that_was_faster_leaves_one_effect():
    house, order = a_house(THANKS), placed()
    interfering(house, lambda: house.another_engine().apply([order], NOON))

    assert house.hears(order) == {}

    assert house.record(order).version == 1
    assert house.effects == ["thanks"]


def test_whoever_loses_every_race_is_delivered_again():
    house, first = a_house(THANKS), an_event("product.viewed")
    house.hears(first)
    interfering(house, lambda: house.another_engine().apply([an_event("product.used")], NOON), times=99)

    failed = house.hears(placed())

    assert isinstance(failed[0], Contention)
    assert "thanks" not in house.effects


def test_a_table_that_is_busy_fails_the_event_and_not_the_batch():
    house = a_house(THANKS)
    events = [person(id=str(number)) for number in range(4)]
    house.hears(events[2])

    def busy(writes: Sequence[Write]) -> None:
        if any(house.record(events[2]).id in write.key.pk for write in writes):
            raise Busy("throttled")

    house.table.before = busy
    failed = house.hears(*events[:2], person(id="2"), events[3])

    assert {position: type(error) for position, error in failed.items()} == {2: Busy}
    assert len(house.everybody()) == 4


# Poison


def test_poison_fails_alone_among_the_events_of_its_customer(monkeypatch: pytest.MonkeyPatch):
    house = a_house(THANKS)
    decide = engine.decide

    def poisoned(customer: Any, event: Event, *rest: Any) -> Any:
        if event.type == "product.used":
            raise ZeroDivisionError
        return decide(customer, event, *rest)

    monkeypatch.setattr(engine, "decide", poisoned)

    failed = house.hears(placed(order="o-1"), an_event("product.used"), placed(order="o-2"))

    assert {position: type(error) for position, error in failed.items()} == {1: ZeroDivisionError}
    assert house.effects == ["thanks", "thanks"]


def test_a_record_that_cannot_be_read_fails_its_own_events_only():
    house, mine, other = a_house(THANKS), placed(), person(id="bo")
    house.hears(mine)
    house.table.write([Update(record_key(house.record(mine).id), {"body": '{"id": 7}'})])

    failed = house.hears(placed(order="o-2"), other)

    assert list(failed) == [0]
    assert house.record(other).version == 1


# Whose it is


def person(**known_by: Any) -> Event:
    return an_event("product.used", customer=known_by)


def test_two_strangers_who_share_an_email_in_one_batch_become_one():
    house = House()
    shop, desk = (
        person(ids={"shopify": "1"}, email="mia@example.com"),
        person(ids={"zendesk": "9"}, email="Mia@example.com"),
    )

    assert house.hears(shop, desk) == {}

    assert [loaded.customer.facts.counts for loaded in house.everybody()] == [{"use": 2}]


def test_once_met_a_customer_is_found_by_any_of_their_keys():
    house = House()
    house.hears(person(ids={"shopify": "1"}, email="mia@example.com", phone="+34612345678"))
    house.engine = house.another_engine()

    for known_by in ({"ids": {"shopify": "1"}}, {"email": "mia@example.com"}, {"phone": "0034 612345678"}):
        house.hears(person(**known_by))
    house.hears(an_event("order.placed", customer={"email": "mia@example.com"}, order={"id": "o-1", "name": "#1001"}))
    house.hears(
        an_event("shipment.updated", customer={}, shipment={"tracking": "T", "state": "delayed", "order_name": "1001"})
    )

    assert [loaded.customer.version for loaded in house.everybody()] == [6]


def test_a_key_that_is_somebodys_stays_theirs():
    house = House()
    house.hears(person(ids={"shopify": "1"}, email="mia@example.com"))
    house.hears(person(ids={"shopify": "2"}, email="bo@example.com"))

    house.hears(person(ids={"shopify": "2"}, email="mia@example.com"))
    house.engine = house.another_engine()
    house.hears(person(email="mia@example.com"))

    assert sorted(loaded.customer.facts.counts["use"] for loaded in house.everybody()) == [2, 2]


def test_an_event_whose_strongest_key_becomes_anothers_while_it_is_applied_is_theirs():
    """It is found by its weaker key; delivered again, it would be found by the stronger, and be applied to both."""
    house = House()
    house.hears(person(email="mia@example.com"))
    both = person(ids={"shopify": "1"}, email="mia@example.com")

    def somebody_takes_the_id(writes: Sequence[Write]) -> None:
        house.table.before = lambda writes: None
        house.another_engine().apply([person(ids={"shopify": "1"}, email="bo@example.com")], NOON)

    house.table.before = somebody_takes_the_id
    assert house.hears(both) == {}
    house.engine = house.another_engine()
    assert house.hears(both) == {}

    assert sorted(loaded.customer.version for loaded in house.everybody()) == [1, 2]


def test_what_is_remembered_of_a_weaker_key_does_not_tell_whose_an_event_is():
    house = House()
    house.hears(person(ids={"shopify": "1"}), person(id="bo", phone="+34612345678"))
    house.hears(person(id="bo", ids={"shopify": "1"}))  # the id stays the other's, and bo is marked as having told it
    house.engine = house.another_engine()
    house.hears(person(phone="+34612345678"))  # whose the phone is, is looked up and remembered
    both = person(ids={"shopify": "1"}, phone="+34612345678")

    for engine_ in (house.engine, house.another_engine()):
        assert engine_.apply([both], NOON) == {}

    assert sorted(loaded.customer.version for loaded in house.everybody()) == [2, 3], "2 of one, 3 of bo"


def test_strangers_without_an_address_do_not_become_one():
    house = House()

    house.hears(
        person(ids={"shopify": "1"}, email="n/a", phone="-"), person(ids={"shopify": "2"}, email="n/a", phone="-")
    )

    assert len(house.everybody()) == 2


def test_what_names_nobody_is_kept_and_told():
    house = House()

    assert house.hears(an_event("product.used", customer={})) == {}

    assert house.everybody() == []
    assert [entry.reason for entry in house.ingest.quarantine.list().entries] == [NOBODY]


def test_an_outcome_of_somebody_who_was_erased_is_let_go():
    house = House()
    outcome = an_event("message.sent", action="a", channel="email", customer={}).model_copy(
        update={"customer": "c-gone"}
    )

    assert house.hears(outcome) == {}

    assert house.everybody() == []


# A refund knows its order and nobody's name


def a_refund(order: str = "o-1") -> Event:
    refund = {"id": "r-1", "total": {"amount": "5", "currency": "USD"}}
    return an_event("order.refunded", NOON + HOUR, customer={}, order={"id": order}, refund=refund)


def kept(house: House) -> list[str]:
    return [entry.reason for entry in house.ingest.quarantine.list().entries]


def test_a_refund_before_its_order_waits_and_is_released_by_it():
    house, order = House(), placed()
    house.hears(a_refund())
    assert kept(house) == ["waits for whose it is: its order"]

    house.hears(order)
    house.settles()

    assert kept(house) == []
    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]
    assert len(house.journal(order)) == 2


def test_a_refund_and_its_order_in_one_batch_come_together():
    house, order = House(), placed()

    house.hears(a_refund(), order)
    house.settles()

    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]


def test_several_may_wait_for_one_order():
    house, order = House(), placed()
    house.hears(a_refund())
    house.hears(an_event("order.delivered", NOON, customer={}, order={"id": "o-1"}))
    house.hears(an_event("product.activated", NOON, customer={}, order="o-1"))
    assert len(kept(house)) == 3

    house.hears(order)
    house.settles()

    assert kept(house) == []
    assert len(house.journal(order)) == 4


@pytest.mark.parametrize("crash", ["before the commit", "after the commit", "before the release"])
def test_the_release_survives_a_crash_of_the_order(crash: str):
    house, order, refund = House(), placed(), a_refund()
    house.hears(refund)
    replay = house.ingest.replay
    if crash == "before the release":
        house.engine._release = failing(replay)
    else:
        crash_once(house.table, crash.split()[0])

    assert 0 in house.hears(order)
    assert house.hears(order, now=NOON + MINUTE) == {}
    house.settles()
    house.hears(refund, now=NOON + DAY)

    assert kept(house) == []
    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]
    assert len(house.journal(order)) == 2


def test_an_order_that_asks_for_nothing_else_is_delivered_again_when_its_release_failed():
    house, order, refund = a_house(), placed(), a_refund()
    house.hears(refund)
    house.engine._release = failing(house.ingest.replay)

    assert list(house.hears(order)) == [0]
    assert house.hears(order, now=NOON + MINUTE) == {}
    house.settles()

    assert kept(house) == []
    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]


def failing(release: Callable[[str], object]) -> Callable[[str], object]:
    """Raises once."""
    left = [1]

    def once(entry: str) -> object:
        if left[0]:
            left[0] -= 1
            raise Crash
        return release(entry)

    return once


def test_an_order_that_comes_while_its_refund_is_being_parked_releases_it_all_the_same():
    house, order = House(), placed()

    def before(writes: Sequence[Write]) -> None:
        if any(write.key.pk.startswith("I#order#") for write in writes):
            house.table.before = lambda writes: None
            house.another_engine().apply([order], NOON)

    house.table.before = before
    house.hears(a_refund())
    house.settles()

    assert kept(house) == []
    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]


def test_an_event_that_is_replayed_while_it_is_still_nobodys_waits_on():
    """Staff try it again; the lane is faster than the end of their call, and puts it back where it was."""
    house, order, refund = House(), placed(), a_refund()
    house.hears(refund)
    (entry,) = house.ingest.quarantine.list().entries
    send = house.lane.send

    def and_it_is_heard_at_once(messages: Iterable[Message]) -> int:
        sent = send(messages)
        assert house.hears(*house.lane.take(), now=NOON + HOUR) == {}
        return sent

    house.lane.send = and_it_is_heard_at_once  # type: ignore[method-assign]
    house.ingest.replay(entry.id)
    house.lane.send = send  # type: ignore[method-assign]
    assert kept(house) == ["waits for whose it is: its order"]
    house.hears(order)
    house.settles()

    assert kept(house) == []
    assert list(house.record(order).facts.orders["o-1"].refunds) == ["r-1"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_event_that_was_applied_does_not_stay_in_quarantine_when_keeping_it_broke(when: str):
    house, order, refund = House(), placed(), a_refund()
    crash_once(house.table, when)
    with pytest.raises(Crash):
        house.hears(refund)

    house.hears(order)
    house.settles()
    house.hears(refund)
    house.settles()

    assert kept(house) == []
    assert len(house.journal(order)) == 2


# The due index


def due_entries(house: House) -> list[Armed]:
    pages = (house.table.index("due", shard) for shard in due_shards())
    return [Armed(str(item.attributes["due"])) for page in pages for item in page.items]


TOMORROW = a_play(id="tomorrow", on="order.placed", after="1d")


def test_a_record_is_in_the_due_index_once_at_its_first_due_time():
    house = a_house(TOMORROW)
    house.hears(placed())

    (armed,) = due_entries(house)

    assert armed.due == house.record(placed()).due_at == NOON + DAY


def test_what_comes_due_fires_once_when_the_sweep_finds_it():
    house = a_house(TOMORROW)
    house.hears(placed())

    house.passes(NOON + 9 * DAY)

    assert [(action.play, action.decided_at) for action in house.actions] == [("tomorrow", NOON + DAY)]


def test_twin_timers_fire_once():
    house = a_house(TOMORROW)
    house.hears(placed())
    twins = [timer(due_entries(house)[0])] * 2

    house.hears(*twins, now=NOON + DAY)
    house.hears(twins[0], now=NOON + DAY + MINUTE)

    assert house.effects == ["tomorrow"]
    assert house.record(placed()).version == 2


def test_a_timer_whose_actions_were_not_emitted_emits_them_when_it_comes_again():
    house = a_house(TOMORROW)
    house.hears(placed())
    due = timer(due_entries(house)[0])
    house.channels["email"].broken = True

    assert 0 in house.hears(due, now=NOON + DAY)
    house.channels["email"].broken = False
    assert house.hears(due, now=NOON + DAY + MINUTE) == {}

    assert house.effects == ["tomorrow"]
    assert house.record(placed()).version == 2


def test_an_entry_that_turned_out_too_early_is_put_right_and_writes_no_journal():
    house, cart = a_house(a_play(id="cart", on="cart.abandoned", after="4h")), a_cart(NOON)
    house.hears(cart)
    house.hears(a_cart(NOON + 3 * HOUR))
    (early,) = due_entries(house)
    assert early.due == NOON + 4 * HOUR

    house.hears(timer(early), now=NOON + 4 * HOUR)

    assert [armed.due for armed in due_entries(house)] == [NOON + 7 * HOUR]
    assert house.record(cart).version == 2
    assert house.actions == []

    house.passes(NOON + DAY)

    assert [action.decided_at for action in house.actions] == [NOON + 7 * HOUR]


def test_an_entry_that_is_needed_no_more_leaves_the_index():
    wait = a_play(id="cart", on="cart.abandoned", after="4h", unless="order.placed")
    written = the_policy().score.model_dump(mode="json")
    for_ever = {
        "labels": [{"label": "growing"}],
        "stages": [{"stage": "retention"}],
        "score": {**written, "bands": {"all": 0}},
    }
    house = House(with_plays(wait, **for_ever))
    house.hears(a_cart(NOON))
    house.hears(placed(NOON + HOUR, cart="k-1"))
    (early,) = due_entries(house)

    house.hears(timer(early), now=NOON + 4 * HOUR)

    assert due_entries(house) == []


def test_a_timer_of_an_entry_that_moved_does_nothing():
    house = a_house(TOMORROW)
    house.hears(placed())
    stale = timer(Armed(due_entries(house)[0].entry + "9"))

    house.hears(stale, now=NOON + DAY)

    assert house.record(placed()).version == 1
    assert house.actions == []


def test_a_timer_before_its_time_does_nothing_and_comes_again():
    """Clocks differ. Let go, it might be the last copy of one that is at work elsewhere and will fail to emit."""
    house = a_house(TOMORROW)
    house.hears(placed())

    failed = house.hears(timer(due_entries(house)[0]), now=NOON + DAY - MS)

    assert isinstance(failed[0], Early)
    assert house.record(placed()).version == 1
    assert [armed.due for armed in due_entries(house)] == [NOON + DAY]


@pytest.mark.parametrize("first", ["the timer", "the event"])
def test_a_timer_and_an_event_in_one_batch_fire_once_and_leave_the_index_right(first: str):
    house = a_house(TOMORROW)
    house.hears(placed())
    due = timer(due_entries(house)[0])

    batch = [due, an_event("product.used", NOON + DAY)]

    house.hears(*(batch if first == "the timer" else batch[::-1]), now=NOON + DAY)

    assert house.effects == ["tomorrow"]
    assert due_entries(house)[0].due == house.record(placed()).due_at


# What is written beside the record


def test_the_profile_holds_the_person_and_the_record_does_not():
    house = House()
    order = an_event("order.placed", customer={"email": "mia@example.com", "name": "Mia Kern"}, order={"id": "o"})

    house.hears(order)

    pk = f"C#{house.record(order).id}"
    items = {item.key.sk: item.body for item in house.table.query(pk).items}
    assert Profile.model_validate_json(items["PROFILE"]).person.name == "Mia Kern"
    others = [body for sk, body in items.items() if sk != "PROFILE"]
    assert others
    assert not [body for body in others if "Mia" in body or "mia@" in body]


def test_by_what_is_marked_as_told_nobody_finds_out_what_was_told_without_the_key():
    marks: list[set[str]] = []
    for secret in (b"one key", b"another"):
        house = House()
        house.engine._marking = Marking(secret)
        house.hears(an_event("product.used", customer={"id": "mia", "name": "Mia Kern"}))
        (loaded,) = house.everybody()
        marks.append(set(loaded.marks.profile.values()))

    assert len(marks[0]) == len(marks[1]) == 2
    assert marks[0].isdisjoint(marks[1])


def test_a_webhook_that_repeats_what_is_known_writes_no_profile_again():
    house, sizes = House(), list[int]()
    house.hears(an_event("product.used"))
    house.table.before = lambda writes: sizes.append(len(writes))

    house.hears(an_event("product.used"))

    assert sizes == [2]  # the record and its journal entry


def named(name: str, after: timedelta, **more: str) -> Event:
    return an_event("product.used", NOON + after, customer={"email": "mia@example.com", "name": name, **more})


SAID = [named("Mia", HOUR), named("Maria", 2 * HOUR, phone="+34612345678"), named("Mia", 2 * HOUR + MS)]


@pytest.mark.parametrize("order", list(permutations(SAID)), ids=lambda order: " ".join(e.id[-4:] for e in order))
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
def test_the_profile_holds_what_was_said_last_in_whatever_order_it_comes(order: Sequence[Event], at_once: bool):
    house = House()
    house.hears(*SAID[:1])

    for batch in [order] if at_once else [[event] for event in order]:
        house.hears(*batch, now=NOON + DAY)

    (key,) = [Key(f"C#{loaded.customer.id}", "PROFILE") for loaded in house.everybody()]
    person_ = Profile.model_validate_json(house.table.get([key])[key].body).person
    assert (person_.name, person_.phone) == ("Mia", "+34612345678")


def test_what_was_said_before_the_last_word_reads_and_writes_no_profile():
    house, sizes = House(), list[int]()
    house.hears(SAID[0])
    house.hears(SAID[2])
    house.table.gets.clear()
    house.table.before = lambda writes: sizes.append(len(writes))

    house.hears(named("Maria", 2 * HOUR), now=NOON + DAY)

    assert (house.table.gets, sizes) == ([1], [2])


def test_a_lone_event_of_a_known_customer_takes_one_read_and_one_write():
    house = House()
    house.hears(an_event("product.used"))
    house.table.gets.clear()
    writes = list[int]()
    house.table.before = lambda each: writes.append(len(each))

    house.hears(an_event("product.used"))

    assert (house.table.gets, len(writes)) == ([1], 1)


def test_ten_events_of_one_customer_are_one_read_and_one_write():
    house = House()
    house.hears(an_event("product.used"))
    house.table.gets.clear()
    writes = list[int]()
    house.table.before = lambda each: writes.append(len(each))

    house.hears(*(an_event("product.used") for _ in range(10)))

    assert (house.table.gets, len(writes)) == ([1], 1)


def test_consent_leaves_its_proof():
    house, said = House(), consent(True)

    house.hears(said, consent(False, NOON + HOUR))

    proofs = house.table.query(f"C#{house.record(said).id}", prefix="CONSENT#").items
    assert ['"granted":true' in item.body for item in proofs] == [True, False]


def test_texts_are_kept_apart_and_pass_away():
    house, event = House(), a_ticket_event("opened", text="it does not fit", subject="Return")

    house.hears(event)

    (content,) = house.table.query(f"C#{house.record(event).id}", prefix="CONTENT#").items
    assert '"it does not fit"' in content.body
    assert int(content.attributes["expires"]) > NOON.timestamp()
    assert "does not fit" not in house.journal(event)[0].model_dump_json() + house.written(event)


def test_a_task_waits_on_the_desk():
    house = a_house(a_play(id="call", on="order.placed", do={"task": "callback"}))

    house.hears(placed())

    (task,) = house.table.query(f"C#{house.record(placed()).id}", prefix="DESK#").items
    assert '"task":"callback"' in task.body


def test_the_directory_follows_stage_label_and_band():
    house = House()
    house.hears(placed(), placed(order="o-2"))
    record = house.record(placed())
    assert record.band is not None

    (entry,) = [
        item
        for shard in range(8)
        for item in house.table.index("directory", f"onboarding#{shard}", prefix="new#").items
    ]

    assert entry.attributes["directory_rank"] == f"new#{record.band}#{record.id}"


def test_the_whole_story_of_an_order_by_the_clock():
    house = House()
    house.hears(consent(), placed(NOON, promised_at=NOON + 4 * DAY), an_order_event("paid", NOON + MINUTE))
    house.hears(shipped(NOON + DAY))
    house.hears(parcel("out_for_delivery", NOON + 3 * DAY))
    house.hears(parcel("delivered", NOON + 3 * DAY + HOUR))

    house.passes(NOON + 8 * DAY)

    assert [(action.play, (action.decided_at - NOON) // DAY) for action in house.actions] == [
        ("first-order-thanks", 0),
        ("dispatched", 1),
        ("out-for-delivery", 3),
        ("tutorial", 6),
    ]
