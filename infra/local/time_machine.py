"""Moves the house's clock from one thing that becomes due to the next: nothing is skipped, all happens at its hour."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

MINUTE = timedelta(minutes=1)
"""The sweep looks once a minute; so an instant is served in the first whole minute that is not before it."""
STUBBORN = 5
"""So many minutes in a row the machine stops for something that stays due; after that it waits for the next thing."""


class MovableClock(Protocol):
    def now(self) -> datetime: ...

    def move_to(self, instant: datetime) -> None: ...


class Stop(NamedTuple):
    """The clock stood here, and all that was due was done."""

    at: datetime
    number: int


class TimeMachine:
    def __init__(
        self,
        clock: MovableClock,
        earliest_due: Callable[[datetime | None], datetime | None],
        settle: Callable[[], None],
    ) -> None:
        """`earliest_due(after)` is the first due instant (after that one); `settle` does all that is due now."""
        self._clock = clock
        self._earliest_due = earliest_due
        self._settle = settle

    def travel(self, target: datetime) -> Iterator[Stop]:
        """Go to the target by all the stops on the way. The target itself is the last one."""
        number, stubborn = 0, 0
        self._settle()
        while (stop := self._next_stop(stubborn < STUBBORN)) is not None and stop < target:
            before = self._earliest_due(None)
            self._clock.move_to(stop)
            self._settle()
            stubborn = stubborn + 1 if self._earliest_due(None) == before else 0
            number += 1
            yield Stop(stop, number)
        self._clock.move_to(target)
        self._settle()
        yield Stop(target, number + 1)

    def _next_stop(self, patient: bool) -> datetime | None:
        """The next whole minute in which something is due: what is due already is tried again a minute later."""
        now = self._clock.now()
        due = self._earliest_due(None if patient else now)
        return None if due is None else whole_minute(max(due, now + MINUTE) if due <= now else due)


def whole_minute(instant: datetime) -> datetime:
    """The first whole minute that is not before it."""
    return instant + (datetime.min.replace(tzinfo=instant.tzinfo) - instant) % MINUTE
