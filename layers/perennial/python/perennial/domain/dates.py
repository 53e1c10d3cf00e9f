"""Plays that hang on a date: a customer's birthday, and the festivals of where they live."""

from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from perennial.domain.customer import Facts, Wait
from perennial.domain.festivals import Festival, Occasion, occasions_after, turn_of
from perennial.domain.permission import country_of, customer_zones, language_of, may_leave_at, must_leave_by
from perennial.domain.policy import OnFestival, Play, Policy


class Dates:
    """What one customer may look forward to."""

    def __init__(self, customer: str, facts: Facts, policy: Policy, now: datetime) -> None:
        self._customer, self._facts, self._policy, self._now = customer, facts, policy, now

    def next(self, play: Play) -> Wait | None:
        """The wait for the next date of this play; None where there is none."""
        return self._next_festival(play, play.on) if isinstance(play.on, OnFestival) else self._next_birthday(play)

    def last(self, play: Play, wait: Wait) -> datetime:
        """Until when what is decided now may leave: a greeting, while the day is the day."""
        good_until, occasion = self._now + play.good_for, self.occasion(play, wait)
        return min(good_until, self._day(play, occasion).ends) if occasion else good_until

    def ended(self, play: Play, wait: Wait) -> str | None:
        """Why nobody waits for this festival any more: it has passed, or policy or customer have changed since."""
        if not isinstance(play.on, OnFestival):
            return None
        occasion = Occasion.of(wait.about)
        if occasion is None or not any(occasion.is_of(each) for each in self._celebrated(play.on)):
            return "not celebrated"
        if wait.since > self._now:  # it has not begun: asked at every event of the year before
            return None
        return "festival is over" if self._now >= self._day(play, occasion).ends else None

    def occasion(self, play: Play, wait: Wait) -> Occasion | None:
        """The festival that is waited for, where it is one."""
        return Occasion.of(wait.about) if isinstance(play.on, OnFestival) else None

    def _next_birthday(self, play: Play) -> Wait | None:
        birthday = self._facts.about.get("birthday")
        if not birthday:
            return None
        at = next_birthday(date.fromisoformat(birthday.value), self._zone, self._now)
        about = f"birthday-{at.astimezone(self._zone).year}"
        opens = may_leave_at(self._facts, play.purpose, self._policy.quiet_hours, at + play.after)
        return Wait(play=play.id, about=about, since=at, due=opens)

    def _next_festival(self, play: Play, on: OnFestival) -> Wait | None:
        """The next whose day has an hour in which this customer may be written to."""
        for occasion in occasions_after(self._now, self._celebrated(on), self._zone):
            if turn := self._turn(play, on, occasion):
                return Wait(play=play.id, about=occasion.about, since=occasion.begins(self._zone), due=turn)
        return None

    def _celebrated(self, on: OnFestival) -> list[Festival]:
        """By this customer, as far as the play means it."""
        theirs = self._policy.celebrated_in.get(country_of(self._facts) or "", ())
        return [each for each in theirs if on.means(each) and each.is_read_by(language_of(self._facts))]

    def _turn(self, play: Play, on: OnFestival, occasion: Occasion) -> datetime | None:
        """The customer's own moment of the day; None where nothing may leave on it."""
        hours, day = self._policy.quiet_hours, self._day(play, occasion)
        opens = may_leave_at(self._facts, play.purpose, hours, day.begins)
        if opens >= day.ends:
            return None
        closes = must_leave_by(self._facts, play.purpose, hours, opens, min(opens + on.over, day.ends))
        return turn_of(self._customer, occasion, opens, closes)

    def _day(self, play: Play, occasion: Occasion) -> "_Stretch":
        """The day itself, or as long after it as the play begins after it."""
        return _Stretch(occasion.begins(self._zone) + play.after, occasion.ends(self._zone) + play.after)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(customer_zones(self._facts, self._policy.quiet_hours.default_zone)[0])


class _Stretch(NamedTuple):
    begins: datetime
    ends: datetime


def next_birthday(born: date, zone: ZoneInfo, now: datetime) -> datetime:
    """The first birthday midnight after now, in the customer's zone; 29 February is kept on the 28th in other years."""
    year = now.astimezone(zone).year
    for candidate in (year, year + 1):
        day = 28 if (born.month, born.day) == (2, 29) and not _is_leap(candidate) else born.day
        at = datetime(candidate, born.month, day, tzinfo=zone)
        if at > now:
            return at.astimezone(now.tzinfo)
    raise AssertionError("a birthday comes every year")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
