"""Consent, quiet hours by the customer's own clock, and caps. See also tests/properties/test_time_zones.py."""

import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from perennial.domain.actions import Channel, Purpose
from perennial.domain.consent import NO_CONSENT, WITHDRAWN, ConsentRules
from perennial.domain.customer import Consent, Facts, Known, Send
from perennial.domain.holidays import public_holidays
from perennial.domain.permission import (
    DELETED,
    NO_ADDRESS,
    Cap,
    CountryHours,
    QuietHours,
    cap_reached,
    closes_at,
    may_leave_at,
    must_leave_by,
    opens_at,
    refusal,
    zones_of,
)

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXACT = timedelta(milliseconds=1)
DAY = timedelta(days=1)
HOURS = QuietHours()


def in_zone(zone: str, *when: int) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type,misc]


def facts(**overrides: Any) -> Facts:
    return Facts(**{"reach": {"email", "sms"}, **overrides})


def living(**about: str) -> Facts:
    return facts(about={name: Known(value, NOON) for name, value in about.items()})


# Where the customer is


def test_a_zone_with_which_the_address_agrees_is_the_only_one():
    assert zones_of("Pacific/Honolulu", "US", "UTC") == ("Pacific/Honolulu",)


def test_a_customer_whose_address_is_elsewhere_may_be_in_either():
    zones = zones_of("Asia/Tokyo", "PT", "UTC")

    assert zones == ("Asia/Tokyo", "Europe/Lisbon", "Atlantic/Madeira", "Atlantic/Azores")


def test_a_phone_from_elsewhere_counts_and_one_from_there_does_not():
    assert zones_of("Asia/Tokyo", "JP", "UTC", ("Europe/Madrid",)) == ("Asia/Tokyo", "Europe/Madrid")
    assert zones_of("Asia/Tokyo", "JP", "UTC", ("Asia/Tokyo",)) == ("Asia/Tokyo",)
    assert zones_of(None, None, "UTC", ("Europe/Madrid",)) == ("Europe/Madrid",)


def test_a_phone_does_not_tell_where_in_a_wide_country_somebody_is():
    anywhere = zones_of(None, "US", "UTC")

    assert zones_of(None, "US", "UTC", ("America/New_York",)) == anywhere


def test_without_a_zone_the_customer_may_be_anywhere_in_the_country():
    zones = zones_of(None, "US", "UTC")

    assert zones[0] == "America/New_York"
    assert {"America/Los_Angeles", "Pacific/Honolulu"} <= set(zones)


@pytest.mark.parametrize("nonsense", ["Mars/Olympus", "America", "../../etc/passwd", "zone.tab", "\0", ""])
def test_a_zone_that_does_not_exist_is_as_good_as_none(nonsense: str):
    assert zones_of(nonsense, "ES", "UTC")[0] == "Europe/Madrid"


@pytest.mark.parametrize("country", [None, "XX", "BV"])
def test_a_country_without_zones_leaves_the_default(country: str | None):
    assert zones_of(None, country, "Asia/Shanghai") == ("Asia/Shanghai",)


# Quiet hours


@pytest.mark.parametrize("hours", [HOURS, QuietHours(start=time(13), end=time(15))], ids=["over midnight", "by day"])
def test_the_night_begins_with_its_first_minute_and_ends_with_the_first_that_is_not_quiet(hours: QuietHours):
    def just_before(at: time) -> time:
        return (datetime.combine(NOON, at) - EXACT).time()

    edges = [just_before(hours.start), hours.start, just_before(hours.end), hours.end]

    assert [hours.include(edge) for edge in edges] == [False, True, True, False]


DST = {
    "spring forward, northern": ("America/New_York", 2026, 3, 8),
    "fall back, northern": ("America/New_York", 2026, 11, 1),
    "spring forward, European": ("Europe/Madrid", 2026, 3, 29),
    "fall back, European": ("Europe/Madrid", 2026, 10, 25),
    "spring forward, southern": ("Australia/Sydney", 2026, 10, 4),
    "half an hour": ("Australia/Lord_Howe", 2026, 10, 4),
    "at midnight": ("America/Santiago", 2026, 9, 6),
    "for Ramadan": ("Africa/Casablanca", 2026, 2, 15),
    "none": ("Asia/Shanghai", 2026, 3, 8),
}


