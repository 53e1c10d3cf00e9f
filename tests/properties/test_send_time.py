"""For two years, in twelve places: who reads at an hour is written to at that hour, and never at a forbidden one."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from perennial.domain.customer import Consent, Facts, Known
from perennial.domain.policy import Policy
from perennial.domain.send_time import LEAST_READS, MOST_READS, Reads, with_read
from tests.builders import DAY, HOUR, NOON, Life, a_customer, a_play, an_event, with_plays
from tests.properties.test_hours_and_caps import FIRST, LAST, PLACES, holidays_of

GOOD_FOR = timedelta(hours=16)
QUARTER = timedelta(minutes=15)
"""All clocks of these places are whole quarters of an hour off, and are set at them."""


def a_policy(send_time: str) -> Policy:
    quiet = {
        "start": "20:00", "end": "09:00", "purposes": ["service", "marketing"], "default_zone": "UTC",
        "holidays": ["marketing"],
    }  # fmt: skip
    play = a_play(id="offer", purpose="marketing", good_for="16h")
    return with_plays(play, caps=[], quiet_hours=quiet, send_time=send_time)


LEARNED, NONE = a_policy("learned"), a_policy("none")


def some_reads(chance: Random, zone: str, before: datetime) -> Reads:
    """Of the last weeks: mostly around one or two hours of the customer's own day, by habit."""
    habits, reads = [chance.randrange(24) for _ in range(chance.choice((1, 2)))], Reads()
    for number in range(chance.randrange(MOST_READS + 4)):
        day = before.astimezone(ZoneInfo(zone)).date() - (number + 1) * DAY
        hour = chance.choice(habits) if chance.random() < 0.7 else chance.randrange(24)
        reads = with_read(reads, datetime(day.year, day.month, day.day, hour, 30, tzinfo=ZoneInfo(zone)))
    return reads


def instants(chance: Random) -> Iterator[datetime]:
    at = FIRST
    while at < LAST - 10 * DAY:
        yield at
        at += chance.randrange(1, 3 * 24 * 60) * timedelta(minutes=1)


def leaves(facts: Facts, policy: Policy, now: datetime) -> tuple[datetime, list[str | None]]:
    """When, and for what it waited before."""
    life = Life(policy)
    life.customer = a_customer(facts=facts, version=1, stage_since=NOON, label_since=NOON, band_since=NOON)
    life.hears(an_event("product.viewed", now))
    life.lives_until(now + 9 * DAY)
    (at,) = [at for _, at in life.actions]
    return at, [because for did, because in life.became_of("offer") if did == "held"]


# Said again, minute by minute of what the wall says


def is_allowed(at: datetime, zone: str, country: str) -> bool:
    wall = at.astimezone(ZoneInfo(zone))
    return 9 <= wall.hour < 20 and wall.date() not in holidays_of(country)


def expected(reads: Reads, zone: str, country: str, now: datetime, opens: datetime) -> datetime:
    """The first instant of the best hour that comes in time, else the first at which anything may leave."""
    epoch = FIRST.replace(year=2020)
    hours = [(epoch + read * HOUR + HOUR / 2).astimezone(ZoneInfo(zone)).hour for read in reads]
    ranked = sorted(
        (-sum(hour in (each, (each + 1) % 24) for hour in hours), -hours.count(each), each) for each in range(24)
    )
    for times, _, hour in ranked if len(reads) >= LEAST_READS else []:
        if -times * 2 >= len(reads):
            first = next(at for at in moments(opens) if at.astimezone(ZoneInfo(zone)).hour == hour)
            if first <= now + GOOD_FOR and is_allowed(first, zone, country):
                return first
    return opens


def moments(opens: datetime) -> Iterator[datetime]:
    """`opens`, and each whole quarter after it."""
    yield opens
    at = opens.replace(minute=0, second=0, microsecond=0)
    while True:
        at += QUARTER
        if at > opens:
            yield at


@pytest.mark.parametrize(("zone", "country"), PLACES)
def test_marketing_leaves_at_the_hour_of_its_reader_within_its_hours_and_waits_for_it_once(
    zone: str, country: str
) -> None:
    chance = Random(zone)
    for now in instants(chance):
        reads = some_reads(chance, zone, now)
        about = {"time_zone": Known(zone, FIRST), "country": Known(country, FIRST)}
        consent = {"marketing/email": Consent(True, FIRST)}
        facts = Facts(about=about, consent=consent, reach=frozenset({"email"}), reads=reads)

        opens, _ = leaves(facts, NONE, now)
        at, waited = leaves(facts, LEARNED, now)

        assert is_allowed(at, zone, country)
        assert at == expected(reads, zone, country, now, opens)
        assert at <= max(opens, now + GOOD_FOR)
        assert len(waited) == (at > now)
