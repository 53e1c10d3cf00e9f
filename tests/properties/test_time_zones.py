"""Quiet hours, birthdays and days by the customer's own clock, where clocks jump, stand still and skip whole days."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from perennial.domain.customer import Facts, Known
from perennial.domain.dates import next_birthday
from perennial.domain.events import Event
from perennial.domain.permission import SEARCH, QuietHours, closes_at, customer_zones, may_leave_at, opens_at, zones_of
from perennial.domain.policy import Policy
from tests.builders import DAY, HOUR, MINUTE, MS, Life, a_play, an_event, consent, the_policy, with_plays
from tests.properties.strategies import a_recent_life, examples

ZONES = (
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",  # never, and a quarter of an hour off
    "America/Sao_Paulo",  # at midnight, until 2019
    "Africa/Casablanca",  # for Ramadan, backwards
    "Pacific/Apia",  # skipped 30 December 2011
    "Antarctica/Troll",  # by two hours
    "America/St_Johns",  # at one past midnight, until 2011
    "Asia/Pyongyang",  # changed its mind, twice
)
FIRST, LAST = datetime(2000, 1, 2, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)
COUNTRIES = ("ES", "PT", "AU", "BR", "CL", "KI", "US", "NP")


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """Noons (UTC) of the days on which the clocks of this zone change; of a zone that has none, any day."""
    noons = [FIRST.replace(hour=12) + day * DAY for day in range((LAST - FIRST).days)]
    offsets = [noon.astimezone(ZoneInfo(zone)).utcoffset() for noon in noons]
    found = tuple(noon for noon, one, two in zip(noons, offsets, offsets[1:], strict=False) if one != two)
    return found or (FIRST,)


@st.composite
def nows(draw: st.DrawFn, zone: str) -> datetime:
    """An instant within two days of a change of clocks."""
    around = draw(st.sampled_from(changes(zone)))
    return around + draw(st.integers(-24 * 60, 48 * 60)) * MINUTE + draw(st.sampled_from((0 * MS, MS, 30_017 * MS)))


@st.composite
def hours(draw: st.DrawFn) -> QuietHours:
    start, end = draw(st.lists(st.integers(0, 24 * 60 - 1), min_size=2, max_size=2, unique=True))
    return QuietHours(start=time(*divmod(start, 60)), end=time(*divmod(end, 60)))


def is_quiet(at: datetime, zone: str, hours: QuietHours) -> bool:
    """By the minutes that have passed, on the wall, since quiet began."""
    wall = at.astimezone(ZoneInfo(zone))
    begin, end = (each.hour * 60 + each.minute for each in (hours.start, hours.end))
    return (wall.hour * 60 + wall.minute - begin) % 1440 < (end - begin) % 1440


def minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Both ends but the last millisecond, and every whole minute between: no clock changes its mind in between."""
    if begin < end:
        yield from (begin, end - MS)
    at = begin.replace(second=0, microsecond=0) + MINUTE
    while at < end:
        yield at
        at += MINUTE


zones = st.sampled_from(ZONES)
zones_and_nows = zones.flatmap(lambda zone: st.tuples(st.just(zone), nows(zone)))


# Quiet hours


@examples(200)
@given(zones_and_nows, hours())
def test_a_message_never_leaves_within_quiet_hours_and_never_waits_a_minute_longer(
    where: tuple[str, datetime], hours: QuietHours
) -> None:
    zone, now = where

    opens = opens_at(now, (zone,), hours)

    assert opens >= now
    assert not is_quiet(opens, zone, hours)
    assert all(is_quiet(at, zone, hours) for at in minutes(now, opens))


@examples(100)
@given(zones_and_nows, hours())
def test_a_message_must_leave_before_the_first_quiet_minute(where: tuple[str, datetime], hours: QuietHours) -> None:
    zone, now = where

    closes = closes_at(now, (zone,), hours)

    assert closes >= now
    assert is_quiet(closes, zone, hours)
    assert not any(is_quiet(at, zone, hours) for at in minutes(now, closes))


def open_hours(now: datetime, zones: Iterable[str], hours: QuietHours) -> Iterator[datetime]:
    """Quarters of an hour within the time that is searched at which it is quiet nowhere."""
    quarters = (now + number * HOUR / 4 for number in range(int(SEARCH / (HOUR / 4))))
    return (at for at in quarters if not any(is_quiet(at, zone, hours) for zone in zones))


@examples(60)
@given(st.sampled_from(COUNTRIES), nows("Europe/Madrid"), hours())
def test_who_may_be_anywhere_in_a_country_is_left_alone_while_it_is_quiet_in_any_part_of_it(
    country: str, now: datetime, hours: QuietHours
) -> None:
    zones = zones_of(None, country, "UTC")
    opens = opens_at(now, zones, hours)
    if any(is_quiet(opens, zone, hours) for zone in zones):
        assert next(open_hours(now, zones, hours), None) is None
        assert opens == opens_at(now, zones[:1], hours)
    else:
        assert all(any(is_quiet(at, zone, hours) for zone in zones) for at in minutes(now, opens))


