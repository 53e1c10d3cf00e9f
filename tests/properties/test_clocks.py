"""Clocks worked out for a week at a time say what each zone's own clock says, and give the same hours to leave in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.domain.clocks import clocks_of
from perennial.domain.permission import (
    SEARCH,
    CountryHours,
    Curfew,
    Holidays,
    QuietHours,
    closes_at,
    opens_at,
    zones_of,
)
from tests.builders import DAY, MS
from tests.properties.strategies import examples
from tests.properties.test_time_zones import ZONES, hours, nows

WIDE = ("US", "CA", "RU", "BR", "AU", "MX", "ID", "KI", "PT", "NZ", "AQ", "CL")
"""Countries of several zones."""

instants = st.sampled_from(ZONES).flatmap(nows)


@examples(150)
@given(st.sampled_from(WIDE), instants, st.integers(0, 24 * 60))
def test_a_clock_says_what_each_of_its_zones_says_and_for_the_next_day(country: str, now: datetime, later: int) -> None:
    zones = zones_of(None, country, "UTC")
    at = now + timedelta(minutes=later)

    walls = {clock.wall(at) for clock in clocks_of(zones, now)}

    assert walls == {at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for zone in zones}


@examples(150)
@given(st.sampled_from(ZONES), st.data())
def test_a_clock_is_set_when_its_zone_sets_it(zone: str, data: st.DataObject) -> None:
    now = data.draw(nows(zone))
    (clock,) = clocks_of((zone,), now)

    change = clock.until_change(now, now + DAY)

    def ahead(at: datetime) -> timedelta | None:
        return at.astimezone(ZoneInfo(zone)).utcoffset()

    assert ahead(change - MS) == ahead(now)
    assert change == now + DAY or ahead(change) != ahead(now)


def test_a_country_of_29_zones_has_seven_clocks_in_summer():
    june = datetime(2026, 6, 15, tzinfo=UTC)

    zones = zones_of(None, "US", "UTC")

    assert len(zones) == 29
    assert len(clocks_of(zones, june)) == 7


# Said again, by each zone's own clock


def by_each_zone_opens(now: datetime, zones: tuple[str, ...], curfews: tuple[Curfew, ...]) -> datetime:
    at = now
    while len(zones) == 1 or at - now < SEARCH:
        on = list(_on(at, zones, curfews))
        if not on:
            return at
        at = max(on)
    return by_each_zone_opens(now, zones[:1], curfews)


def by_each_zone_closes(now: datetime, zones: tuple[str, ...], curfews: tuple[Curfew, ...], end: datetime) -> datetime:
    at = now
    while at < end and not any(_on(at, zones, curfews)):
        at = min(_next(at, ZoneInfo(zone), curfew) for zone in zones for curfew in curfews)
    return min(at, end)


def _on(at: datetime, zones: tuple[str, ...], curfews: tuple[Curfew, ...]) -> Iterator[datetime]:
    """Until when, for each that is on."""
    for zone in map(ZoneInfo, zones):
        for curfew in curfews:
            if curfew.is_on(at.astimezone(zone).replace(tzinfo=None)):
                yield _next(at, zone, curfew)


def _next(at: datetime, zone: ZoneInfo, curfew: Curfew) -> datetime:
    local = at.astimezone(zone)
    end = at + curfew.left(local.replace(tzinfo=None))
    if end.astimezone(zone).utcoffset() == local.utcoffset():
        return end
    low, high = int(at.timestamp()), int(end.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        same = datetime.fromtimestamp(middle, zone).utcoffset() == local.utcoffset()
        low, high = (middle, high) if same else (low, middle)
    return datetime.fromtimestamp(high, UTC)


@pytest.mark.parametrize("with_holidays", [False, True])
@examples(60)
@given(st.sampled_from(WIDE), instants, hours(), hours(), st.booleans())
def test_places_whose_clocks_agree_are_taken_together_without_another_answer(
    with_holidays: bool, country: str, now: datetime, night: QuietHours, other: QuietHours, is_known: bool
) -> None:
    zones = zones_of("Asia/Kathmandu" if is_known else None, country, "UTC")
    local = CountryHours(countries=frozenset({country}), start=other.start, end=other.end)
    curfews: tuple[Curfew, ...] = (night, *([Holidays("US")] if with_holidays else []))
    both, end = (*curfews, local), now + 10 * DAY

    assert opens_at(now, zones, *curfews) == by_each_zone_opens(now, zones, curfews)
    assert closes_at(now, zones, *both, before=end) == by_each_zone_closes(now, zones, both, end)
