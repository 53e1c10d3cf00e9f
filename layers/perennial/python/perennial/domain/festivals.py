"""Festivals: what is celebrated where and when, as the policy says, and whose turn it is when to be greeted."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainSerializer

from perennial.domain.countries import AssignedCountry
from perennial.domain.values import Model

ANY = "any"
"""Whatever is celebrated where they live."""
_DAY = re.compile(r"(?:(20\d\d)-)?(\d\d)-(\d\d)", re.ASCII)
_SOME_YEAR = 2025
"""Without a 29 February: a day that comes every year is in this one too."""


def _parsed(day: str) -> tuple[int | None, date]:
    """(year, day); the year is None where it is every one. Raises `ValueError`."""
    if not (match := _DAY.fullmatch(day)):
        raise ValueError("a day is written like 2027-02-06, or like 12-24 if it comes every year")
    year, month, number = (int(part) if part else None for part in match.groups())
    try:
        return year, date(year or _SOME_YEAR, month or 0, number or 0)
    except ValueError:
        raise ValueError(f"there is no {day}" + ("" if year else " in every year")) from None


def _day(text: str) -> str:
    _parsed(text)
    return text


Day = Annotated[str, AfterValidator(_day)]
"""Of one year, 2027-02-06, or of every year, 12-24."""
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Festival(Model):
    """A day that people of some countries wish each other well on."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]
    """The template knows it by this."""
    countries: Annotated[frozenset[AssignedCountry], Field(min_length=1), PlainSerializer(sorted, when_used="json")]
    languages: Annotated[frozenset[Language], PlainSerializer(sorted, when_used="json")] = frozenset()
    """Only for those who read one of these; empty: for everybody there."""
    dates: Annotated[tuple[Day, ...], Field(min_length=1, max_length=100)]

    def is_on(self, day: date) -> bool:
        written = day.isoformat()
        return written in self.dates or written[len("2027-") :] in self.dates

    def is_read_by(self, language: str | None) -> bool:
        return not self.languages or language in self.languages

    def days_from(self, first: date) -> Iterator[date]:
        """Its days from this one on; of those that come every year, this year's and the next year's."""
        for year, day in self._days:
            years = (first.year, first.year + 1) if year is None else (year,)
            yield from (each for each in (day.replace(year=year) for year in years) if each >= first)

    @cached_property
    def _days(self) -> tuple[tuple[int | None, date], ...]:
        return tuple(_parsed(each) for each in self.dates)


class Occasion(NamedTuple):
    """One festival of one year."""

    festival: str
    day: date

    @property
    def about(self) -> str:
        """How waits and actions name it: the same occasion, the same message, wherever its customer has moved to."""
        return f"{self.festival}@{self.day.isoformat()}"

    @classmethod
    def of(cls, about: str) -> "Occasion | None":
        """None where it names none: the play that waits hung on something else before the policy changed."""
        festival, _, day = about.rpartition("@")
        try:
            return cls(festival, date.fromisoformat(day))
        except ValueError:
            return None

    def is_of(self, festival: Festival) -> bool:
        return self.festival == festival.id and festival.is_on(self.day)

    def begins(self, zone: ZoneInfo) -> datetime:
        """Its first instant on a clock there."""
        return _midnight(self.day, zone)

    def ends(self, zone: ZoneInfo) -> datetime:
        return _midnight(self.day + timedelta(days=1), zone)


def by_country(festivals: Iterable[Festival]) -> Mapping[str, tuple[Festival, ...]]:
    """Country -> what is celebrated there, in the policy's order."""
    found: dict[str, tuple[Festival, ...]] = {}
    for festival in festivals:
        for country in festival.countries:
            found[country] = (*found.get(country, ()), festival)
    return found


def occasions_after(now: datetime, festivals: Iterable[Festival], zone: ZoneInfo) -> list[Occasion]:
    """What is yet to begin there, the next first; of several on one day the first that is listed."""
    first = now.astimezone(zone).date()
    by_day: dict[date, Occasion] = {}
    for festival in festivals:
        for day in festival.days_from(first):
            by_day.setdefault(day, Occasion(festival.id, day))
    return [each for _, each in sorted(by_day.items()) if each.begins(zone) > now]


def turn_of(customer: str, occasion: Occasion, opens: datetime, closes: datetime) -> datetime:
    """When this customer is greeted between the two: always the same, and everybody at another second.

    A birthday is a few people's a day; a festival is everybody's, and would be one minute for all queues and senders.
    """
    digest = hashlib.blake2b(f"{occasion.about}\x1f{customer}".encode(), digest_size=4).digest()
    seconds = int((closes - opens).total_seconds())
    return opens + timedelta(seconds=seconds * int.from_bytes(digest, "big") >> 32)


def run_out(festivals: Iterable[Festival], today: date) -> list[str]:
    """The festivals of which no day is left."""
    return [each.id for each in festivals if not any(each.days_from(today))]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
