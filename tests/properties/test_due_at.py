"""Promise 5: `due_at` is the first instant at which time alone changes a record; found by looking at every minute."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import Phase, given
from hypothesis import strategies as st

from perennial.domain.customer import Customer, Wait
from perennial.domain.decide import Decision, decide
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.signals import EPOCH
from perennial.domain.timers import HORIZON
from perennial.domain.values import to_utc
from tests.builders import DAY, HOUR, MINUTE, MS, NOON, Life, a_policy, a_ticket_event, an_event, the_policy, the_time
from tests.properties.judging import Judge, Standing, instant
from tests.properties.strategies import a_policy_of_many, a_recent_life, examples

YEAR = 365 * DAY
MINUTES = instant(EPOCH + MINUTE)
"""One, in the instants of `judging`."""
clocks_ahead = st.integers(0, 23).map(lambda hours: hours * HOUR)
"""By how much the clock of a vendor is ahead of ours; one day is what the door lets in."""


class Era(NamedTuple):
    """A record as one decision left it, from then until the next."""

    decision: Decision
    begin: datetime
    end: datetime


def silence(policy: Policy, events: Iterable[Event], now: datetime, length: timedelta) -> list[Era]:
    """These events are heard, and then nothing any more: what time makes of the record."""
    life = Life(policy)
    for event in events:
        life.hears(event, now)
    heard = len(life.decisions)
    life.lives_until(now + length)
    decisions = life.decisions[heard - 1 :]
    begins = [each.entry.decided_at for each in decisions]
    return [Era(*era) for era in zip(decisions, begins, [*begins[1:], now + length], strict=True)]


def after(events: list[Event], ahead: timedelta) -> datetime:
    """When the last of these is heard. Nobody's now is a whole minute."""
    return max(event.time for event in events) - ahead + 17 * MS


def standing(customer: Customer) -> Standing:
    return Standing(customer.label, customer.stage, customer.band)


