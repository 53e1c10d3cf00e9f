"""The account of loyalty points: what was given, taken and has lapsed, by the events alone and in any order.

Points that expire do so at the end of a month, in UTC, and what is taken comes first from what lapses first. So the
record needs no line for each movement: what was taken in each month, and what given in one month lapses with another,
tell the balance at every instant. Within a month giving comes before taking, and lapsing last.

The balance may be below zero: an outside system said that more was spent than was ever given, and it says what is.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from perennial.domain.actions import Grant
from perennial.domain.customer import Points
from perennial.domain.events import REFERENCE, PointsEarned, PointsGivenData
from perennial.domain.values import iso

SOURCE = "perennial/plays"
"""Who says of points that a play gave them."""
_BETWEEN = "/"


class Lapse(NamedTuple):
    """Points that nobody has if they are not taken by then."""

    at: datetime
    points: int


class Lot(NamedTuple):
    """What was given in one month, and lapses with another."""

    given: str
    lapses: str
    points: int


class Account(NamedTuple):
    """How many points there are at one instant."""

    given: int
    taken: int
    lapsed: int
    next: Lapse | None
    """What lapses next, if nothing is taken until then."""

    @property
    def balance(self) -> int:
        return self.given - self.taken - self.lapsed


def with_given(points: Points, number: int, at: datetime, expires_at: datetime | None) -> Points:
    """The account with so many points more. expires_at: they lapse with its month, at the earliest with `at`'s."""
    changes: dict[str, object] = {"given": points.given + number}
    if expires_at:
        lot = f"{_month(at)}{_BETWEEN}{max(_month(at), _month(expires_at))}"
        changes["lapsing"] = _more(points.lapsing, lot, number)
    return points.but(changes)


def with_taken(points: Points, number: int, at: datetime) -> Points:
    """The account with so many points less."""
    return points.but({"taken": _more(points.taken, _month(at), number)})


def account(points: Points, now: datetime) -> Account:
    """The account as it stands at this instant."""
    lapsed, left = _lapsed(points, _month(now))
    coming = next(((month, number) for month, number in sorted(left.items()) if number), None)
    ahead = Lapse(_end_of(coming[0]), coming[1]) if coming else None
    return Account(points.given, sum(points.taken.values()), lapsed, ahead)


def _lapsed(points: Points, this_month: str) -> tuple[int, dict[str, int]]:
    """What has lapsed before this month, and by the month with which it lapses what is left of the rest."""
    lots = [_lot(name, number) for name, number in points.lapsing.items()]
    months = {*points.taken, *(lot.given for lot in lots), *(lot.lapses for lot in lots)}
    gone, left = 0, dict[str, int]()
    for month in sorted(months):
        for lot in lots:
            if lot.given == month:
                left[lot.lapses] = left.get(lot.lapses, 0) + lot.points
        _take(left, points.taken.get(month, 0))
        if month < this_month:
            gone += left.pop(month, 0)
    return gone, left


def _lot(name: str, points: int) -> Lot:
    given, _, lapses = name.partition(_BETWEEN)
    return Lot(given, lapses, points)


def _take(left: dict[str, int], number: int) -> None:
    """From what lapses first; what is more comes from points that never do."""
    for month in sorted(left):
        used = min(number, left[month])
        left[month] -= used
        number -= used


def told_by(grant: Grant) -> PointsEarned:
    """The event by which points that a play gives come into the account; the same however often it is sent."""
    return PointsEarned(
        id=grant.id,
        source=SOURCE,
        store=grant.store,
        time=grant.decided_at,
        customer=grant.customer,
        data=PointsGivenData(
            points=grant.points, reference=grant.reference, expires_at=grant.expires_at, play=grant.play
        ),
    )


def as_reference(word: object) -> str | None:
    """The id of an order as a movement of points may name it; None for what could be words."""
    return word if isinstance(word, str) and re.fullmatch(REFERENCE, word) else None


def _month(at: datetime) -> str:
    return iso(at)[:7]


def _end_of(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _more(sums: Mapping[str, int], key: str, number: int) -> dict[str, int]:
    return dict(sorted({**sums, key: sums.get(key, 0) + number}.items()))
