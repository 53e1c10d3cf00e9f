"""Points through the one write path: what a play gives, and what is told, comes into the account once."""

from collections.abc import Callable
from random import Random

import pytest

from perennial.domain.customer import Customer
from perennial.domain.history import rebuild
from perennial.domain.points import account
from tests.builders import DAY, HOUR, NOON, a_play, an_event, placed, with_plays
from tests.families import FREE, id_of, journal, merging, parting, record, says
from tests.house import Crash, House

GIVING = with_plays(a_play(on="order.placed", do={"points": 50}), **FREE)
ORDER = placed(NOON, order="o-1")


def balance(house: House) -> int:
    return account(house.record(ORDER).facts.points, NOON).balance


def test_a_play_s_points_come_into_the_account_by_the_lane() -> None:
    house = House(GIVING)

    house.hears(ORDER)
    assert balance(house) == 0
    house.settles()

    assert balance(house) == 50


def test_an_event_that_comes_again_asks_again_and_gives_once() -> None:
    house = House(GIVING)
    house.hears(ORDER)
    house.settles()

    for _ in range(3):
        house.hears(ORDER, now=NOON + 40 * DAY)
        assert len(house.lane.sent) == 1
        house.settles()

    assert balance(house) == 50


def test_what_dies_between_the_record_and_the_lane_is_asked_for_again() -> None:
    house = House(GIVING)
    house.lane.broken = True

    assert house.hears(ORDER).keys() == {0}
    house.lane.broken = False
    house.hears(ORDER)
    house.settles()

    assert balance(house) == 50


@pytest.mark.parametrize("when", ["before", "after"])
def test_points_are_given_once_though_their_writer_dies(when: str) -> None:
    house = House(GIVING)
    house.hears(ORDER)
    (points,) = house.lane.take()

    setattr(house.table, when, crash)
    house.hears(points)
    setattr(house.table, when, lambda writes: None)
    house.hears(points)
    house.hears(points)

    assert balance(house) == 50


def crash(_: object) -> None:
    raise Crash


def test_the_record_is_what_its_journal_makes_of_it_to_the_byte() -> None:
    house = House(GIVING)
    house.hears(ORDER, an_event("points.spent", NOON, points=20), an_event("points.earned", NOON, points=5))
    house.settles(NOON + HOUR)

    customer = house.record(ORDER)
    entries = house.store.journal(customer.id)
    again = rebuild(Customer(id=customer.id, store="demo"), entries, lambda version: house.policy)

    assert again.model_dump_json() == customer.model_dump_json()
    assert balance(house) == 35


def test_the_account_of_who_is_one_is_that_of_all_and_parts_with_them() -> None:
    house = House(GIVING)
    told: list[tuple[str, str, int]] = [("ana", "earned", 30), ("bo", "earned", 20), ("bo", "spent", 5)]
    for name, kind, number in told:
        house.hears(says(name, f"points.{kind}", NOON, points=number))

    house.hears(merging("ana", "bo", NOON + HOUR))
    assert held(house, "ana") == held(house, "bo") == 45

    house.hears(parting("ana", "bo", NOON + 2 * HOUR))
    assert (held(house, "ana"), held(house, "bo")) == (30, 15)


def held(house: House, name: str) -> int:
    return account(record(house, name).facts.points, NOON).balance


def test_points_that_a_play_owes_go_to_whom_it_promised_them_whoever_they_are_by_then() -> None:
    house = House(GIVING)
    house.hears(says("ana", "product.used", NOON))
    house.hears(says("bo", "order.placed", NOON + HOUR, order={"id": "o-bo"}))
    waiting = house.lane.take()
    house.hears(merging("ana", "bo", NOON + 2 * HOUR))

    house.hears(*waiting)

    assert held(house, "ana") == 50
    assert "points.earned" in {entry.event.type for entry in journal(house, "bo")}
    assert id_of("ana") == record(house, "bo").id


def test_many_movements_in_any_order_and_batches_come_to_one_balance() -> None:
    moves = [an_event("points.earned", NOON, points=number) for number in range(1, 40)]
    moves += [an_event("points.spent", NOON, points=number) for number in range(1, 20)]

    balances = {shuffled(moves, Random(seed).sample) for seed in range(3)}

    assert balances == {sum(range(1, 40)) - sum(range(1, 20))}


def shuffled(moves: list[object], sample: Callable[..., list[object]]) -> int:
    house, rest = House(), sample(moves * 2, len(moves) * 2)
    while rest:
        batch, rest = rest[:7], rest[7:]
        house.hears(*batch)
    return balance(house)