@pytest.mark.parametrize(("zone", "year", "month", "day"), DST.values(), ids=DST)
def test_nine_is_the_first_open_minute_on_days_when_clocks_change(zone: str, year: int, month: int, day: int):
    nine = in_zone(zone, year, month, day, 9)
    evening_before = in_zone(zone, year, month, day) - timedelta(hours=3)

    assert opens_at(nine, (zone,), HOURS) == nine
    assert opens_at(nine - EXACT, (zone,), HOURS) == nine
    assert opens_at(evening_before, (zone,), HOURS) == nine


@pytest.mark.parametrize(("zone", "year", "month", "day"), DST.values(), ids=DST)
def test_twenty_is_the_first_quiet_minute_on_days_when_clocks_change(zone: str, year: int, month: int, day: int):
    twenty = in_zone(zone, year, month, day, 20)

    assert opens_at(twenty - EXACT, (zone,), HOURS) == twenty - EXACT
    assert opens_at(twenty, (zone,), HOURS) == in_zone(zone, year, month, day + 1, 9)
    assert closes_at(in_zone(zone, year, month, day, 9), (zone,), HOURS) == twenty


def test_an_unknown_place_in_a_wide_country_waits_for_its_last_morning():
    new_york_morning = in_zone("America/New_York", 2026, 1, 12, 9)

    assert opens_at(new_york_morning, zones_of(None, "US", "UTC"), HOURS) == in_zone("Pacific/Honolulu", 2026, 1, 12, 9)


def test_where_zones_share_no_hour_the_first_decides():
    zones = ("Pacific/Auckland", "Africa/Abidjan")
    night = in_zone("Pacific/Auckland", 2026, 6, 15, 3)

    assert opens_at(night, zones, QuietHours(start=time(12))) == in_zone("Pacific/Auckland", 2026, 6, 15, 9)


def test_transactional_messages_know_no_quiet_hours():
    night = datetime(2026, 6, 15, 2, tzinfo=UTC)

    assert may_leave_at(living(time_zone="UTC"), "transactional", HOURS, night) == night
    assert may_leave_at(living(time_zone="UTC"), "service", HOURS, night) == night.replace(hour=9)


def test_the_country_of_the_record_decides_when_it_names_no_zone():
    night = datetime(2026, 6, 15, 2, tzinfo=UTC)

    assert may_leave_at(living(country="JP"), "marketing", HOURS, night) == night
    assert may_leave_at(living(country="PT"), "marketing", HOURS, night) > night


def test_a_message_must_leave_before_quiet_begins_or_it_is_out_of_place():
    soon, late = NOON + timedelta(hours=1), NOON + timedelta(days=2)

    assert must_leave_by(living(time_zone="UTC"), "service", HOURS, NOON, soon) == soon
    assert must_leave_by(living(time_zone="UTC"), "service", HOURS, NOON, late) == NOON.replace(hour=20)
    assert must_leave_by(living(time_zone="UTC"), "transactional", HOURS, NOON, late) == late


def test_quiet_hours_are_read_from_clock_times_and_written_as_such():
    hours = QuietHours.model_validate({"start": "21:30", "end": "08:00"})

    assert (hours.start, hours.end) == (time(21, 30), time(8))
    assert QuietHours.model_validate_json(hours.model_dump_json()) == hours


@pytest.mark.parametrize(
    "wrong",
    [{"start": 1200}, {"start": "8pm"}, {"start": "20:00:30"}, {"start": "09:00"}, {"default_zone": "Madrid"}],
    ids=["20:00 without quotes is 1200 in YAML", "words", "seconds", "all day", "unknown zone"],
)
def test_quiet_hours_that_cannot_be_meant_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        QuietHours.model_validate(wrong)


