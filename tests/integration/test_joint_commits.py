"""Several customers in one transaction: as fast as one, and whatever is wrong with one of them is theirs alone."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from perennial import engine
from perennial.aws.store import TOGETHER, record_key
from perennial.aws.table import Busy, Invalid, Write
from perennial.domain.decide import decide
from perennial.domain.events import Event
from perennial.engine import Contention
from perennial.sweep import timer
from tests.builders import DAY, MINUTE, NOON, a_play, an_event, with_plays
from tests.house import Crash, House

QUIET = {"start": "20:00", "end": "09:00", "purposes": [], "default_zone": "UTC"}


@pytest.fixture
def house() -> House:
    return House(with_plays(a_play(id="thanks", on="order.placed"), caps=[], quiet_hours=QUIET))


def who(name: str) -> dict[str, str]:
    return {"id": name, "email": f"{name}@example.com"}


def uses(names: Sequence[str]) -> list[Event]:
    return [an_event("product.used", customer=who(name)) for name in names]


def orders(names: Sequence[str]) -> list[Event]:
    """Of each of these customers an order, which thanks them."""
    return [an_event("order.placed", customer=who(name), order={"id": f"o-{name}"}) for name in names]


def versions(house: House, events: Sequence[Event]) -> list[int]:
    return [house.record(event).version for event in events]


def written(house: House) -> list[set[str]]:
    """Whose records each write from now on holds, whether it succeeds or not."""
    seen: list[set[str]] = []

    def before(writes: Sequence[Write]) -> None:
        seen.append({write.key.pk for write in writes if write.key.sk == "RECORD"})

    house.table.before = before
    return seen


def whenever(house: House, event: Event, does: Callable[[], object], times: int = 99) -> None:
    """Just before this customer's record is written, alone or with others; so many times."""
    mine, left = record_key(house.record(event).id), [times]

    def before(writes: Sequence[Write]) -> None:
        if left[0] and any(write.key == mine for write in writes):
            left[0] -= 1
            house.table.before, again = (lambda writes: None), house.table.before
            try:
                does()
            finally:
                house.table.before = again

    house.table.before = before


def raises(error: Exception) -> Callable[[], object]:
    def raise_it() -> None:
        raise error

    return raise_it


def moves(house: House, name: str) -> Callable[[], object]:
    """Somebody else is faster with this customer."""
    return lambda: house.another_engine().apply(uses([name]), NOON)


@pytest.fixture
def known(house: House) -> list[Event]:
    """Five known customers: the third of them is Cy."""
    met = uses(["ana", "bo", "cy", "di", "eva"])
    house.hears(*met)
    return met


NAMES = ["ana", "bo", "cy", "di", "eva"]
NEIGHBOURS = [0, 1, 3, 4]


def test_customers_of_one_batch_share_their_writes(house: House) -> None:
    names = [f"customer-{number}" for number in range(2 * TOGETHER)]
    house.hears(*uses(names))
    house.table.gets.clear()
    writes = written(house)

    assert house.hears(*orders(names)) == {}

    assert [len(records) for records in writes] == [TOGETHER, TOGETHER]
    assert house.table.gets == [2 * TOGETHER]
    assert len(house.effects) == 2 * TOGETHER


def test_strangers_are_met_together(house: House) -> None:
    writes = written(house)

    assert house.hears(*orders(NAMES)) == {}

    assert [len(records) for records in writes] == [5]
    assert versions(house, orders(NAMES)) == [1] * 5


def test_whoever_was_moved_in_between_decides_again_and_the_others_only_once(house: House, known: list[Event]) -> None:
    whenever(house, known[2], moves(house, "cy"), times=1)

    assert house.hears(*orders(NAMES)) == {}

    assert versions(house, known) == [2, 2, 3, 2, 2]
    assert house.record(known[2]).facts.counts["use"] == 2
    assert len(house.effects) == 5


def test_the_others_of_one_who_was_moved_are_written_together_without_them(house: House, known: list[Event]) -> None:
    moved, writes = house.record(known[2]).id, list[set[str]]()

    def before(each: Sequence[Write]) -> None:
        if not writes:
            house.table.before = lambda each: None
            moves(house, "cy")()
            house.table.before = before
        writes.append({write.key.pk for write in each if write.key.sk == "RECORD"})

    house.table.before = before
    house.hears(*orders(NAMES))

    everybody = {f"C#{house.record(event).id}" for event in known}
    assert writes == [everybody, everybody - {f"C#{moved}"}, {f"C#{moved}"}]


