"""The hour at which somebody reads, learned from when they opened and clicked.

What is kept are the newest hours in which they read at all, as instants: the newest of a set are the same in whatever
order they are heard of, old habits fade by themselves, and what an instant was on the customer's clock is looked up
when it is wanted, with the offset of that day. Opens by machines never come here (sources/amazon_ses.py).
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

SendTime = Literal["learned", "none"]
MOST_READS = 12
"""Kept in the record: six bytes each before it is packed."""
LEAST_READS = 8
"""From fewer nothing is learned: by chance alone half of four fall into one stretch."""
STRETCH_HOURS = 2
"""What is in the inbox by the full hour is seen by whoever looks within this long."""
LONGEST_WAIT = timedelta(days=1)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_HOURS_OF_A_DAY = 24

Reads = tuple[int, ...]
"""Hours since the beginning of 2020 (UTC), oldest first, each once."""


class Best(NamedTuple):
    """A time to send at."""

    at: datetime
    because: str


def with_read(reads: Reads, at: datetime) -> Reads:
    """The newest hours, with the one that `at` is in."""
    return tuple(sorted({*reads, (at - _EPOCH) // _HOUR})[-MOST_READS:])


def best_times(reads: Reads, zone: str, opens: datetime) -> Iterator[Best]:
    """When, from `opens` on, each of the hours comes by which they mostly read; the best first.

    An hour counts by what was read within `STRETCH_HOURS` from it, and only if that is half of all.
    """
    if len(reads) < LEAST_READS:
        return
    clock = ZoneInfo(zone)
    at_hour = Counter(_local_hour(read, clock) for read in reads)
    within = {hour: _within_stretch(at_hour, hour) for hour in range(_HOURS_OF_A_DAY)}
    for hour, times in sorted(within.items(), key=lambda each: (-each[1], -at_hour[each[0]], each[0])):
        if 2 * times >= len(reads):
            yield Best(_next(opens, hour, clock), f"send time: {times} of {len(reads)} reads from {hour:02}:00 on")


def _local_hour(read: int, clock: ZoneInfo) -> int:
    """By the middle of it: some clocks are half an hour off."""
    return (_EPOCH + read * _HOUR + _HOUR / 2).astimezone(clock).hour


def _within_stretch(at_hour: Counter[int], hour: int) -> int:
    return sum(at_hour[(hour + more) % _HOURS_OF_A_DAY] for more in range(STRETCH_HOURS))


def _next(opens: datetime, hour: int, clock: ZoneInfo) -> datetime:
    """`opens`, if it is that hour there; or when it next begins."""
    wall = opens.astimezone(clock)
    if wall.hour == hour:
        return opens
    for day in (wall.date(), wall.date() + _DAY, wall.date() + 2 * _DAY):
        begins = datetime.combine(day, time(hour), clock).astimezone(UTC)
        if begins > opens:
            return begins
    raise AssertionError("every hour comes within two days")
