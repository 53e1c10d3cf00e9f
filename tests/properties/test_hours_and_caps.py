"""Over years and in a crowd: no message outside of its hours, none beyond a cap, none after a withdrawal."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.channels.outbox import Contended
from perennial.channels.verdict import StillSending
from perennial.domain.actions import Purpose
from perennial.domain.customer import Facts, Known
from perennial.domain.events import MessageDeferred, MessageSent
from perennial.domain.permission import Cap, CountryHours, QuietHours, may_leave_at, must_leave_by
from tests.builders import DAY, HOUR, MINUTE, NOON, Life, a_play, an_event, consent, with_plays
from tests.messaging import a_policy
from tests.properties.strategies import examples
from tests.unit.test_outbox import House

PLACES = (
    ("Australia/Lord_Howe", "AU"),  # by half an hour
    ("Pacific/Chatham", "NZ"),  # three quarters of an hour off
    ("Asia/Kathmandu", "NP"),  # one quarter, and never
    ("Africa/Casablanca", "MA"),  # for Ramadan, backwards
    ("America/Sao_Paulo", "BR"),
    ("Pacific/Apia", "WS"),
    ("Europe/Madrid", "ES"),
    ("Europe/London", "GB"),
    ("America/New_York", "US"),
    ("America/St_Johns", "CA"),
    ("America/Santiago", "CL"),
    ("Asia/Shanghai", "CN"),
)
FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
STRIDE = timedelta(minutes=37)
"""No divisor of a day, so that every minute of it is met."""
HOURS = QuietHours(
    by_country=(CountryHours(countries=frozenset({"US", "CA"}), channel="sms", start=time(19), end=time(10)),),
    holidays=("marketing",),
)


@cache
def holidays_of(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, years=(2024, 2025, 2026, 2027))


def is_allowed(at: datetime, zone: str, country: str, purpose: str, channel: str) -> bool:
    """Said again, by what the wall says."""
    wall = at.astimezone(ZoneInfo(zone))
    opens, closes = (10, 19) if (country in ("US", "CA"), channel, purpose) == (True, "sms", "marketing") else (9, 20)
    is_free = purpose == "marketing" and wall.date() in holidays_of(country)
    return purpose == "transactional" or (opens <= wall.hour < closes and not is_free)


def instants() -> Iterator[datetime]:
    at = FIRST
    while at < LAST:
        yield at
        at += STRIDE


@pytest.mark.parametrize(("zone", "country"), PLACES)
@pytest.mark.parametrize(("purpose", "channel"), [("marketing", "sms"), ("service", "email")])
def test_for_two_years_no_message_leaves_outside_of_its_hours(
    zone: str, country: str, purpose: Purpose, channel: Any
) -> None:
    facts = Facts(about={"time_zone": Known(zone, FIRST), "country": Known(country, FIRST)})
    opens = FIRST
    for at in instants():
        if at < opens:  # within a stretch that was found closed
            assert not is_allowed(at, zone, country, purpose, channel)
            continue
        opens = may_leave_at(facts, purpose, HOURS, at, channel)

        assert opens >= at
        assert is_allowed(opens, zone, country, purpose, channel)
        assert opens == at or not is_allowed(opens - timedelta(milliseconds=1), zone, country, purpose, channel)


@pytest.mark.parametrize(("zone", "country"), PLACES)
def test_for_two_years_no_message_arrives_after_its_hours(zone: str, country: str) -> None:
    facts = Facts(about={"time_zone": Known(zone, FIRST), "country": Known(country, FIRST)})
    for at in list(instants())[::17]:
        if is_allowed(at, zone, country, "marketing", "email"):
            by = must_leave_by(facts, "marketing", HOURS, at, at + 3 * DAY, "email")

            assert is_allowed(by - MINUTE, zone, country, "marketing", "email")
            assert not is_allowed(by, zone, country, "marketing", "email")


# Caps


@pytest.mark.parametrize(
    ("caps", "most"),
    [
        ((Cap(purposes=("service",), at_most=3, per=DAY),), 3),
        ((Cap(purposes=("service",), at_most=0, per=DAY),), 0),
        (
            (
                Cap(purposes=("service",), at_most=9, per=DAY),
                Cap(purposes=("service", "marketing"), at_most=4, per=DAY),
            ),
            4,
        ),
    ],
)
def test_fifty_senders_at_once_keep_within_every_cap(caps: tuple[Cap, ...], most: int) -> None:
    house = House()
    house.policy = a_policy(caps=caps)

    def attempt(number: int) -> None:
        purpose = "service" if number % 2 or len(caps) == 1 else "marketing"
        while True:
            try:
                house.send(id=f"a-{number}", purpose=purpose)
            except (Contended, StillSending):
                continue
            return

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(attempt, range(50)))

    assert len(house.carrier.taken) == most
    assert Counter(event.type for event in house.outcomes.events) == Counter(
        {"message.sent": most, "message.failed": 50 - most} if most else {"message.failed": 50}
    )


@examples(60)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=8),
    st.integers(1, 4),
    st.booleans(),
)
def test_of_all_that_could_be_sent_the_most_valuable_is(values: list[int], room: int, by_night: bool) -> None:
    plays = [
        a_play(id=f"p{number}", on="product.viewed", purpose="service", value=value)
        for number, value in enumerate(values)
    ]
    quiet = {"start": "20:00", "end": "09:00", "purposes": ["service"], "default_zone": "UTC"}
    caps = [{"purposes": ["service"], "at_most": room, "per": "1d"}]
    life = Life(with_plays(*plays, caps=caps, quiet_hours=quiet))

    life.hears(an_event("product.viewed", NOON.replace(hour=22) if by_night else NOON))
    life.lives_until(NOON + DAY)

    sent = [values[int(play.removeprefix("p"))] for play, _ in life.actions]
    assert sorted(sent, reverse=True) == sorted(values, reverse=True)[:room]


# Withdrawal


@examples(60)
@given(st.lists(st.sampled_from(("agrees", "withdraws", "is written to")), min_size=1, max_size=12))
def test_nobody_is_sent_anything_after_a_withdrawal(steps: list[str]) -> None:
    house, life, may = House(consent={}), Life(), False
    life.hears(an_event("customer.updated", NOON - DAY, customer={"id": "mia", "email": "mia@example.com"}))
    for number, step in enumerate(steps):
        if step == "is written to":
            outcome = house.send(id=f"a-{number}", purpose="marketing")
            assert isinstance(outcome, MessageSent) is may
            assert not isinstance(outcome, MessageDeferred)
        else:
            may = step == "agrees"
            life.hears(consent(may, NOON - DAY + (number + 1) * HOUR))
            house.knows(consent=life.customer.facts.consent)