def first_misjudged(era: Era, policy: Policy) -> tuple[datetime, Standing] | None:
    """The first minute of the era at which the customer would be judged to stand elsewhere."""
    judge, stands = Judge(era.decision.customer.facts, policy, era.begin), standing(era.decision.customer)
    first = -(-instant(era.begin) // MINUTES) * MINUTES
    for t in range(first, instant(era.end), MINUTES):
        if judge.at(t) != stands and judge.is_sure(t):
            return EPOCH + t * MS, judge.at(t)
    return None


# Every minute


@examples(5, phases=[Phase.explicit, Phase.generate])
@given(a_policy_of_many(), a_recent_life(25, 40), clocks_ahead)
def test_at_every_minute_of_a_year_a_record_stands_where_it_would_be_judged_to_stand(
    policy: Policy, events: list[Event], ahead: timedelta
) -> None:
    for era in silence(policy, events, after(events, ahead), YEAR):
        assert first_misjudged(era, policy) is None


@cache
def a_restless_policy() -> Policy:
    """A band for each point, and tickets that are forgotten in days."""
    score = the_policy().score.model_dump(mode="json")
    score["parts"]["resolution"]["half_life"] = "3d"
    score["bands"] = {"b0": 0, **{f"b{point}": point for point in range(1, 100)}}
    return a_policy(score=score, plays=[])


@st.composite
def solved_lately(draw: st.DrawFn) -> Event:
    """A ticket solved in time or late, some hours ago or, by the help desk's clock, some hours from now."""
    at, took = NOON + draw(st.integers(-100, 23)) * HOUR, draw(st.sampled_from((HOUR, 100 * HOUR)))
    ticket = f"t-{draw(st.integers(1, 5))}"
    return a_ticket_event("resolved", at, ticket=ticket, opened_at=at - took, by="agent")


@examples(15)
@given(st.lists(solved_lately(), min_size=1, max_size=5))
def test_what_a_clock_ahead_of_ours_told_of_is_foreseen_to_the_minute_too(events: list[Event]) -> None:
    eras = silence(a_restless_policy(), events, NOON, 3 * DAY)

    assert [first_misjudged(era, a_restless_policy()) for era in eras] == [None] * len(eras)
    assert all(standing(one.decision.customer) != standing(two.decision.customer) for one, two in pairwise(eras))


@st.composite
def fading_apart(draw: st.DrawFn) -> Policy:
    """Surveys are forgotten in days and what was written in months: a score may leave its band and come back."""
    score = the_policy().score.model_dump(mode="json")
    for name, part in score["parts"].items():
        part["weight"] = {"satisfaction": 10, "sentiment": draw(st.integers(8, 12))}.get(name, 0)
    mean = draw(st.sampled_from((0.4, 0.5, 0.6)))
    score["parts"]["satisfaction"] |= {"half_life": "3d", "prior": {"mean": mean, "weight": 1}}
    score["parts"]["sentiment"] |= {"half_life": "200d", "prior": {"mean": mean, "weight": 1}}
    score["bands"] = {"low": 0, "high": round(100 * mean) - draw(st.integers(-8, 8))}
    return a_policy(score=score, plays=[])


@st.composite
def praise_and_blame(draw: st.DrawFn) -> list[Event]:
    """Some answer that they are content and write that they are not; some the other way round."""
    answers, mood = draw(st.sampled_from(((5, -1.0), (1, 1.0))))
    surveys = [an_event("survey.answered", survey="csat", score=answers)] * draw(st.integers(1, 3))
    return [*surveys, *[a_ticket_event("replied", sentiment=mood)] * draw(st.integers(1, 3))]


@examples(25)
@given(fading_apart(), praise_and_blame())
def test_a_score_that_leaves_its_band_and_comes_back_is_seen_both_times(policy: Policy, events: list[Event]) -> None:
    eras = silence(policy, events, NOON, 20 * DAY)

    assert [first_misjudged(era, policy) for era in eras] == [None] * len(eras)


# Whole decisions, waits and plays included, at some instants


def kept(decision: Decision) -> dict[str, Any]:
    """What a decision leaves, but for what every decision changes: version and, as it fades, the score."""
    return decision.customer.model_dump(exclude={"version", "score", "parts", "waits"})


def own_waits(customer: Customer, policy: Policy, now: datetime) -> tuple[Wait, ...]:
    """Its waits; for a date that has begun the next one is awaited already, which changes nothing before then."""
    dated = {play.id for play in policy.on_date}
    return tuple(wait for wait in customer.waits if wait.since <= now or wait.play not in dated)


@examples(60)
@given(
    a_policy_of_many(),
    a_recent_life(5, 30),
    clocks_ahead,
    st.randoms(use_true_random=False),
)
def test_before_it_is_due_a_decision_changes_nothing_and_when_it_is_one_does(
    policy: Policy, events: list[Event], ahead: timedelta, chance: random.Random
) -> None:
    now = after(events, ahead)
    (era,) = silence(policy, events, now, timedelta(0))
    record, end = era.decision.customer, era.decision.customer.due_at or now + HORIZON
    sometime = [now + chance.random() * (end - now) for _ in range(12)]

    for at in sorted((*sometime, now + MS, end - MINUTE)):
        if now < at <= end - MINUTE:  # a band that is left within a minute is left, for us, at the end of it
            early = decide(record, the_time(at), policy, at)
            assert kept(early) == kept(era.decision)
            assert own_waits(early.customer, policy, at) == own_waits(record, policy, at)
            assert early.entry.outcomes == ()  # each action and each task has one

    if record.due_at:
        assert end == to_utc(end), "as precise as the due index keeps it"
        due = decide(record, the_time(end), policy, end)
        assert (standing(due.customer), due.customer.waits) != (standing(record), record.waits)
        assert due.customer.due_at is None or due.customer.due_at > end
