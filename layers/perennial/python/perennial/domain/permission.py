"""May this customer be contacted: by consent, at this hour where they live, and not too often.

Asked when a message is decided on and asked again when it leaves; both times of the same functions.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any, NamedTuple, Protocol, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from perennial.domain.actions import Channel, Purpose
from perennial.domain.clocks import Clock, clocks_of
from perennial.domain.consent import ConsentRules, missing_consent
from perennial.domain.countries import AssignedCountry
from perennial.domain.customer import Facts, Send
from perennial.domain.holidays import public_holidays
from perennial.domain.values import Duration, Model

DELETED = "customer deleted"
ERASED = "address erased"
"""Its owner had it erased, and has agreed to no message since."""
NO_ADDRESS = "no address"

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


Zones = tuple[str, ...]


@lru_cache(maxsize=1024)
def zones_of(time_zone: str | None, country: str | None, default: str, phone: Zones = ()) -> Zones:
    """Where the customer may be: in their zone, anywhere in their country, and where their phone is from.

    The zone of the profile is first, if there is one. What agrees with it adds nothing; what does not, counts too.
    Where nothing is known it is `default`.
    """
    known: Zones = (str(time_zone),) if zone_of(time_zone) else ()
    for more in (_zones_by_country().get(country or "", ()), phone):
        usable = tuple(zone for zone in more if zone_of(zone))
        if not (len(known) == 1 and known[0] in usable):
            known = (*known, *(zone for zone in usable if zone not in known))
    return known or (default,)


def customer_zones(facts: Facts, default: str, phone: Zones = ()) -> Zones:
    """`zones_of` the customer, from what the record knows; which knows no phone."""
    time_zone = facts.about.get("time_zone")
    return zones_of(time_zone and time_zone.value, country_of(facts), default, phone)


def country_of(facts: Facts) -> str | None:
    country = facts.about.get("country")
    return country and country.value


def language_of(facts: Facts) -> str | None:
    """The language that they read, without script and country: `zh` of zh-Hant-TW."""
    locale = facts.about.get("locale")
    return locale.value.replace("_", "-").partition("-")[0].lower() if locale else None


def local_times(zones: Zones, now: datetime) -> tuple[str, ...]:
    """What the clock says where it is earliest, and where it is latest: "America/New_York 2026-06-15 08:00"."""
    local = sorted((now.astimezone(ZoneInfo(zone)).replace(tzinfo=None), zone) for zone in zones)
    return tuple(f"{zone} {at:%Y-%m-%d %H:%M}" for at, zone in dict.fromkeys((local[0], local[-1])))


_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def _clock_time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (match := _CLOCK_TIME.fullmatch(value)):
        return time(int(match[1]), int(match[2]))
    # YAML reads a bare 20:00 as the number 1200
    raise ValueError('a time of day is written in quotes, hours and minutes: "20:00"')


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK_TIME.pattern}$", "examples": ["20:00"]}),
]
"""A time of day by somebody's own clock, to the minute."""


def _known_zone(name: str) -> str:
    if not zone_of(name):
        raise ValueError(f"{name!r} is no time zone of the IANA database; write it like Europe/Madrid")
    return name


class Curfew(Protocol):
    """A time, by somebody's own clock, in which nothing leaves."""

    def is_on(self, wall: datetime) -> bool:
        """wall: what that clock says, without a zone."""

    def left(self, wall: datetime) -> timedelta:
        """How long by that clock until it may begin or end."""