# Hours of a country, and its holidays

US_SMS = CountryHours(countries={"US"}, channel="sms", start=time(19), end=time(11))
STRICT = QuietHours(by_country=(US_SMS,))
FREE_DAYS = QuietHours(holidays=("marketing",))
NEW_YORK = {"time_zone": "America/New_York", "country": "US"}


@pytest.mark.parametrize(
    ("purpose", "channel", "opens"),
    [("marketing", "sms", 11), ("marketing", "email", 9), ("service", "sms", 9)],
)
def test_a_country_may_have_longer_nights_for_a_channel_and_purpose(purpose: Purpose, channel: Channel, opens: int):
    night = in_zone("America/New_York", 2026, 1, 12, 3)

    at = may_leave_at(living(**NEW_YORK), purpose, STRICT, night, channel)

    assert at == in_zone("America/New_York", 2026, 1, 12, opens)


def test_a_countrys_hours_are_kept_at_the_other_end_of_the_day_too():
    noon = in_zone("America/New_York", 2026, 1, 12, 12)

    by = must_leave_by(living(**NEW_YORK), "marketing", STRICT, noon, noon + DAY, "sms")

    assert by == in_zone("America/New_York", 2026, 1, 12, 19)


def test_elsewhere_a_countrys_hours_do_not_matter():
    night = in_zone("Europe/Madrid", 2026, 1, 12, 3)

    assert may_leave_at(living(country="FR"), "marketing", STRICT, night, "sms") == in_zone(
        "Europe/Paris", 2026, 1, 12, 9
    )


def test_hours_that_leave_nothing_of_the_day_are_refused():
    with pytest.raises(ValidationError, match="nothing of the day in US"):
        QuietHours(by_country=(CountryHours(countries={"US"}, start=time(9), end=time(20)),))


@pytest.mark.parametrize(
    ("about", "holiday", "opens"),
    [
        ({"country": "ES", "time_zone": "Europe/Madrid"}, (2026, 1, 6), (2026, 1, 7, 9)),  # Epiphany
        ({"country": "DE", "time_zone": "Europe/Berlin"}, (2026, 12, 25), (2026, 12, 27, 9)),  # two days of Christmas
        ({"country": "BR", "time_zone": "America/Sao_Paulo"}, (2026, 9, 7), (2026, 9, 8, 9)),
    ],
)
def test_nobody_is_sent_marketing_on_a_public_holiday(
    about: dict[str, str], holiday: tuple[int, ...], opens: tuple[int, ...]
):
    zone = about["time_zone"]
    noon = in_zone(zone, *holiday, 12)

    assert may_leave_at(living(**about), "marketing", FREE_DAYS, noon) == in_zone(zone, *opens)
    assert may_leave_at(living(**about), "service", FREE_DAYS, noon) == noon
    assert may_leave_at(living(**about), "marketing", HOURS, noon) == noon


def test_a_holiday_is_one_where_the_customer_is_until_their_midnight():
    """The sixth of January is over in Madrid, and not yet in the Canary Islands."""
    hours = QuietHours(start=time(3), end=time(4), holidays=("marketing",))
    just_after = in_zone("Europe/Madrid", 2026, 1, 7, 0, 30)

    assert may_leave_at(living(country="ES"), "marketing", hours, just_after) == in_zone(
        "Atlantic/Canary", 2026, 1, 7, 0
    )


def test_a_message_must_leave_before_a_holiday_begins():
    hours = QuietHours(purposes=(), holidays=("marketing",))
    eve = in_zone("Europe/Madrid", 2026, 1, 5, 22)

    by = must_leave_by(living(country="ES", time_zone="Europe/Madrid"), "marketing", hours, eve, eve + DAY)

    assert by == in_zone("Europe/Madrid", 2026, 1, 6, 0)


def test_a_country_whose_holidays_nobody_knows_has_none():
    assert public_holidays("XX", 2026) == frozenset()


