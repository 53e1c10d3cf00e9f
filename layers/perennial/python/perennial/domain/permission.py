"""May this customer be contacted: by consent, at this hour where they live, and not too often.

Asked when a message is decided on and asked again when it leaves; both times of the same functions.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from perennial.domain.actions import Channel, Purpose
from perennial.domain.customer import Facts, Send
from perennial.domain.values import Duration, Model

DELETED = "customer deleted"
NO_ADDRESS = "no address"
NO_CONSENT = "no consent"
WITHDRAWN = "consent withdrawn"

SEARCH = timedelta(days=7)
"""Zones that share no open hour within a week never do: the hours repeat daily, but for a change of clocks."""
DAY = timedelta(days=1)


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of this name in the time-zone database, if there is one."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such file; not a zone file, or not a path; a folder
        return None


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    """Country -> its zones, as zone.tab of the time-zone database lists them: the weightiest first."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), zone)
    return found


@lru_cache(maxsize=1024)
def zones_of(time_zone: str | None, country: str | None, default: str) -> tuple[str, ...]:
    """Where the customer may be: in their zone where it is known, else anywhere in their country, else in `default`."""
    if zone_of(time_zone):
        return (str(time_zone),)
    known = tuple(zone for zone in _zones_by_country().get(country or "", ()) if zone_of(zone))
    return known or (default,)


def customer_zones(facts: Facts, default: str) -> tuple[str, ...]:
    """`zones_of` the customer, from what the record knows."""
    time_zone, country = facts.about.get("time_zone"), facts.about.get("country")
    return zones_of(time_zone and time_zone.value, country and country.value, default)


_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _clock_time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (match := _CLOCK_TIME.fullmatch(value)):
        return time(int(match[1]), int(match[2]))
    # YAML reads a bare 20:00 as the number 1200
    raise ValueError('a time of day is written in quotes, hours and minutes: "20:00"')


ClockTime = Annotated[
    time, BeforeValidator(_clock_time), PlainSerializer(lambda value: f"{value:%H:%M}", when_used="json")
]
"""A time of day by somebody's own clock, to the minute."""


def _known_zone(name: str) -> str:
    if not zone_of(name):
        raise ValueError(f"{name!r} is no time zone of the IANA database; write it like Europe/Madrid")
    return name


class QuietHours(Model):
    """The part of the day, by the customer's own clock, in which messages of these purposes do not leave."""

    start: ClockTime = time(20)
    """The first quiet minute."""
    end: ClockTime = time(9)
    """The first minute that is not quiet any more."""
    purposes: tuple[Purpose, ...] = ("service", "marketing")
    default_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """For customers of whom neither zone nor country is known."""

    @model_validator(mode="after")
    def _some_of_the_day(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours start and end at different times; to have none, leave `purposes` empty")
        return self

    def include(self, local: time) -> bool:
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


def opens_at(now: datetime, zones: tuple[str, ...], hours: QuietHours) -> datetime:
    """The first instant, `now` at the earliest, that is quiet in none of the zones.

    Where the zones have no such instant in common, the first zone decides alone.
    """
    clocks, at = [ZoneInfo(zone) for zone in zones], now
    while at - now < SEARCH:
        if not (quiet := [clock for clock in clocks if _is_quiet(at, clock, hours)]):
            return at
        at = max(_until_change(at, clock, hours) for clock in quiet)
    return opens_at(now, zones[:1], hours)


def closes_at(now: datetime, zones: tuple[str, ...], hours: QuietHours) -> datetime:
    """The first instant, `now` at the earliest, that is quiet in one of the zones."""
    clocks, at = [ZoneInfo(zone) for zone in zones], now
    while not any(_is_quiet(at, clock, hours) for clock in clocks):
        at = min(_until_change(at, clock, hours) for clock in clocks)
    return at


def _is_quiet(at: datetime, clock: ZoneInfo, hours: QuietHours) -> bool:
    return hours.include(at.astimezone(clock).time())


def _until_change(at: datetime, clock: ZoneInfo, hours: QuietHours) -> datetime:
    """The end of the stretch, quiet or not, that `at` is in; or the change of clocks that comes before it."""
    local = at.astimezone(clock)
    end = hours.end if hours.include(local.time()) else hours.start
    wall = local.replace(tzinfo=None)
    left = (datetime.combine(wall, end) - wall) % DAY
    if (at + left).astimezone(clock).utcoffset() == local.utcoffset():
        return at + left
    return _change_of_clocks(at, at + left, clock)


def _change_of_clocks(before: datetime, after: datetime, clock: ZoneInfo) -> datetime:
    """The first second of the new offset, by bisection between two instants of different offset."""
    old = before.astimezone(clock).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, clock).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


class Cap(Model):
    """At most so many messages of these purposes in any stretch of time this long."""

    channel: Channel | None = None
    """None: all channels together."""
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1)]
    at_most: Annotated[int, Field(ge=0, le=1000)]
    per: Duration

    def governs(self, purpose: Purpose, channel: Channel) -> bool:
        return purpose in self.purposes and self.channel in (None, channel)


def cap_reached(
    sends: Iterable[Send], caps: Iterable[Cap], purpose: Purpose, channel: Channel, now: datetime
) -> Cap | None:
    """The first cap that one more message at `now` would break. A send exactly `per` ago does not count any more."""
    sends = tuple(sends)
    for cap in caps:
        counted = sum(cap.governs(send.purpose, send.channel) and send.at > now - cap.per for send in sends)
        if cap.governs(purpose, channel) and counted >= cap.at_most:
            return cap
    return None


ConsentRule = Literal["none", "opt_out", "opt_in"]
"""none: needs no consent; opt_out: until the customer objects; opt_in: once the customer has agreed."""


class ConsentRules(Model):
    transactional: ConsentRule = "none"
    service: ConsentRule = "opt_out"
    marketing: ConsentRule = "opt_in"

    def of(self, purpose: Purpose) -> ConsentRule:
        rule: ConsentRule = getattr(self, purpose)
        return rule


def refusal(facts: Facts, purpose: Purpose, channel: Channel, rules: ConsentRules) -> str | None:
    """Why this customer may not be contacted so, whatever the hour; None: they may."""
    if facts.deleted_at is not None:
        return DELETED
    if channel not in facts.reach:
        return NO_ADDRESS
    return _missing_consent(facts, purpose, channel, rules.of(purpose))


def _missing_consent(facts: Facts, purpose: Purpose, channel: Channel, rule: ConsentRule) -> str | None:
    word = facts.consent.get(f"{purpose}/{channel}")
    if rule == "none" or (word and word.granted):
        return None
    if word:
        return WITHDRAWN
    return NO_CONSENT if rule == "opt_in" else None


def may_leave_at(facts: Facts, purpose: Purpose, hours: QuietHours, now: datetime) -> datetime:
    """The first instant, `now` at the earliest, at which a message of this purpose may leave for this customer."""
    if purpose not in hours.purposes:
        return now
    return opens_at(now, customer_zones(facts, hours.default_zone), hours)


def must_leave_by(facts: Facts, purpose: Purpose, hours: QuietHours, now: datetime, not_after: datetime) -> datetime:
    """The end of the hours in which the message may leave: when quiet begins, or when it would be out of place."""
    if purpose not in hours.purposes:
        return not_after
    return min(not_after, closes_at(now, customer_zones(facts, hours.default_zone), hours))
