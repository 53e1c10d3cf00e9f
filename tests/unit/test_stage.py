"""Labels and stages: the first rule that holds decides, both sides of every boundary, in UTC."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from perennial.domain.customer import Label, Stage
from perennial.domain.events import Event
from perennial.domain.policy import Policy
from perennial.domain.score import Health
from perennial.domain.stage import Rules, label_of, stage_of
from tests.builders import (
    DAY,
    HOUR,
    MS,
    NOON,
    a_cart,
    a_policy,
    a_ticket_event,
    an_event,
    an_order_event,
    folded,
    placed,
    the_policy,
)


@cache
def calm_policy() -> Policy:
    """The default rules where nobody is in bad health: what is left is what events and time alone decide."""
    return a_policy(score={**the_policy().score.model_dump(mode="json"), "bands": {"steady": 0}})


def label(events: list[Event], now: datetime) -> Label:
    return label_of(folded(events), now, calm_policy())


def stage(events: list[Event], now: datetime) -> Stage:
    return stage_of(folded(events), now, calm_policy())


def bought(*days: float) -> list[Event]:
    """One order on each of these days."""
    return [placed(NOON + day * DAY, order=f"o-{day}") for day in days]


def bad_times(at: datetime) -> list[Event]:
    """What brings a customer into the lowest band."""
    angry = [an_event("survey.answered", at - 90 * DAY, survey="csat", score=1) for _ in range(9)]
    waiting = a_ticket_event("opened", at - 90 * DAY, sentiment=-1.0)
    undelivered = [placed(at - day * DAY, order=f"o-{day}", promised_at=at - 140 * DAY) for day in (150, 148)]
    return [*angry, waiting, *undelivered]


# Labels: DESIGN 3


def test_without_an_order_everybody_is_a_prospect():
    assert label([an_event("customer.signed_up")], NOON) is Label.PROSPECT


@pytest.mark.parametrize(
    ("after", "expected"), [(0 * DAY, Label.NEW), (30 * DAY, Label.NEW), (30 * DAY + MS, Label.GROWING)]
)
def test_new_is_whoever_first_bought_at_most_thirty_days_ago(after: timedelta, expected: Label):
    assert label(bought(0), NOON + after) is expected


@pytest.mark.parametrize(
    ("after", "expected"), [(180 * DAY - MS, Label.GROWING), (180 * DAY, Label.SILENT), (900 * DAY, Label.SILENT)]
)
def test_silent_is_whoever_neither_bought_nor_said_a_word_for_a_hundred_and_eighty_days(
    after: timedelta, expected: Label
):
    assert label(bought(0), NOON + after) is expected


def test_a_word_from_the_customer_breaks_the_silence():
    events = [*bought(0), an_event("product.used", NOON + 100 * DAY)]

    assert label(events, NOON + 280 * DAY - MS) is not Label.SILENT
    assert label(events, NOON + 280 * DAY) is Label.SILENT


def test_a_purchase_breaks_the_silence():
    events = [*bought(0, 100)]

    assert label(events, NOON + 280 * DAY - MS) is not Label.SILENT
    assert label(events, NOON + 280 * DAY) is Label.SILENT


def test_what_we_write_does_not_break_the_silence():
    events = [*bought(0), an_event("message.sent", NOON + 100 * DAY, action="a", channel="email")]

    assert label(events, NOON + 180 * DAY) is Label.SILENT


def test_a_late_old_order_does_not_make_anybody_new_again():
    events = [placed(NOON, order="late", placed_at=NOON - 200 * DAY), an_event("product.used", NOON)]

    assert label(events, NOON) is not Label.NEW


def test_the_boundary_is_the_same_whatever_zone_the_vendor_writes_in():
    here = placed("2026-06-15T23:30:00+09:00", order="o")  # type: ignore[arg-type]
    there = placed("2026-06-15T10:30:00-04:00", order="o")  # type: ignore[arg-type]

    assert folded([here]).orders["o"].placed_at == folded([there]).orders["o"].placed_at
    assert label([here], here.time + 30 * DAY) is Label.NEW
    assert label([here], here.time + 30 * DAY + MS) is Label.GROWING


def test_a_cancelled_first_order_makes_a_prospect_again():
    events = [*bought(0), an_order_event("cancelled", order="o-0")]

    assert label(events, NOON + DAY) is Label.PROSPECT


@pytest.mark.parametrize(
    ("days", "after", "expected"),
    [
        ((0, 20, 40), 90 * DAY - MS, Label.GROWING),  # mean gap 20 days: late after 50 days
        ((0, 20, 40), 90 * DAY, Label.DECLINING),
        ((0, 2, 4), 49 * DAY - MS, Label.GROWING),  # but not sooner than 45 days after the last
        ((0, 2, 4), 49 * DAY, Label.DECLINING),
        ((0, 20), 120 * DAY, Label.GROWING),  # two orders are no rhythm
    ],
)
def test_declining_is_whoever_is_late_against_their_own_rhythm(
    days: tuple[int, ...], after: timedelta, expected: Label
):
    events = [*bought(*days), *(an_event("survey.answered", NOON, survey="csat", score=4) for _ in range(9))]

    assert label(events, NOON + after) is expected


def test_declining_is_whoever_is_in_the_lowest_band():
    facts = folded(bad_times(NOON))

    assert Health(facts, the_policy(), NOON).band == "critical"
    assert label_of(facts, NOON, the_policy()) is Label.DECLINING
    assert label_of(facts, NOON, calm_policy()) is Label.GROWING


@pytest.mark.parametrize(
    "before",
    [
        [],
        [an_event("customer.signed_up", NOON - DAY)],
        [an_event("product.viewed", NOON - DAY) for _ in range(3)],
        [an_event("product.used", NOON)],
    ],
    ids=lambda events: "+".join(each.type for each in events) or "nothing",
)
def test_whoever_bought_once_and_is_only_quiet_is_not_declining_on_the_way_to_silent(before: list[Event]):
    facts = folded([*before, *bought(0)])

    labels = {label_of(facts, NOON + day * DAY, the_policy()) for day in range(31, 180)}

    assert labels == {Label.GROWING}
    assert label_of(facts, NOON + 180 * DAY - MS, the_policy()) is Label.GROWING
    assert label_of(facts, NOON + 180 * DAY, the_policy()) is Label.SILENT


@pytest.mark.parametrize(("orders", "expected"), [(4, Label.GROWING), (5, Label.MATURE)])
def test_mature_is_whoever_bought_often_and_is_well(orders: int, expected: Label):
    praise = [an_event("survey.answered", NOON + 60 * DAY, survey="nps", score=10)]

    assert label([*bought(*range(0, 10 * orders, 10)), *praise], NOON + 60 * DAY) is expected


@pytest.mark.parametrize(("after", "expected"), [(365 * DAY - MS, Label.GROWING), (365 * DAY, Label.MATURE)])
def test_mature_is_whoever_has_been_with_us_for_long_and_is_well(after: timedelta, expected: Label):
    praise = [an_event("survey.answered", NOON + 364 * DAY, survey="nps", score=10) for _ in range(9)]

    assert label([*bought(0, 360), *praise], NOON + after) is expected


# Stages


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([an_event("customer.signed_up")], Stage.AWARENESS),
        ([an_event("product.viewed")] * 2, Stage.AWARENESS),
        ([an_event("product.viewed") for _ in range(3)], Stage.DECISION),
        ([a_cart()], Stage.DECISION),
        ([a_ticket_event("opened")], Stage.DECISION),
        ([placed()], Stage.ONBOARDING),
        ([placed(), an_event("product.activated", order="o-1")], Stage.RETENTION),
        ([placed(), an_order_event("cancelled")], Stage.AWARENESS),
    ],
    ids=lambda value: "+".join(each.type for each in value) if isinstance(value, list) else str(value),
)
def test_the_stage_follows_from_what_happened(events: list[Event], expected: Stage):
    assert stage(events, NOON + HOUR) is expected


@pytest.mark.parametrize(("after", "expected"), [(30 * DAY, Stage.ONBOARDING), (30 * DAY + MS, Stage.RETENTION)])
def test_onboarding_ends_after_thirty_days_even_without_activation(after: timedelta, expected: Stage):
    assert stage(bought(0), NOON + after) is expected


def test_whoever_is_silent_or_declining_is_to_be_won_back():
    assert stage(bought(0), NOON + 180 * DAY) is Stage.WINBACK
    assert stage_of(folded(bad_times(NOON)), NOON, the_policy()) is Stage.WINBACK


def test_the_explanation_names_the_rule_that_decided():
    facts = folded([*bought(0), an_event("product.activated")])
    standing = Rules(facts, the_policy()).standing(NOON + DAY, "steady")

    assert the_policy().labels[standing.label_rule].label is standing.label
    assert the_policy().stages[standing.stage_rule].stage is standing.stage


# Rules as policy


def rule_policy(**rule: Any) -> Any:
    return a_policy(labels=[{"label": "mature", **rule}, {"label": "growing"}])


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"within": {"signed_up": "1d"}}, False),  # who never signed up did not do so lately
        ({"after": {"signed_up": "1d"}}, True),  # ... and it is long ago
        ({"within": {"first_order": "2d", "last_order": "1d"}}, False),
        ({"within": {"first_order": "2d", "last_order": "2d"}}, True),
        ({"band": []}, True),
        ({"band": ["critical"]}, False),
        ({"if": "customer.orders == 1", "within": {"last_order": "2d"}}, True),
        ({"if": "customer.orders == 2", "within": {"last_order": "2d"}}, False),
    ],
)
def test_all_that_a_rule_names_must_hold(rule: dict[str, Any], holds: bool):
    facts = folded([placed(NOON - 2 * DAY), an_event("survey.answered", survey="nps", score=10)])

    assert (label_of(facts, NOON, rule_policy(**rule)) is Label.MATURE) is holds


@pytest.mark.parametrize("source", ["1 / (customer.orders - 1) > 0", "customer.orders * 9223372036854775807 > 0"])
def test_a_condition_without_an_answer_for_this_customer_does_not_hold(source: str):
    facts = folded([placed(order=f"o-{number}") for number in range(1 if "/" in source else 3)])

    assert label_of(facts, NOON, rule_policy(**{"if": source})) is Label.GROWING


def test_a_condition_that_answers_something_else_than_yes_does_not_hold():
    facts = folded([placed()])
    policy = rule_policy(**{"if": 'customer.orders > 0 ? "yes" : false'})

    assert label_of(facts, NOON, policy) is Label.GROWING


@pytest.mark.parametrize(
    "source",
    [
        'customer.country != "customer.orders"',
        "customer . orders == 1 && customer.orders<2",
        '"event.total" == "event" + ".total"',
    ],
)
def test_a_condition_reads_fields_and_leaves_texts_alone(source: str):
    assert label_of(folded([placed()]), NOON, rule_policy(**{"if": source})) is Label.MATURE


def test_a_stage_may_hang_on_the_label():
    policy = a_policy(stages=[{"stage": "winback", "label": ["new"]}, {"stage": "awareness"}])

    assert stage_of(folded([placed()]), NOON, policy) is Stage.WINBACK
    assert stage_of(folded([]), NOON, policy) is Stage.AWARENESS
