"""What must hold in the end of loyalty points and of what plays cost. Promises as those of `reckoning.py`.

Written from docs/points.md and docs/decisions/0019, and not from the code that keeps them: the balance is that of a
book that is kept lot by lot.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from perennial.domain.actions import Grant, action_id, coupon_mark
from perennial.domain.customer import RECENT_COUPONS
from perennial.domain.events import Event, PointsAdjusted, PointsEarned
from perennial.domain.journal import Entry
from perennial.domain.points import account
from tests.campaign.end import End, Life, Ways
from tests.campaign.kinship import events_of
from tests.campaign.points import FORBIDDEN, GONE, TAKEN, USED, Request

PLAYS, STAFF = "perennial/plays", "perennial/desk"
Month = tuple[int, int]
NEVER: Month = (9999, 12)
Charge = tuple[str, str, str]
"""Play, mark of the code, order."""


# Who asked for what


def each_change_happens_once(end: End) -> Ways:
    """What was answered as taken is in one journal; what was refused is in none; and nobody else moved any."""
    made, asked = _by_id(end, STAFF, PointsAdjusted), _asked(end)
    for name, entries in made.items():
        wanted = [each for each in asked.get(name, ()) if each.move.points == entries[0].event.data.points]
        if len(entries) > 1:
            yield f"points {name[:6]} are in {len(entries)} journals"
        if not any(TAKEN in each.statuses for each in wanted):
            yield f"points {name[:6]} were {'refused' if wanted else 'never asked for'}, and moved"
    for name, requests in asked.items():
        taken = [each for each in requests if TAKEN in each.statuses]
        if any(_is_denied(each, taken) for each in requests):
            yield f"points {name[:6]} were taken, and who asked again was told that they are refused"
        if len({(each.customer, each.move.points) for each in taken}) > 1:
            yield f"key {requests[0].move.key} was taken for two things"
        if taken and name not in made and taken[0].customer not in end.graves:
            yield f"points {name[:6]} were answered as taken, and are in no journal"


def _is_denied(request: Request, taken: Iterable[Request]) -> bool:
    """Was it refused though the same had been answered as taken before: to themselves, or before they asked?"""
    same = [each for each in taken if (each.customer, each.move.points) == (request.customer, request.move.points)]
    before = [each for each in same if each is request or (each.taken_at and each.taken_at < request.begun_at)]
    return bool(before) and request.heard in (FORBIDDEN, USED)


def the_good_is_not_refused(end: End) -> Ways:
    for name, requests in _asked(end).items():
        taken = any(TAKEN in each.statuses for each in requests)
        for each in requests:
            if USED in each.statuses and not taken and not each.move.expires_at:
                yield f"points {name[:6]} were refused for a key that nothing came of"
            if GONE in each.statuses and each.customer not in end.graves:
                yield f"{each.customer[:6]} is there, and staff were told otherwise"
            if FORBIDDEN in each.statuses and each.move.role == "admin":
                yield "an admin may move any number of points"


def agents_keep_their_limit(end: End) -> Ways:
    """Together, for one customer on one day, the most that any policy lets go; whose days were lived as one person."""
    most = max(each.points for version in end.world.watch.policies for each in end.policy(version).authority.values())
    agents = {name for name, requests in _asked(end).items() if all(each.move.role == "agent" for each in requests)}
    for life in end.lives:
        sums = Counter[tuple[Any, bool]]()
        for event in (entry.event for entry in life.journal.values() if entry.event.id in agents):
            if isinstance(event, PointsAdjusted) and event.source == STAFF:
                sums[event.time.date(), event.data.points > 0] += abs(event.data.points)
        for (day, _), number in sums.items():
            if number > most and not _was_somebody_else(end, life):
                yield f"agents moved {number} points of {life.customer.id[:6]} on {day}, and may move {most}"


def _asked(end: End) -> Mapping[str, list[Request]]:
    """By the id that the change must have."""
    found: dict[str, list[Request]] = defaultdict(list)
    for each in end.world.goodwill.requests:
        found[action_id("points", each.move.by, each.move.key)].append(each)
    return found


def _by_id(end: End, source: str, kind: type[Any]) -> Mapping[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in _entries(end):
        if entry.event.source == source and isinstance(entry.event, kind):
            found[entry.event.id].append(entry)
    return found


def _entries(end: End) -> Iterator[Entry]:
    return (entry for journal in end.journals.values() for entry in journal.values())


def _was_somebody_else(end: End, life: Life) -> bool:
    """Ever merged, or parted, or with somebody who was."""
    return len(end.related(life)) > 1 or end.was_with_the_erased(life)


# What plays give


def plays_give_once(end: End) -> Ways:
    """For each gift of an entry, one movement of so many points; and none without a gift."""
    made = _by_id(end, PLAYS, PointsEarned)
    gifts = {gift.id: gift for entry in _entries(end) for gift in entry.grants}
    for name, gift in gifts.items():
        if gift.customer not in end.graves and not _is_given(made.get(name, []), gift):
            yield f"{gift.points} points of {gift.play} are in {len(made.get(name, []))} journals"
    for life in end.lives:
        for entry in life.journal.values():
            if entry.event.source == PLAYS and entry.event.id not in gifts and not end.was_with_the_erased(life):
                yield f"no play gave {entry.event.id[:6]}"


def _is_given(made: list[Entry], gift: Grant) -> bool:
    return [entry.event.data.points for entry in made] == [gift.points]


# What there is


def balances_are_those_of_a_book(end: End) -> Ways:
    now = end.world.agenda.now
    for life in end.lives:
        if life.customer.merged_into:
            continue
        told = events_of(end, life)
        held, kept = account(life.customer.facts.points, now).balance, balance(told, now)
        if held != kept:
            yield f"{life.customer.id[:6]} has {held} points, and should have {kept}"


def balance(events: Iterable[Event], now: datetime) -> int:
    """Month by month: all that is given; all that is taken, first from what lapses first; and then what lapses."""
    moved, held, lots = list(_movements(events)), 0, Counter[Month]()
    ends = {max(each.month, each.lapses) for each in moved if each.lapses}
    for month in sorted({each.month for each in moved} | ends):
        for each in (each for each in moved if each.month == month and each.number > 0):
            held += each.number
            lots[max(month, each.lapses or NEVER)] += each.number
        taken = -sum(each.number for each in moved if each.month == month and each.number < 0)
        held -= taken
        _take(lots, taken)
        held -= lots.pop(month, 0) if month < _month(now) else 0
    return held


class Movement(NamedTuple):
    month: Month
    number: int
    """Given; or, below 0, taken."""
    lapses: Month | None


def _movements(events: Iterable[Event]) -> Iterator[Movement]:
    for each in {(each.source, each.id): each for each in events if each.type.startswith("points.")}.values():
        said: Any = each.data
        number = -said.points if each.type in ("points.spent", "points.expired") else said.points
        expires_at = getattr(said, "expires_at", None)
        yield Movement(_month(each.time), number, _month(expires_at) if expires_at else None)


def _take(lots: Counter[Month], number: int) -> None:
    for month in sorted(lots):
        used = min(number, lots[month])
        lots[month] -= used
        number -= used


def _month(at: datetime) -> Month:
    return at.year, at.month


# What plays cost


def points_cost_what_they_are_worth(end: End) -> Ways:
    """By the policy that decided; and nothing else costs points."""
    for entry in _entries(end):
        told = [cost.amount for cost in entry.costs if cost.coupon is None]
        worth = end.policy(entry.policy).currencies.point
        is_gift = isinstance(entry.event, PointsEarned) and entry.event.data.play is not None
        owed = [worth * entry.event.data.points] if is_gift and worth else []
        if told != owed:
            yield f"{entry.event.type} {entry.event.id[:6]} cost {told}, and should cost {owed}"


def coupons_cost_what_they_took_off(end: End) -> Ways:
    """The sum over a journal is that of the orders as they are in the end. Who was one with others is left out: what
    two were given and paid before that is charged to nobody."""
    for life in end.lives:
        given = _given(life)
        if len(given) > RECENT_COUPONS or _was_somebody_else(end, life):
            continue
        charged = Counter[Charge]()
        for entry in life.journal.values():
            for cost in entry.costs:
                if cost.coupon:
                    charged[cost.play, cost.coupon, str(cost.order)] += cost.amount  # type: ignore[assignment]
        if {key: amount for key, amount in charged.items() if amount} != dict(_owed(end, life, given)):
            yield f"{life.customer.id[:6]} is charged with {dict(charged)}, for {dict(_owed(end, life, given))}"


def _given(life: Life) -> Mapping[str, str]:
    """Mark of each code that the customer was told to have got -> its play."""
    told: Iterator[Any] = (entry.event.data for entry in life.journal.values())
    return {each.coupon: each.play for each in told if getattr(each, "coupon", None) and getattr(each, "play", None)}


def _owed(end: End, life: Life, given: Mapping[str, str]) -> Iterator[tuple[Charge, Decimal]]:
    own = {entry.event.data.order.id for entry in life.journal.values() if entry.event.type == "order.placed"}
    for order in sorted(own & end.world.buyers.purchases.keys()):
        purchase = end.world.buyers.purchases[order]
        mark = coupon_mark(purchase.code)
        if mark in given and purchase.costs:
            yield (given[mark], mark, order), purchase.costs


PROMISES: Mapping[str, Callable[[End], Ways]] = {
    "points are moved once for each key": each_change_happens_once,
    "who asks rightly for points is heard": the_good_is_not_refused,
    "agents keep their limit of points": agents_keep_their_limit,
    "plays give points once": plays_give_once,
    "balances are those of a book": balances_are_those_of_a_book,
    "points cost what they are worth": points_cost_what_they_are_worth,
    "coupons cost what they took off": coupons_cost_what_they_took_off,
}
