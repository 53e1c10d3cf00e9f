"""The account of loyalty points, against a plain book that is kept lot by lot."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perennial.domain.customer import Points
from perennial.domain.events import Event, impersonal, parse_event, texts_of
from perennial.domain.points import account
from tests.builders import DAY, MS, NOON, SAME_EVERY_TIME, an_event, folded, written
from tests.properties.strategies import examples

JULY = datetime(2026, 7, 1, tzinfo=UTC)


def points(kind: str, number: int, at: datetime = NOON, **data: object) -> Event:
    return an_event(f"points.{kind}", at, points=number, **data)


def balance(events: Iterable[Event], now: datetime = NOON + 400 * DAY) -> int:
    return account(folded(events).points, now).balance


def test_what_is_given_less_what_is_taken_is_there() -> None:
    moves = [points("earned", 100), points("spent", 30), points("adjusted", 5), points("adjusted", -7)]

    assert balance([*moves, points("expired", 8)]) == 60


def test_points_lapse_with_the_end_of_their_month_and_not_before() -> None:
    held = folded([points("earned", 100, expires_at=NOON)]).points

    assert account(held, JULY - MS).balance == 100
    assert account(held, JULY - MS).next == (JULY, 100)
    assert account(held, JULY)[1:] == (0, 100, None)
    assert account(held, JULY).balance == 0


def test_what_is_taken_comes_first_from_what_lapses_first() -> None:
    lasting = points("earned", 50)
    later, sooner = (points("earned", 50, expires_at=NOON + days * DAY) for days in (90, 30))

    held = folded([lasting, later, sooner, points("spent", 60)]).points

    assert account(held, NOON + 31 * DAY).lapsed == 0
    assert account(held, NOON + 400 * DAY).lapsed == 40
    assert account(held, NOON + 400 * DAY).balance == 50


def test_what_was_taken_before_they_were_given_saves_no_points_from_lapsing() -> None:
    before = [points("earned", 100), points("spent", 100, NOON + 30 * DAY)]

    later = points("earned", 50, NOON + 60 * DAY, expires_at=NOON + 90 * DAY)

    assert balance([*before, later]) == 0


def test_what_has_lapsed_cannot_be_saved_by_spending_later() -> None:
    moves = [points("earned", 100, expires_at=NOON), points("earned", 100), points("spent", 60, NOON + 60 * DAY)]

    assert balance(moves) == 40


def test_more_may_be_spent_than_was_given_for_whoever_says_so_knows() -> None:
    assert balance([points("earned", 10), points("spent", 30)]) == -20


def test_points_that_were_to_expire_before_they_were_given_lapse_with_the_month_of_giving() -> None:
    held = folded([points("earned", 10, NOON, expires_at=NOON - 400 * DAY)]).points

    assert account(held, JULY - MS).balance == 10
    assert account(held, JULY).balance == 0


def test_december_ends_with_the_year() -> None:
    held = folded([points("earned", 10, expires_at=datetime(2026, 12, 31, 23, 59, tzinfo=UTC))]).points

    assert account(held, NOON).next == (datetime(2027, 1, 1, tzinfo=UTC), 10)


def test_whoever_never_had_points_has_nothing_of_them_in_the_record() -> None:
    assert "points" not in written(folded([an_event("product.viewed")]))
    assert account(Points(), NOON).balance == 0


# Against a plain book

moments = st.integers(0, 900).map(lambda day: NOON + timedelta(days=day, hours=day % 24))
moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("earned", "adjusted")), st.integers(1, 90), moments, st.none() | moments),
        st.tuples(st.sampled_from(("spent", "expired")), st.integers(1, 90), moments, st.none()),
    ),
    max_size=14,
)


def by_the_book(told: list[tuple[str, int, datetime, datetime | None]], now: datetime) -> int:
    """Month by month: all that is given, then all that is taken, then what lapses."""
    lots: list[tuple[tuple[int, int], int]] = []
    held, month = 0, (NOON.year, NOON.month)
    while True:
        of_month = [each for each in told if (each[2].year, each[2].month) == month]
        for _, number, _, expires_at in (each for each in of_month if each[0] in ("earned", "adjusted")):
            held += number
            if expires_at:
                lots.append((max(month, (expires_at.year, expires_at.month)), number))
        for _, number, _, _ in (each for each in of_month if each[0] in ("spent", "expired")):
            held -= number
            for place, (ends, left) in enumerate(lots := sorted(lots)):
                lots[place] = (ends, left - min(number, left))
                number -= min(number, left)
        if month == (now.year, now.month):
            return held
        held -= sum(left for ends, left in lots if ends == month)
        lots = [lot for lot in lots if lot[0] != month]
        month = (month[0] + month[1] // 12, month[1] % 12 + 1)


@examples(200)
@given(moves, st.integers(900, 1300), st.randoms(use_true_random=False))
def test_in_any_order_and_at_any_time_the_balance_is_that_of_a_book_kept_lot_by_lot(
    told: list[tuple[str, int, datetime, datetime | None]], later: int, chance: random.Random
) -> None:
    events = [points(kind, number, at, **({"expires_at": ends} if ends else {})) for kind, number, at, ends in told]
    shuffled = chance.sample(events, len(events))
    now = NOON + later * DAY

    assert written(folded(shuffled)) == written(folded(events))
    assert balance(shuffled, now) == by_the_book(told, now)


# What may be told


@pytest.mark.parametrize("number", [0, -5, 1_000_000_001, 1.5, "50", True, None])
def test_points_are_whole_numbers_above_nothing(number: object) -> None:
    with pytest.raises(ValidationError):
        an_event("points.earned", points=number)


@pytest.mark.parametrize(("number", "ends"), [(0, None), (-5, NOON), (-1_000_000_001, None), (True, None)])
def test_an_adjustment_changes_something_and_only_what_is_given_expires(number: object, ends: object) -> None:
    with pytest.raises(ValidationError):
        an_event("points.adjusted", points=number, expires_at=ends)


@pytest.mark.parametrize("reference", ["#1001", "order/gid:42", "spring_2026"])
def test_a_reference_is_an_id_or_the_name_of_an_order(reference: str) -> None:
    assert an_event("points.spent", points=1, reference=reference).data.model_dump()["reference"] == reference


@pytest.mark.parametrize("reference", ["ana@example.com", "Ana Ruiz", "", "=1", "x" * 101])
def test_a_reference_is_nobody_s_name_or_address(reference: str) -> None:
    with pytest.raises(ValidationError):
        an_event("points.spent", points=1, reference=reference)


@SAME_EVERY_TIME
@given(st.text(min_size=1, max_size=40))
def test_why_points_were_moved_is_erasable_and_in_no_journal(reason: str) -> None:
    event = an_event("points.adjusted", points=5, reason=reason)

    assert texts_of(event) == {"reason": reason}
    assert parse_event(impersonal(event).to_json()) == impersonal(event)
    assert '"reason"' not in impersonal(event).to_json()
