"""The time machine stops at all that becomes due, at its minute, and at nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.clock import EventClock
from infra.local.time_machine import STUBBORN, TimeMachine, whole_minute

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class World:
    """Things that become due; when one is served, others may follow from it."""

    def __init__(self, *due: datetime, follows: Callable[[datetime], list[datetime]] = lambda due: []) -> None:
        self.clock = EventClock(NOON)
        self.due = sorted(due)
        self.served: list[tuple[datetime, datetime]] = []
        self.broken: set[datetime] = set()
        self._follows = follows

    def earliest_due(self, after: datetime | None) -> datetime | None:
        return next((due for due in self.due if after is None or due > after), None)

    def settle(self) -> None:
        for due in [due for due in self.due if due <= self.clock.now() and due not in self.broken]:
            self.due.remove(due)
            self.served.append((due, self.clock.now()))
            self.due = sorted([*self.due, *self._follows(due)])

    def travel(self, target: datetime) -> list[datetime]:
        machine = TimeMachine(self.clock, self.earliest_due, self.settle)
        return [stop.at for stop in machine.travel(target)]


@pytest.mark.parametrize(
    ("instant", "minute"),
    [
        (NOON, NOON),
        (NOON + timedelta(milliseconds=1), NOON + MINUTE),
        (NOON + timedelta(seconds=59), NOON + MINUTE),
        (NOON + MINUTE, NOON + MINUTE),
    ],
)
def test_the_sweep_serves_an_instant_in_the_first_whole_minute_not_before_it(
    instant: datetime, minute: datetime
) -> None:
    assert whole_minute(instant) == minute


def test_each_thing_is_served_in_its_own_minute() -> None:
    world = World(NOON + DAY, NOON + DAY + timedelta(seconds=1), NOON + 2 * DAY)

    world.travel(NOON + 3 * DAY)

    assert [at for _, at in world.served] == [NOON + DAY, NOON + DAY + MINUTE, NOON + 2 * DAY]


def test_what_follows_from_what_was_served_on_the_way_is_served_too() -> None:
    world = World(NOON + DAY, follows=lambda due: [due + DAY] if due < NOON + 4 * DAY else [])

    world.travel(NOON + 3 * DAY)

    assert [due for due, _ in world.served] == [NOON + DAY, NOON + 2 * DAY, NOON + 3 * DAY]
    assert world.due == [NOON + 4 * DAY]


def test_with_nothing_due_it_goes_straight_to_the_target() -> None:
    world = World()

    assert world.travel(NOON + 90 * DAY) == [NOON + 90 * DAY]
    assert world.clock.now() == NOON + 90 * DAY


def test_what_is_due_at_the_target_is_served_and_what_comes_after_is_not() -> None:
    world = World(NOON + HOUR, NOON + HOUR + MINUTE)

    world.travel(NOON + HOUR)

    assert [due for due, _ in world.served] == [NOON + HOUR]


def test_what_stays_due_does_not_hold_up_the_journey_nor_what_comes_later() -> None:
    world = World(NOON + HOUR, NOON + DAY)
    world.broken = {NOON + HOUR}

    stops = world.travel(NOON + 2 * DAY)

    assert len(stops) <= STUBBORN + 4
    assert world.served == [(NOON + DAY, NOON + DAY)]


def test_what_could_not_be_served_is_tried_again_a_minute_later() -> None:
    world = World(NOON + HOUR)
    world.broken = {NOON + HOUR}
    stops = TimeMachine(world.clock, world.earliest_due, world.settle).travel(NOON + DAY)

    next(stops)
    world.broken = set()
    next(stops)

    assert world.served == [(NOON + HOUR, NOON + HOUR + MINUTE)]