@examples(60)
@given(zones_and_nows, hours(), st.sampled_from(("transactional", "service", "marketing")))
def test_quiet_hours_are_those_of_the_customers_zone_and_address_and_of_some_purposes(
    where: tuple[str, datetime], hours: QuietHours, purpose: str
) -> None:
    zone, now = where
    facts = Facts(about={"time_zone": Known(zone, now), "country": Known("JP", now)})

    leaves = may_leave_at(facts, purpose, hours, now)  # type: ignore[arg-type]

    either = zones_of(zone, "JP", "UTC")
    assert zone in either
    assert leaves == (now if purpose == "transactional" else opens_at(now, either, hours))


@cache
def talkative(start: str, end: str) -> Policy:
    """The shipped plays, as often as they like, outside of these hours."""
    plays = [play.model_dump(mode="json", by_alias=True) | {"at_most": None} for play in the_policy().plays]
    hours = {"start": start, "end": end, "purposes": ["service", "marketing"]}
    return with_plays(*plays, caps=[], quiet_hours=hours)


@examples(60)
@given(st.sampled_from((("20:00", "09:00"), ("00:30", "23:00"), ("11:00", "15:45"))), zones, a_recent_life(5, 30))
def test_no_life_asks_for_a_message_within_quiet_hours(hours: tuple[str, str], zone: str, events: list[Event]) -> None:
    policy, first = talkative(*hours), min(event.time for event in events)
    life = Life(policy)
    person = {"id": "mia", "email": "mia@example.com", "time_zone": zone, "birthday": "1990-10-25"}
    life.hears(an_event("customer.updated", first, customer=person))
    for event in (consent(True, first), *sorted(events, key=lambda event: event.time)):
        life.hears(event)
    life.lives_until(first + 400 * DAY)

    for decision in life.decisions:
        zones = customer_zones(decision.customer.facts, "UTC")
        for action in decision.actions:
            assert not is_quiet(action.decided_at, zones[0], policy.quiet_hours)


# Birthdays


def is_birthday(day: date, born: date) -> bool:
    """29 February is kept on the 28th where there is none."""
    if (born.month, born.day) == (2, 29) and not (day.year % 4 == 0 and (day.year % 100 or day.year % 400 == 0)):
        return (day.month, day.day) == (2, 28)
    return (day.month, day.day) == (born.month, born.day)


def begins(day: date, zone: str) -> datetime:
    """The first minute of this day by the clocks of the zone; of a day that was skipped, that of the next."""
    at = datetime.combine(day, time(), UTC) - 15 * HOUR
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += 15 * MINUTE
    return at


def birthdays_after(now: datetime, born: date, zone: str) -> Iterator[datetime]:
    today = now.astimezone(ZoneInfo(zone)).date()
    days = (today + number * DAY for number in range(-1, 5 * 366))
    return (at for day in days if is_birthday(day, born) and (at := begins(day, zone)) > now)


birthdays = st.dates(date(1904, 1, 1), date(1904, 12, 31))


@examples(150)
@given(zones_and_nows, birthdays, st.integers(-1, 4))
def test_a_birthday_begins_with_the_first_minute_of_that_day_where_the_customer_lives(
    where: tuple[str, datetime], born: date, near: int
) -> None:
    zone, now = where
    day = now.astimezone(ZoneInfo(zone)).date()
    if near < 3:  # on the day on which clocks change, or beside it
        born = (day + near * DAY).replace(year=1904)
    elif near == 3:  # asked in the very first instant of it
        born, now = day.replace(year=1904), begins(day, zone)

    birthday = next_birthday(born, ZoneInfo(zone), now)

    assert birthday == next(birthdays_after(now, born, zone))


@cache
def birthdays_only() -> Policy:
    return with_plays(*(play.model_dump(mode="json", by_alias=True) for play in the_policy().on_date), caps=[])


@examples(40)
@given(zones_and_nows, birthdays)
def test_every_birthday_is_wished_once_in_the_first_open_minute_of_the_day(
    where: tuple[str, datetime], born: date
) -> None:
    zone, now = where
    assume(now.year > 2000)
    life = Life(birthdays_only())
    person = {"id": "mia", "email": "mia@example.com", "birthday": born.isoformat(), "time_zone": zone}
    life.hears(an_event("customer.signed_up", now, customer=person))
    life.hears(consent(True, now))

    end = now + 4 * 365 * DAY
    life.lives_until(end)

    expected = [morning(at, zone, life.policy.quiet_hours) for at in birthdays_after(now, born, zone)]
    assert [at for _, at in life.actions] == [at for at in expected if at <= end]


def morning(at: datetime, zone: str, hours: QuietHours) -> datetime:
    while is_quiet(at, zone, hours):
        at += 15 * MINUTE
    return at


# Days


@examples(60)
@given(zones_and_nows, st.integers(1, 60))
def test_a_day_is_twenty_four_hours_whatever_the_clocks_do(where: tuple[str, datetime], days: int) -> None:
    zone, now = where
    life = Life(with_plays(a_play(on="product.viewed", after=f"{days}d")))
    life.hears(an_event("customer.updated", now, customer={"email": "mia@example.com", "time_zone": zone}))

    life.hears(an_event("product.viewed", now))
    life.lives_until(now + 61 * DAY)

    assert life.actions == [("a-play", now + timedelta(hours=24 * days))]
