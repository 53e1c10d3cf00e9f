"""Festivals for years and around the world, said again by what the wall says: every one, once, by day, on its day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import DAY, HOUR, Life, a_play, an_event, consent, with_plays
from tests.properties.strategies import examples
from tests.properties.test_hours_and_caps import PLACES

FIRST, YEARS = datetime(2026, 1, 1, 13, 7, tzinfo=UTC), timedelta(days=730)
MINUTE = timedelta(minutes=1)
monthly = st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(lambda day: day.isoformat()[5:])
dated = st.dates(date(2025, 6, 1), date(2028, 6, 1)).map(date.isoformat)
calendars = st.lists(st.one_of(monthly, dated), min_size=1, max_size=8, unique=True)
nights = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda night: night[0] != night[1])
stretches = st.sampled_from((0, 1, 6, 24))


def is_a_festival(day: date, dates: list[str]) -> bool:
    return day.isoformat() in dates or day.isoformat()[5:] in dates


def is_quiet(wall: datetime, night: tuple[int, int]) -> bool:
    start, end = night
    return start <= wall.hour < end if start < end else wall.hour >= start or wall.hour < end


def first_open(day: date, zone: ZoneInfo, night: tuple[int, int]) -> datetime | None:
    """The first minute of the day at which a message may leave, found by looking at every one."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    while (wall := at.astimezone(zone)).date() <= day:
        if wall.date() == day and not is_quiet(wall, night):
            return at
        at += MINUTE
    return None


def days_after(first: datetime, zone: ZoneInfo) -> Iterator[date]:
    day = first.astimezone(zone).date() + DAY
    while day < (first + YEARS).astimezone(zone).date():
        yield day
        day += DAY


def a_life(zone: str, country: str, dates: list[str], night: tuple[int, int], over: int) -> Life:
    festival: dict[str, Any] = {"id": "fest", "countries": [country], "dates": dates}
    play = a_play(on={"festival": "any", "over": f"{over}h"}, purpose="marketing", good_for="12h")
    hours = {"start": f"{night[0]:02d}:00", "end": f"{night[1]:02d}:00", "purposes": ["marketing"]}
    life = Life(with_plays(play, festivals=[festival], quiet_hours=hours, caps=[]))
    person = {"id": "mia", "email": "mia@example.com", "time_zone": zone, "country": country}
    life.hears(an_event("customer.updated", FIRST, customer=person))
    life.hears(consent(True, FIRST))
    return life


@pytest.mark.parametrize(("zone", "country"), PLACES)
@examples(10)
@given(calendars, nights, stretches)
def test_for_two_years_every_festival_is_greeted_once_by_day_and_on_its_day(
    zone: str, country: str, dates: list[str], night: tuple[int, int], over: int
) -> None:
    life, there = a_life(zone, country, dates, night, over), ZoneInfo(zone)

    life.lives_until(FIRST + YEARS)

    expected = {
        day: opens
        for day in days_after(FIRST, there)
        if is_a_festival(day, dates) and (opens := first_open(day, there, night))
    }
    greeted = {at.astimezone(there).date(): at for _, at in life.actions if at < FIRST + YEARS - DAY}
    assert greeted.keys() == {day for day in expected if expected[day] < FIRST + YEARS - DAY}
    assert len(greeted) == len([at for _, at in life.actions if at < FIRST + YEARS - DAY])
    for day, at in greeted.items():
        assert not is_quiet(at.astimezone(there), night)
        assert expected[day] <= at <= expected[day] + over * HOUR
