"""What the clocks on walls say, worked out for a week at a time: places whose clocks agree all week are one clock.

A customer of whom only the country is known may live in 29 zones (US). In summer these are seven clocks, and
to read one is an addition.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
DAYS_KNOWN = 9
"""A clock is read at an instant of its week, and asked about the day that follows."""


class Clock(NamedTuple):
    """One clock in one week and the day after."""

    ahead: timedelta
    """Of UTC, as the week begins."""
    changes: tuple[tuple[datetime, timedelta], ...]
    """When it is set, and how far it is ahead from then on. Empty in most weeks."""

    def wall(self, at: datetime) -> datetime:
        """What it says, without a zone."""
        ahead = self.ahead
        for since, then in self.changes:
            if at >= since:
                ahead = then
        return at.astimezone(UTC).replace(tzinfo=None) + ahead

    def until_change(self, at: datetime, end: datetime) -> datetime:
        """The first instant after `at` at which it is set; `end`, if it is not before."""
        return next((since for since, _ in self.changes if at < since < end), end)


def clocks_of(zones: tuple[str, ...], at: datetime) -> tuple[Clock, ...]:
    """The clocks of these zones in the week that `at` is in, each once, in the order of the zones."""
    return _clocks_in_week(zones, (at - EPOCH) // WEEK)


@lru_cache(maxsize=1024)
def _clocks_in_week(zones: Iterable[str], week: int) -> tuple[Clock, ...]:
    return tuple(dict.fromkeys(_clock(zone, week) for zone in zones))


@lru_cache(maxsize=4096)
def _clock(name: str, week: int) -> Clock:
    """No clock is set twice within a day: what differs from one midnight to the next was set once."""
    zone, begin = ZoneInfo(name), EPOCH + week * WEEK
    midnights = [begin + number * DAY for number in range(DAYS_KNOWN)]
    ahead = [_ahead(midnight, zone) for midnight in midnights]
    changes = (
        (_change(midnights[number], midnights[number + 1], zone), ahead[number + 1])
        for number in range(DAYS_KNOWN - 1)
        if ahead[number] != ahead[number + 1]
    )
    return Clock(ahead[0], tuple(changes))


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second of the new offset, by bisection between two instants of different offset."""
    old = _ahead(before, zone)
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if _ahead(datetime.fromtimestamp(middle, UTC), zone) == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _ahead(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None, "a zone of the database always says"
    return offset
