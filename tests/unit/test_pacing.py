"""Each sender goes its share of what the provider takes; what is too much waits, and is neither lost nor used up."""

from datetime import timedelta
from typing import Any

import pytest

from perennial.channels.pacing import LONGEST_PAUSE_SECONDS, Pace
from perennial.channels.provider import Throttled
from perennial.domain.events import MessageDeferred, MessageFailed, MessageSent
from tests.messaging import an_action
from tests.unit.test_outbox import NOON, TICK, House

REST = timedelta(minutes=2)


class Watch:
    """A clock that only sleeping moves on, or what takes its time."""

    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def a_pace(watch: Watch, per_second: float = 10, senders: int = 2) -> Pace:
    return Pace(per_second, senders, watch.monotonic, watch.sleep)


def test_all_senders_together_keep_the_rate():
    watches = [Watch() for _ in range(5)]
    left: list[float] = []
    for watch in watches:
        pace = a_pace(watch, per_second=14, senders=5)
        for _ in range(60):
            pace()
            left.append(watch.at)

    busiest = max(sum(start <= at < start + 1 for at in left) for start in left)
    assert 14 <= busiest <= 14 + len(watches), "a sender that starts knows of no pause"
    assert len(left) / (max(left) - min(left)) == pytest.approx(14, rel=0.05)


def test_who_is_slower_than_the_rate_never_pauses():
    watch = Watch()
    pace = a_pace(watch, per_second=10, senders=2)

    for _ in range(20):
        pace()
        watch.at += 0.3

    assert watch.slept == []


def test_a_quiet_hour_is_not_made_up_for():
    watch = Watch()
    pace = a_pace(watch)
    watch.at += 3600

    for _ in range(3):
        pace()

    assert watch.slept == pytest.approx([0.2, 0.2])


def test_no_pause_is_longer_than_a_batch_has_time_for():
    watch = Watch()
    pace = a_pace(watch, per_second=0.01, senders=50)

    for _ in range(10):
        pace()

    assert max(watch.slept) == LONGEST_PAUSE_SECONDS
    assert sum(watch.slept) < 20


def test_the_hour_is_looked_at_after_the_pause():
    house = House()
    house.clock.at = NOON.replace(hour=20) - TICK
    outbox = house.outbox

    def pause() -> None:
        house.clock.at += TICK

    outbox._pace = pause

    assert isinstance(outbox.send(an_action()), MessageDeferred)


# What is too much all the same


def throttled(house: House, **action: Any) -> Any:
    house.carrier.answers = [Throttled("TooManyRequestsException", REST)]
    return house.send(**action)


def test_what_the_provider_throttles_waits_on_the_due_index_and_does_not_come_again_by_the_queue():
    house = House()

    outcome = throttled(house)

    assert isinstance(outcome, MessageDeferred)
    assert outcome.data.reason == "throttled: TooManyRequestsException"
    assert NOON + REST <= outcome.data.until < NOON + 2 * REST  # type: ignore[operator]
    assert house.claims == {}


def test_however_often_it_is_throttled_it_leaves_in_the_end():
    house = House()
    for _ in range(100):
        outcome = throttled(house)
        house.clock.at = outcome.data.until

    assert isinstance(house.send(), MessageSent)


def test_what_is_throttled_comes_again_at_its_own_moment():
    house = House()

    assert len({throttled(house, id=f"a-{number}").data.until for number in range(50)}) > 25


def test_copies_of_what_is_throttled_wait_together_so_that_they_do_not_multiply():
    house = House()

    first = throttled(house)
    house.clock.at += REST
    copy = throttled(house)

    assert first.id == copy.id
    assert throttled(house, decided_at=first.data.until).id != first.id, "asked for again once it has waited"


def test_what_is_throttled_at_the_end_of_the_day_waits_for_the_morning():
    house = House()
    house.clock.at = NOON.replace(hour=17, minute=59)

    assert throttled(house).data.until == (NOON + timedelta(days=1)).replace(hour=8), "on the Canary Islands"


def test_what_is_throttled_until_it_is_out_of_place_expires():
    house = House()

    outcome = throttled(house, not_after=NOON + REST - TICK)

    assert isinstance(outcome, MessageFailed)
    assert (outcome.data.reason, house.claims["a-1"].state) == ("expired", "failed")
