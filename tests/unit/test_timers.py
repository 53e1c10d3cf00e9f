"""Promise 5: `due_at` is the first instant at which time alone changes a record; found by looking, too."""

import random
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.domain.customer import Facts, Wait
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.stage import Rules
from perennial.domain.timers import HORIZON, due_at
from tests.builders import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    NOON,
    SAME_EVERY_TIME,
    Life,
    a_policy,
    a_ticket_event,
    an_event,
    folded,
    placed,
    the_policy,
)
from tests.lives import a_life

AFTERWARDS = NOON + 401 * DAY
"""When all of any life has happened."""


def standing(facts: Facts, at: datetime, policy: Policy) -> tuple[str, str, str | None]:
    """(label, stage, band), worked out afresh."""
    band = Health(facts, policy, at).band
    now = Rules(facts, policy).standing(at, band)
    return now.label, now.stage, band


@cache
def some_policy(seed: int) -> Policy:
    """The shipped policy with other weights, bands, half-lives and boundaries."""
    chance, written = random.Random(seed), the_policy().model_dump(mode="json", by_alias=True)
    for part in written["score"]["parts"].values():
        part["weight"] = chance.choice((0, 1, 10, 25))
        if "half_life" in part:
            part["half_life"] = f"{chance.randint(3, 200)}d"
    floors = sorted(chance.sample(range(1, 1000), chance.randint(1, 6)))
    written["score"]["bands"] = {"critical": 0, **{f"b{floor}": floor / 10 for floor in floors}}
    last = f"b{floors[-1]}"
    written["labels"] = [
        {"label": "prospect", "if": "customer.orders == 0"},
        {
            "label": "new",
            "within": {"first_order": f"{chance.randint(1, 50)}d", "last_contact": f"{chance.randint(1, 900)}h"},
        },
        {"label": "silent", "after": {"last_order": f"{chance.randint(50, 400)}d", "last_contact": "100d"}},
        {"label": "declining", "late": {"times": chance.uniform(0.5, 4), "min_orders": 2, "at_least": "1d"}},
        {"label": "mature", "band": [last], "after": {"signed_up": "50d"}},
        {"label": "growing"},
    ]
    written["score"]["parts"]["rhythm"]["min_orders"] = chance.randint(1, 3)
    written["score"]["parts"]["engagement"]["quiet"] = chance.choice((0, 0.35))
    return Policy.model_validate(written)


@settings(SAME_EVERY_TIME, max_examples=40)
@given(a_life, st.integers(0, 30), st.integers(0, 500 * 24 * 60), st.randoms(use_true_random=False))
def test_nothing_changes_before_the_due_time_and_something_does_at_it(
    life: list[Event], seed: int, minutes: int, chance: random.Random
):
    policy, now = some_policy(seed), AFTERWARDS + minutes * MINUTE + 17 * MS
    facts = folded(life, policy)
    before, due = standing(facts, now, policy), due_at(facts, now, policy)

    end = due or now + HORIZON
    near_the_end = [end - number * MINUTE for number in range(1, 20)]
    anywhere = [now + chance.random() * (end - now - MINUTE) for _ in range(60)]

    assert due is None or due > now
    for at in (*near_the_end, *anywhere):
        if now < at < end:
            assert standing(facts, at, policy) == before
    if due:
        assert standing(facts, due, policy) != before


@settings(SAME_EVERY_TIME, max_examples=15)
@given(a_life, st.integers(0, 30))
def test_looked_at_hour_by_hour_a_record_changes_when_it_said_it_would(life: list[Event], seed: int):
    policy, now = some_policy(seed), AFTERWARDS
    facts = folded(life, policy)
    due = due_at(facts, now, policy) or now + HORIZON

    hours = (now + number * HOUR for number in range(1, 24 * 40))
    changed = next((at for at in hours if standing(facts, at, policy) != standing(facts, now, policy)), None)

    if changed:
        assert due <= changed
    if due <= now + 39 * DAY:
        assert changed is None or due > changed - HOUR or standing(facts, due, policy) != standing(facts, now, policy)


def edge(policy: Policy, events: list[Event], now: datetime) -> datetime | None:
    return due_at(folded(events, policy), now, policy)