def test_who_asks_for_no_holidays_does_not_load_them():
    program = "import sys, perennial.domain.permission; sys.exit('holidays' in sys.modules)"

    assert (
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False
        ).returncode
        == 0
    )


# Caps

WEEKLY = Cap(channel="email", purposes=("marketing",), at_most=2, per=timedelta(days=7))


def emails(*ago: timedelta, purpose: Purpose = "marketing") -> list[Send]:
    return [Send("email", purpose, NOON - each) for each in ago]


def test_a_cap_binds_when_its_number_has_left_within_its_time():
    assert cap_reached(emails(DAY), [WEEKLY], "marketing", "email", NOON) is None
    assert cap_reached(emails(DAY, 2 * DAY), [WEEKLY], "marketing", "email", NOON) == WEEKLY


def test_the_window_rolls_to_the_millisecond():
    assert cap_reached(emails(DAY, 7 * DAY - EXACT), [WEEKLY], "marketing", "email", NOON) == WEEKLY
    assert cap_reached(emails(DAY, 7 * DAY), [WEEKLY], "marketing", "email", NOON) is None


def test_a_cap_counts_and_binds_only_what_it_governs():
    sent = emails(DAY, 2 * DAY)

    assert cap_reached(sent, [WEEKLY], "service", "email", NOON) is None
    assert cap_reached(sent, [WEEKLY], "marketing", "sms", NOON) is None
    assert cap_reached(emails(DAY, 2 * DAY, purpose="service"), [WEEKLY], "marketing", "email", NOON) is None


def test_a_cap_without_channel_counts_all_channels_together():
    together = Cap(purposes=("service", "marketing"), at_most=2, per=DAY)
    sent = [Send("email", "service", NOON - MINUTE), Send("sms", "marketing", NOON - MINUTE)]

    assert cap_reached(sent, [together], "marketing", "email", NOON) == together


def test_a_cap_is_read_from_a_policy():
    cap = Cap.model_validate({"purposes": ["marketing"], "at_most": 1, "per": "7d"})

    assert cap.per == timedelta(days=7)


# Consent


def test_each_purpose_needs_its_own_kind_of_consent():
    asked: list[Purpose] = ["transactional", "service", "marketing"]

    assert [refusal(facts(), purpose, "email", ConsentRules()) for purpose in asked] == [None, None, NO_CONSENT]


def consenting(granted: bool, purpose: str = "marketing", channel: str = "email") -> Facts:
    return facts(consent={f"{purpose}/{channel}": Consent(granted, NOON)})


def test_marketing_waits_for_a_yes_on_that_very_channel():
    assert refusal(consenting(True), "marketing", "email", ConsentRules()) is None
    assert refusal(consenting(True), "marketing", "sms", ConsentRules()) == NO_CONSENT
    assert refusal(consenting(True, "service"), "marketing", "email", ConsentRules()) == NO_CONSENT


@pytest.mark.parametrize(("purpose", "refused"), [("transactional", None), ("service", WITHDRAWN)])
def test_a_no_stops_what_can_be_objected_to(purpose: Purpose, refused: str | None):
    assert refusal(consenting(False, purpose), purpose, "email", ConsentRules()) == refused


def test_a_no_to_marketing_is_told_from_silence():
    assert refusal(consenting(False), "marketing", "email", ConsentRules()) == WITHDRAWN


def test_the_policy_may_ask_for_more_consent():
    strict = ConsentRules.model_validate({"service": "opt_in"})

    assert refusal(facts(), "service", "sms", strict) == NO_CONSENT


@pytest.mark.parametrize("purpose", ["transactional", "service", "marketing"])
def test_nobody_is_contacted_without_address_or_after_deletion(purpose: Purpose):
    channel: Channel = "sms"

    assert refusal(facts(reach={"email"}), purpose, channel, ConsentRules()) == NO_ADDRESS
    assert refusal(facts(deleted_at=NOON), purpose, channel, ConsentRules()) == DELETED
