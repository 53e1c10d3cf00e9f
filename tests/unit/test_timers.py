"""Promise 5: `due_at` is the first instant at which time alone changes a record.

Examples; tests/properties/test_due_at.py looks at every minute.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings

from perennial.domain.customer import Facts, Wait
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.timers import due_at
from perennial.domain.values import to_utc
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


def test_lateness_is_due_to_the_millisecond_as_the_due_index_keeps_it():
    orders = [placed(NOON + day * DAY, order=f"o-{day}") for day in (0, 20, 40)]
    orders.append(placed(NOON + 60 * DAY + timedelta(seconds=1), order="o-60"))

    due = edge(calm_policy(), orders, NOON + 61 * DAY)

    assert due is not None
    assert due == to_utc(due)


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
