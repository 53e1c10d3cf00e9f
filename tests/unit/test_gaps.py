"""Is a source silent? Not at night, not on a small shop's slow day, and not because of what an outage taught."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from perennial.gaps import AT_LEAST, ENOUGH, GIVEN_UP, Heard, Rhythm, begun, expected, looked, silence, slot

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
QUARTER, HOUR, DAY, WEEK = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


class Source:
    """Lives by what it says in each quarter of an hour, and is looked at after each."""

    def __init__(self, says: Callable[[datetime], int]) -> None:
        self.says = says
        self.now = MONDAY
        self.heard = Heard("shopify", "demo", MONDAY, 0)
        self.rhythm = begun(self.heard, MONDAY)

    def lives(self, until: datetime) -> Iterator[datetime]:
        """The times at which it is silent."""
        while self.now < until:
            self.now += QUARTER
            if minutes := self.says(self.now):
                self.heard = Heard("shopify", "demo", self.now, self.heard.minutes + minutes)
            self.rhythm = looked(self.rhythm, self.heard, self.now)
            if silence(self.rhythm, self.heard, self.now).is_silent:
                yield self.now


def by_day(at: datetime) -> int:
    """Busy from 8 to 20, nothing at night and on Sunday."""
    return 3 if 8 <= (at - timedelta(seconds=1)).hour < 20 and at.weekday() < 6 else 0


def three_a_day(at: datetime) -> int:
    return int((at.hour, at.minute) in ((9, 0), (13, 30), (18, 15)))


def all_the_time(_: datetime) -> int:
    return 12


@pytest.mark.parametrize("says", [by_day, three_a_day, all_the_time])
def test_a_source_that_speaks_as_usual_is_never_silent(says: Callable[[datetime], int]) -> None:
    assert list(Source(says).lives(MONDAY + 6 * WEEK)) == []


@pytest.mark.parametrize(
    ("says", "stops", "noticed_within"),
    [
        (all_the_time, MONDAY + 3 * WEEK, timedelta(minutes=45)),
        (by_day, MONDAY + 3 * WEEK + 10 * HOUR, HOUR),
        (by_day, MONDAY + 3 * WEEK + 20 * HOUR, 13 * HOUR),
        (three_a_day, MONDAY + 3 * WEEK, 4 * DAY),
    ],
    ids=["busy", "by day", "at closing time", "small"],
)
def test_one_that_stops_is_noticed_after_what_is_long_for_it(
    says: Callable[[datetime], int], stops: datetime, noticed_within: timedelta
) -> None:
    source = Source(lambda at: says(at) if at <= stops else 0)

    first = next(source.lives(stops + WEEK))

    assert stops < first <= stops + noticed_within


def test_what_stops_in_the_evening_is_not_missed_before_the_morning() -> None:
    closing = MONDAY + 3 * WEEK + 20 * HOUR
    source = Source(lambda at: by_day(at) if at <= closing else 0)

    first = next(source.lives(closing + WEEK))

    assert first.hour >= 8


def test_in_its_first_week_nobody_is_silent() -> None:
    source = Source(lambda at: 12 if at <= MONDAY + 5 * DAY else 0)

    assert list(source.lives(MONDAY + WEEK - QUARTER)) == []


def test_an_outage_does_not_become_a_habit() -> None:
    source = Source(lambda at: 0 if MONDAY + 3 * WEEK < at <= MONDAY + 4 * WEEK else 12)

    silent = list(source.lives(MONDAY + 4 * WEEK))
    usual = source.rhythm.usual[slot(MONDAY + 3 * WEEK + 3 * DAY)]

    assert len(silent) > 600
    assert usual == 48


def test_who_has_been_silent_for_a_month_is_not_asked_after_any_more() -> None:
    source = Source(lambda at: 12 if at <= MONDAY + 3 * WEEK else 0)

    times = list(source.lives(MONDAY + 10 * WEEK))

    assert times[-1] < MONDAY + 3 * WEEK + GIVEN_UP


@pytest.mark.parametrize(("minutes", "is_silent"), [(29, False), (30, True)])
def test_no_silence_is_shorter_than_half_an_hour(minutes: int, is_silent: bool) -> None:
    rhythm = Rhythm(since=MONDAY, looked_at=MONDAY, counted=0, usual=dict.fromkeys(range(168), 60.0))
    now = MONDAY + 2 * WEEK

    stands = silence(rhythm, Heard("a", "b", now - timedelta(minutes=minutes), 0), now)

    assert stands.is_silent is is_silent
    assert timedelta(minutes=30) == AT_LEAST


@pytest.mark.parametrize(("usual", "is_silent"), [(ENOUGH / 2 - 0.01, False), (ENOUGH / 2, True)])
def test_it_takes_enough_that_should_have_come(usual: float, is_silent: bool) -> None:
    rhythm = Rhythm(since=MONDAY, looked_at=MONDAY, counted=0, usual=dict.fromkeys(range(168), usual))
    now = MONDAY + 2 * WEEK

    assert silence(rhythm, Heard("a", "b", now - 2 * HOUR, 0), now).is_silent is is_silent


def test_hours_that_nobody_looked_at_teach_nothing() -> None:
    heard = Heard("a", "b", MONDAY, 100)
    rhythm = Rhythm(since=MONDAY, looked_at=MONDAY, counted=0, usual={0: 8.0})

    again = looked(rhythm, heard, MONDAY + 3 * HOUR)

    assert (again.usual, again.counted, again.so_far) == ({0: 8.0}, 100, 0)


def test_parts_of_hours_count_as_parts() -> None:
    rhythm = Rhythm(since=MONDAY, looked_at=MONDAY, counted=0, usual={0: 4.0, 1: 8.0})

    assert expected(rhythm, MONDAY + HOUR / 2, MONDAY + HOUR + HOUR / 4) == 4.0 / 2 + 8.0 / 4