@cache
def calm_policy() -> Policy:
    """No bands: rules alone decide."""
    return a_policy(score={**the_policy().score.model_dump(mode="json"), "bands": {"steady": 0}})


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (NOON, NOON + 30 * DAY + MS),  # new no more: the thirtieth day is still within
        (NOON + 30 * DAY, NOON + 30 * DAY + MS),
        (NOON + 30 * DAY + MS, NOON + 180 * DAY),  # silent on the day itself
        (NOON + 180 * DAY, None),
    ],
)
def test_the_boundaries_of_labels_are_due_to_the_millisecond(now: datetime, due: datetime | None):
    assert edge(calm_policy(), [placed(NOON)], now) == due


def test_a_boundary_that_changes_nothing_is_not_due():
    """Thirty days after the first order: neither new nor in onboarding, but with no order there is no first."""
    assert edge(calm_policy(), [an_event("product.viewed")], NOON) is None


def test_lateness_against_the_own_rhythm_is_due():
    orders = [placed(NOON + day * DAY, order=f"o-{day}") for day in (0, 20, 40)]

    assert edge(calm_policy(), orders, NOON + 41 * DAY) == NOON + 90 * DAY


def test_a_band_is_due_at_the_first_whole_minute_at_which_the_score_is_in_another():
    ticket = [a_ticket_event("opened", NOON + 17 * MS, by="agent")]

    due = edge(the_policy(), ticket, NOON + 17 * MS)

    assert due is not None
    assert due.replace(second=0, microsecond=0) == due
    facts = folded(ticket)
    assert Health(facts, the_policy(), due - MINUTE).band == "healthy"
    assert Health(facts, the_policy(), due).band == "steady"


@pytest.mark.parametrize(
    ("wait", "due"), [(HOUR, NOON + HOUR), (400 * DAY, NOON + 30 * DAY + MS), (11 * 365 * DAY, NOON + 30 * DAY + MS)]
)
def test_a_wait_is_due_unless_something_else_is_sooner(wait: timedelta, due: datetime):
    waits = [
        Wait(play="p", about="x", since=NOON, due=NOON + wait),
        Wait(play="p", about="y", since=NOON, due=NOON + 900 * DAY),
    ]

    assert due_at(folded([placed(NOON)]), NOON, calm_policy(), waits) == due


def test_where_time_changes_nothing_in_ten_years_nothing_is_due():
    assert due_at(Facts(), NOON, the_policy()) is None


def test_a_wait_beyond_ten_years_is_due_all_the_same():
    waits = [Wait(play="p", about="x", since=NOON, due=NOON + 4000 * DAY)]

    assert due_at(Facts(), NOON, the_policy(), waits) == NOON + 4000 * DAY


@settings(SAME_EVERY_TIME, max_examples=10)
@given(a_life)
def test_time_always_gets_on(life: list[Event]):
    """Whatever a record waits for, the next thing due is later than now: no timer comes again and again."""
    customer = Life()
    for event in sorted(life, key=lambda event: event.time):
        customer.hears(event)

    for _ in range(40):
        due = customer.customer.due_at
        if due is None:
            return
        customer.hears(an_event("timer.due", due, armed="x"))
        assert customer.customer.due_at is None or customer.customer.due_at > due


def rule(**words: Any) -> Policy:
    rules = [{"label": "mature", **words}, {"label": "growing"}]
    return a_policy(labels=rules, score=calm_policy().score.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("words", "due"),
    [
        ({"within": {"signed_up": "10d"}}, NOON + 10 * DAY + MS),
        ({"after": {"signed_up": "10d"}}, NOON + 10 * DAY),
        ({"after": {"signed_up": "10d"}, "within": {"signed_up": "10d"}}, NOON + 10 * DAY),
        ({"after": {"last_order": "10d"}}, None),
    ],
)
def test_every_kind_of_rule_says_when_it_changes(words: dict[str, Any], due: datetime | None):
    facts = folded([an_event("customer.signed_up", NOON)])

    assert due_at(facts, NOON, rule(**words, **{"if": "customer.signed_up"})) == due