class Hours(Model):
    """The part of each day in which messages do not leave."""

    start: ClockTime = time(20)
    """The first quiet minute."""
    end: ClockTime = time(9)
    """The first minute that is not quiet any more."""

    @model_validator(mode="after")
    def _some_of_the_day(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours start and end at different times; to have none, leave `purposes` empty")
        return self

    def include(self, local: time) -> bool:
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def is_on(self, wall: datetime) -> bool:
        return self.include(wall.time())

    def left(self, wall: datetime) -> timedelta:
        end = self.end if self.is_on(wall) else self.start
        return (datetime.combine(wall, end) - wall) % DAY


class CountryHours(Hours):
    """What the law of some countries wants besides."""

    countries: Annotated[frozenset[AssignedCountry], Field(min_length=1), PlainSerializer(sorted, when_used="json")]
    channel: Channel | None = None
    """None: every channel."""
    purposes: tuple[Purpose, ...] = ("marketing",)

    def govern(self, purpose: Purpose, channel: Channel | None, country: str | None) -> bool:
        return purpose in self.purposes and country in self.countries and self.channel in (None, channel)


class Holidays(NamedTuple):
    """The public holidays of a country, from midnight to midnight."""

    country: str

    def is_on(self, wall: datetime) -> bool:
        return wall.date() in public_holidays(self.country, wall.year)

    def left(self, wall: datetime) -> timedelta:
        return datetime.combine(wall.date() + DAY, time()) - wall


class QuietHours(Hours):
    """When, by the customer's own clock, messages of these purposes do not leave."""

    purposes: tuple[Purpose, ...] = ("service", "marketing")
    default_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """For customers of whom neither zone nor country is known."""
    by_country: tuple[CountryHours, ...] = ()
    """Besides those above, never instead of them."""
    holidays: tuple[Purpose, ...] = ()
    """Messages of these purposes do not leave on a public holiday of the customer's country."""

    @model_validator(mode="after")
    def _leave_some_of_the_day(self) -> Self:
        for country in sorted({country for each in self.by_country for country in each.countries}):
            quiet: tuple[Hours, ...] = (self, *(each for each in self.by_country if country in each.countries))
            if not any(_is_open(minute, quiet) for minute in range(24 * 60)):
                raise ValueError(f"quiet hours leave nothing of the day in {country}")
        return self

    def curfews(self, purpose: Purpose, channel: Channel | None, country: str | None) -> tuple[Curfew, ...]:
        """All that hold for such a message to somebody of that country. channel: None where any may be used."""
        own: tuple[Curfew, ...] = (self,) if purpose in self.purposes else ()
        local = tuple(each for each in self.by_country if each.govern(purpose, channel, country))
        days = (Holidays(country),) if country and purpose in self.holidays else ()
        return (*own, *local, *days)


def _is_open(minute: int, quiet: Iterable[Hours]) -> bool:
    return not any(hours.include(time(*divmod(minute, 60))) for hours in quiet)


def opens_at(now: datetime, zones: Zones, *curfews: Curfew) -> datetime:
    """The first instant, `now` at the earliest, at which no curfew is on in any of the zones.

    Where the zones have no such instant in common, the first zone decides alone.
    """
    at = now
    while len(zones) == 1 or at - now < SEARCH:
        clocks = clocks_of(zones, at)
        on = [(clock, curfew) for clock in clocks for curfew in curfews if _is_quiet(at, clock, curfew)]
        if not on:
            return at
        at = max(_until_change(at, clock, curfew) for clock, curfew in on)
    return opens_at(now, zones[:1], *curfews)


def closes_at(now: datetime, zones: Zones, *curfews: Curfew, before: datetime | None = None) -> datetime:
    """The first instant, `now` at the earliest, at which a curfew is on in one of the zones; `before` at the latest."""
    at = now
    while before is None or at < before:
        each = [(clock, curfew) for clock in clocks_of(zones, at) for curfew in curfews]
        if any(_is_quiet(at, clock, curfew) for clock, curfew in each):
            break
        at = min(_until_change(at, clock, curfew) for clock, curfew in each)
    return at if before is None else min(at, before)


def _is_quiet(at: datetime, clock: Clock, curfew: Curfew) -> bool:
    return curfew.is_on(clock.wall(at))


def _until_change(at: datetime, clock: Clock, curfew: Curfew) -> datetime:
    """The end of the stretch, quiet or not, that `at` is in; or the change of clocks that comes before it."""
    return clock.until_change(at, at + curfew.left(clock.wall(at)))


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
        counted = sends_within(cap, sends, now)
        if cap.governs(purpose, channel) and counted >= cap.at_most:
            return cap
    return None


def sends_within(cap: Cap, sends: Iterable[Send], now: datetime) -> int:
    """How many of these the cap counts at this moment."""
    return sum(cap.governs(send.purpose, send.channel) and send.at > now - cap.per for send in sends)


def refusal(facts: Facts, purpose: Purpose, channel: Channel, rules: ConsentRules) -> str | None:
    """Why this customer may not be contacted so, whatever the hour; None: they may."""
    if facts.deleted_at is not None:
        return DELETED
    if channel not in facts.reach:
        return NO_ADDRESS
    return missing_consent(facts, purpose, channel, rules)


def may_leave_at(
    facts: Facts,
    purpose: Purpose,
    hours: QuietHours,
    now: datetime,
    channel: Channel | None = None,
    phone: Zones = (),
) -> datetime:
    """The first instant, `now` at the earliest, at which a message of this purpose may leave for this customer.

    phone: where their number is from, where that is known.
    """
    curfews = hours.curfews(purpose, channel, country_of(facts))
    return opens_at(now, customer_zones(facts, hours.default_zone, phone), *curfews) if curfews else now


def must_leave_by(
    facts: Facts,
    purpose: Purpose,
    hours: QuietHours,
    now: datetime,
    not_after: datetime,
    channel: Channel | None = None,
    phone: Zones = (),
) -> datetime:
    """The end of the hours in which the message may leave: when quiet begins, or when it would be out of place."""
    curfews = hours.curfews(purpose, channel, country_of(facts))
    if not curfews:
        return not_after
    return closes_at(now, customer_zones(facts, hours.default_zone, phone), *curfews, before=not_after)
