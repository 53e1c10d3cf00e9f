"""The rhythm of buying (MBG/NBD): against the formula's own definition, a simulation, and common sense."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import hyp2f1, mpf

from perennial.domain.rhythm import Rhythm
from tests.builders import SAME_EVERY_TIME, the_policy

shops = st.builds(Rhythm, r=st.floats(0.1, 5), alpha=st.floats(5, 400), a=st.floats(0.1, 5), b=st.floats(0.1, 10))
histories = st.tuples(st.integers(0, 60), st.floats(0, 1500), st.floats(0, 1500)).map(
    lambda drawn: (drawn[0], drawn[1] if drawn[0] else 0.0, drawn[1] + drawn[2])
)
"""(repeats, day of the last purchase, age), in days since the first purchase."""


def by_definition(shop: Rhythm, repeats: int, last: float, age: float, horizon: float) -> float:
    """E[purchases in the horizon | history], as Batislam et al. write it, to thirty digits."""
    r, alpha, a, b = (mpf(each) for each in (shop.r, shop.alpha, shop.a, shop.b))
    z = horizon / (alpha + age + horizon)
    series = hyp2f1(r + repeats, b + repeats + 1, a + b + repeats, z)
    unspent = ((alpha + age) / (alpha + age + horizon)) ** (r + repeats) * series
    alive = 1 / (1 + a / (b + repeats) * ((alpha + age) / (alpha + last)) ** (r + repeats))
    return float((a + b + repeats) / (a - 1) * (1 - unspent) * alive)


@settings(SAME_EVERY_TIME, max_examples=150)
@given(shops, histories, st.sampled_from([30.0, 90.0, 365.0]))
def test_expected_purchases_are_those_of_the_published_formula(
    shop: Rhythm, history: tuple[int, float, float], horizon: float
):
    if abs(shop.a - 1) < 1e-3:
        return  # where the published form divides by nothing

    expected = by_definition(shop, *history, horizon)

    assert shop.expected_purchases(*history, horizon) == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("age", [0.0, 30.0, 400.0])
def test_a_horizon_much_longer_than_the_usual_gap_needs_many_terms_and_gets_them(age: float):
    shop = Rhythm(r=0.6, alpha=5, a=1.3, b=2.0)

    assert shop.expected_purchases(0, 0, age, 365) == pytest.approx(by_definition(shop, 0, 0, age, 365), rel=1e-3)


@pytest.mark.parametrize("near", [0.0, 1e-9, -1e-9, 1e-7, -1e-7, 1e-5])
def test_where_the_formula_has_a_hole_the_limit_is_taken(near: float):
    hole, beside = (Rhythm(r=0.6, alpha=60, a=a, b=2.0) for a in (1 + near, 1 + 1e-3))

    assert hole.expected_purchases(3, 80, 100, 90) == pytest.approx(beside.expected_purchases(3, 80, 100, 90), rel=2e-3)


@settings(SAME_EVERY_TIME, max_examples=100)
@given(shops, histories)
def test_silence_never_raises_hope(shop: Rhythm, history: tuple[int, float, float]):
    repeats, last, age = history

    hopes = [shop.expected_purchases(repeats, last, age + days, 90) for days in (0, 1, 10, 100, 1000, 3660)]

    assert all(later <= sooner + 1e-9 for sooner, later in pairwise(hopes))
    assert hopes[-1] >= 0


@settings(SAME_EVERY_TIME, max_examples=100)
@given(shops, histories)
def test_the_chance_of_being_alive_is_a_chance(shop: Rhythm, history: tuple[int, float, float]):
    assert 0 <= shop.p_alive(*history) <= 1


@pytest.mark.parametrize(
    ("repeats", "last", "age"), [(400, 30.0, 4000.0), (100_000, 1.0, 36_500.0), (0, 0.0, 36_500.0)]
)
def test_a_long_silence_after_many_purchases_does_not_overflow(repeats: int, last: float, age: float):
    shop = the_policy().score.parts.rhythm.model

    assert shop.expected_purchases(repeats, last, age, 90) == pytest.approx(0, abs=0.02)


def test_who_bought_once_may_have_left_unlike_in_the_plain_model():
    shop = the_policy().score.parts.rhythm.model

    assert shop.p_alive(0, 0, 0) < 1
    assert shop.p_alive(0, 0, 365) < shop.p_alive(0, 0, 30) < shop.p_alive(0, 0, 0)


def test_who_buys_often_is_late_sooner_than_who_buys_rarely():
    shop = the_policy().score.parts.rhythm.model

    often, rarely = shop.p_alive(20, 200, 290), shop.p_alive(2, 200, 290)

    assert often < rarely


def test_expected_purchases_are_what_a_simulated_shop_sees():
    """40,000 customers of the default shop: what those with one repeat by day 100 buy in the 90 days after."""
    chance, bought, alike = random.Random(5), 0, 0
    shop = the_policy().score.parts.rhythm.model
    expected = 0.0
    for _ in range(40_000):
        times = purchases(shop, chance, until=190)
        before = [time for time in times if time <= 100]
        if len(before) == 1:
            alike, bought = alike + 1, bought + len(times) - 1
            expected += shop.expected_purchases(1, before[0], 100, 90)

    assert alike > 2_000
    assert bought / alike == pytest.approx(expected / alike, rel=0.1)


def purchases(shop: Rhythm, chance: random.Random, until: float) -> list[float]:
    """Repeat purchases of one customer: Poisson at a gamma rate, leaving by a beta chance after each, the first too."""
    rate, leaves, time = chance.gammavariate(shop.r, 1 / shop.alpha), chance.betavariate(shop.a, shop.b), 0.0
    times = []
    while chance.random() >= leaves and (time := time + chance.expovariate(rate)) <= until:
        times.append(time)
    return times
