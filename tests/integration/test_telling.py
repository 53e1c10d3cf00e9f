"""What is told outside leaves with the decision: at least once, after all that customers wait for."""

from typing import Any

import pytest

from perennial.domain.events import Event
from perennial.domain.notices import Notice
from tests.builders import HOUR, MINUTE, NOON, a_play, placed, with_plays
from tests.families import FREE, id_of, merging, parting, says
from tests.house import House

CALL = a_play(id="call", on="order.placed", do={"task": "callback"})
THANKS = a_play(id="thanks", on="order.placed")


def a_house(*plays: dict[str, Any], **sections: Any) -> House:
    return House(with_plays(*plays, **FREE, **sections))


def told(house: House) -> list[Notice]:
    return [Notice.model_validate_json(message.body) for message in house.notices.sent]


def test_a_task_is_told_as_it_is_put_on_the_desk() -> None:
    house, order = a_house(CALL), placed()

    house.hears(order)

    [notice], [task] = told(house), house.journal(order)[0].tasks
    assert (notice.id, notice.customer) == (task.id, house.record(order).id)


def test_what_was_not_told_is_told_when_the_event_comes_again() -> None:
    house, order = a_house(CALL), placed()
    house.notices.broken = True

    failed = house.hears(order)
    house.notices.broken = False
    again = house.hears(order, now=NOON + MINUTE)

    assert (set(failed), again) == ({0}, {})
    assert [notice.kind for notice in told(house)] == ["task.created"]


def test_told_again_it_is_the_same_notice() -> None:
    house, order = a_house(CALL), placed()

    house.hears(order)
    house.hears(order, now=NOON + HOUR)

    once, again = told(house)
    assert once == again


def test_an_event_that_tells_nothing_does_not_come_again_for_another_s_sake() -> None:
    house = a_house(CALL)
    house.notices.broken = True

    failed = house.hears(says("ana", "product.used", NOON), placed())

    assert set(failed) == {1}


def test_who_is_not_told_delays_no_message() -> None:
    house = a_house(CALL, THANKS)
    house.notices.broken = True

    house.hears(placed())

    assert house.effects == ["thanks"]


@pytest.mark.parametrize("event", [placed(), placed().model_copy(update={"history": True})])
def test_what_the_policy_does_not_tell_asks_no_queue(event: Any) -> None:
    house = a_house(CALL, tell=["order.placed"] if event.history else [])
    house.notices.broken = True

    assert house.hears(event) == {}


def test_a_move_is_told_also_where_time_alone_moves() -> None:
    house = a_house(tell=["stage.changed"])
    house.hears(says("ana", "order.placed", NOON, order={"id": "o-1"}))

    house.passes(NOON + 31 * 24 * HOUR)

    moves = [(notice.data["before"]["stage"], notice.data["after"]["stage"]) for notice in told(house)]
    assert moves == [("awareness", "onboarding"), ("onboarding", "retention")]


def test_a_merge_and_its_undoing_are_told_of_both_each_under_an_id_of_its_own() -> None:
    house = a_house(tell=["customer.merged", "customer.unmerged"])
    for name in ("ana", "bo"):
        house.hears(says(name, "product.used", NOON))

    house.hears(merging("ana", "bo", NOON + HOUR))
    house.hears(parting("ana", "bo", NOON + 2 * HOUR))

    both, kinds = {id_of("ana"), id_of("bo")}, ("customer.merged", "customer.unmerged")
    assert {(notice.kind, notice.customer) for notice in told(house)} == {(kind, who) for kind in kinds for who in both}
    assert len({notice.id for notice in told(house)}) == len(told(house)) == 4


def test_what_one_does_who_was_merged_is_told_of_whom_they_are_now() -> None:
    house = a_house(CALL)
    for name in ("ana", "bo"):
        house.hears(says(name, "product.used", NOON))
    house.hears(merging("ana", "bo", NOON + HOUR))

    house.hears(says("bo", "order.placed", NOON + 2 * HOUR, order={"id": "o-1"}))

    assert [notice.customer for notice in told(house)] == [id_of("ana")]


MERGED, PARTED = merging("ana", "bo", NOON + MINUTE), parting("ana", "bo", NOON + 2 * HOUR)
ORDER = says("bo", "order.placed", NOON + HOUR, order={"id": "o-1"})


@pytest.mark.parametrize(("before", "after", "whose"), [((), MERGED, "bo"), ((MERGED,), PARTED, "ana")])
def test_told_again_when_they_are_somebody_else_it_is_the_same_notice(
    before: tuple[Event, ...], after: Event, whose: str
) -> None:
    house = a_house(CALL)
    for event in (*both_are_seen(), *before, ORDER, after):
        house.hears(event)

    house.hears(ORDER, now=NOON + 3 * HOUR)

    once, again = told(house)
    assert once == again
    assert once.customer == id_of(whose)


@pytest.mark.parametrize(("before", "turn"), [((), MERGED), ((MERGED,), PARTED)])
def test_a_turn_that_was_not_told_is_told_of_both_when_it_comes_again(before: tuple[Event, ...], turn: Event) -> None:
    house = a_house(tell=[turn.type])
    for event in (*both_are_seen(), *before):
        house.hears(event)
    house.notices.broken = True

    failed = house.hears(turn)
    house.notices.broken = False
    again = house.hears(turn)

    assert (set(failed), again) == ({0}, {})
    assert {notice.customer for notice in told(house)} == {id_of("ana"), id_of("bo")}


def both_are_seen() -> list[Event]:
    return [says(name, "product.used", NOON) for name in ("ana", "bo")]