def test_one_who_moves_at_every_attempt_fails_alone(house: House, known: list[Event]) -> None:
    whenever(house, known[2], moves(house, "cy"))

    failed = house.hears(*orders(NAMES))

    assert {position: type(error) for position, error in failed.items()} == {2: Contention}
    assert [versions(house, known)[each] for each in NEIGHBOURS] == [2] * 4
    assert len(house.effects) == 4


@pytest.mark.parametrize("error", [Busy("throttled"), Invalid("larger than 400 KB"), Crash()])
def test_one_whose_write_fails_fails_alone(house: House, known: list[Event], error: Exception) -> None:
    whenever(house, known[2], raises(error))

    failed = house.hears(*orders(NAMES))

    assert failed == {2: error}
    assert [versions(house, known)[each] for each in NEIGHBOURS] == [2] * 4
    assert len(house.effects) == 4


def test_one_on_whom_nothing_can_be_decided_fails_alone(
    house: House, known: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = house.record(known[2]).id

    def refusing(customer: Any, *rest: Any) -> Any:
        if customer.id == poisoned:
            raise ZeroDivisionError
        return decide(customer, *rest)

    monkeypatch.setattr(engine, "decide", refusing)

    failed = house.hears(*orders(NAMES))

    assert {position: type(error) for position, error in failed.items()} == {2: ZeroDivisionError}
    assert [versions(house, known)[each] for each in NEIGHBOURS] == [2] * 4


def test_a_batch_that_comes_again_finds_all_its_receipts_in_one_refusal_and_emits_again(house: House) -> None:
    batch = orders(NAMES)
    house.hears(*batch)
    writes = written(house)

    assert house.hears(*batch, now=NOON + MINUTE) == {}

    assert [len(records) for records in writes] == [5]
    assert versions(house, batch) == [1] * 5
    assert len(house.actions) == 2 * 5
    assert len(house.effects) == 5


def test_of_a_batch_that_comes_again_with_something_new_both_are_answered(house: House) -> None:
    old, new = orders(NAMES[:3]), orders(NAMES[3:])
    house.hears(*old)

    assert house.hears(*old, *new, now=NOON + MINUTE) == {}

    assert versions(house, [*old, *new]) == [1] * 5
    assert len(house.effects) == 5


def test_an_answer_that_was_lost_is_found_out_within_the_same_delivery(house: House, known: list[Event]) -> None:
    def lose(writes: Sequence[Write]) -> None:
        house.table.after = lambda writes: None
        raise Crash

    house.table.after = lose

    assert house.hears(*orders(NAMES)) == {}

    assert versions(house, known) == [2] * 5
    assert len(house.actions) == 5


def test_two_strangers_who_say_they_have_the_same_order_do_not_hold_up_each_other(house: House) -> None:
    batch = [an_event("order.placed", customer=who(name), order={"id": "o-1"}) for name in ("ana", "bo")]

    assert house.hears(*batch) == {}

    assert sum(loaded.customer.version for loaded in house.everybody()) == 2


def test_a_batch_that_was_committed_and_not_emitted_comes_again_as_a_whole(house: House) -> None:
    house.channels["email"].broken = True
    failed = house.hears(*orders(NAMES[:3]), *uses(NAMES[3:]))

    house.channels["email"].broken = False

    assert set(failed) == {0, 1, 2}
    assert house.hears(*orders(NAMES[:3]), now=NOON + MINUTE) == {}


def test_timers_that_fired_and_were_not_emitted_are_emitted_when_they_come_again() -> None:
    house = House(with_plays(a_play(id="later", on="order.placed", after="1d"), caps=[], quiet_hours=QUIET))
    house.hears(*orders(NAMES))
    timers = [timer(loaded.armed) for loaded in house.everybody() if loaded.armed]
    house.channels["email"].broken = True
    failed = house.hears(*timers, now=NOON + DAY)

    house.channels["email"].broken = False

    assert len(failed) == 5
    assert house.hears(*timers, now=NOON + DAY + MINUTE) == {}
    assert house.effects == ["later"] * 5


def test_an_event_that_is_in_the_batch_twice_is_applied_once(house: House) -> None:
    first, *others = orders(NAMES)

    assert house.hears(first, *others, first) == {}

    assert versions(house, [first, *others]) == [1] * 5
    assert len(house.actions) == 5
