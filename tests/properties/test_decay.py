"""Signals that fade are exact sums: free of order, and what decimal arithmetic of fifty digits makes of them."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perennial.domain.customer import Facts
from perennial.domain.signals import Decayed
from tests.builders import DAY, HOUR, written
from tests.properties.strategies import examples

OLDEST, NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
LEAST_STEP = Decimal(2) ** -30
"""A contribution is kept to this part of what one at the beginning of its half-life weighs."""
EXACT = Context(prec=50)
BOUNDLESS = 2.0**800
"""What contributions from years ahead come to: read as large, and no more exactly than that."""

Voice = tuple[float, datetime]
instants = st.integers(0, (NEWEST - OLDEST) // timedelta(milliseconds=1)).map(
    lambda ms: OLDEST + ms * timedelta(milliseconds=1)
)
half_lives = st.sampled_from((3 * DAY, 30 * DAY, 3650 * DAY)) | st.integers(72, 87_600).map(lambda hours: hours * HOUR)
voices = st.lists(st.tuples(st.floats(0, 1e6) | st.sampled_from((0.0, 1.0, 1e-9, 0.5)), instants), max_size=25)


def summed(said: Iterable[Voice], half_life: timedelta) -> Decayed:
    *_, signal = accumulate(said, lambda sum_, voice: sum_.add(*voice, half_life), initial=Decayed.nothing(half_life))
    return signal


def halved(amount: Decimal, since: datetime, until: datetime, half_life: timedelta) -> Decimal:
    microsecond = timedelta(microseconds=1)
    halvings = EXACT.divide(Decimal((until - since) // microsecond), Decimal(half_life // microsecond))
    return EXACT.multiply(amount, EXACT.power(2, -halvings))


@examples(200)
@given(voices, half_lives, st.randoms(use_true_random=False))
def test_a_signal_is_the_same_to_the_last_bit_in_any_order(
    said: list[Voice], half_life: timedelta, chance: random.Random
) -> None:
    assert summed(chance.sample(said, len(said)), half_life) == summed(said, half_life)


@examples(300)
@given(voices, half_lives, instants)
def test_a_signal_is_the_sum_of_its_halved_contributions(said: list[Voice], half_life: timedelta, at: datetime) -> None:
    expected = sum((halved(Decimal(weight), since, at, half_life) for weight, since in said), Decimal(0))
    rounding = sum((halved(LEAST_STEP, since, at, half_life) for _, since in said), Decimal(0))

    value = summed(said, half_life).value(at)

    assert value >= 0
    if expected < BOUNDLESS:
        assert value == pytest.approx(float(expected), rel=1e-9, abs=float(rounding))


@examples(100)
@given(voices.filter(len), half_lives, instants, st.integers(1, 8))
def test_a_signal_halves_with_every_half_life(
    said: list[Voice], half_life: timedelta, at: datetime, times: int
) -> None:
    signal = summed(said, half_life)
    assume(signal.value(at) < BOUNDLESS)

    assert signal.value(at + times * half_life) == pytest.approx(signal.value(at) / 2**times, rel=1e-9)


@examples(100)
@given(voices, half_lives, st.lists(instants, min_size=2, max_size=2).map(sorted))
def test_a_signal_never_grows_by_itself(said: list[Voice], half_life: timedelta, two: list[datetime]) -> None:
    signal = summed(said, half_life)

    assert 0 <= signal.value(two[1]) <= signal.value(two[0])


@examples(100)
@given(voices, half_lives)
def test_a_signal_is_read_as_it_was_written(said: list[Voice], half_life: timedelta) -> None:
    facts = Facts(signals={"view": summed(said, half_life)})

    assert Facts.model_validate_json(written(facts)) == facts


@examples(100)
@given(voices, half_lives, half_lives, instants)
def test_a_change_of_half_life_changes_nothing_at_the_moment_of_the_change(
    said: list[Voice], half_life: timedelta, another: timedelta, at: datetime
) -> None:
    before = summed(said, half_life).value(at)
    assume(before < 1e12)  # no customer ever said more

    after = summed(said, half_life).add(0.0, at, another)

    assert after.value(at) == pytest.approx(before, rel=1e-6, abs=1e-8)
    assert after.half_life == another // HOUR
