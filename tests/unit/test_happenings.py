"""What became true with an event: each thing once in a customer's life, in whatever order it is told."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.domain.consent import ConsentRules
from perennial.domain.customer import RECENT_ORDERS, RECENT_TICKETS, Facts
from perennial.domain.events import Event
from perennial.domain.fold import fold
from perennial.domain.happenings import Happening, happenings
from perennial.domain.policy import TRIGGERS
from perennial.domain.settled import Ref, Settled, among, recall, ref_of
from perennial.domain.summary import summary_of
from tests.builders import (
    DAY,
    HOUR,
    NOON,
    SAME_EVERY_TIME,
    a_cart,
    a_ticket_event,
    an_event,
    an_order_event,
    parcel,
    placed,
    shipped,
    the_policy,
)
from tests.lives import A_LONG_LIFE, a_life


def all_of(*events: Event) -> list[Happening]:
    """Everything that became true, in the order in which it did."""
    facts, left, found = Facts(), dict[Ref, Settled](), list[Happening]()
    for event in events:
        recalled = recall(facts, event, among(left))
        folded = fold(facts, event, the_policy(), recalled)
        found += happenings(facts, folded, recalled, event, summary_of(folded.facts), TRIGGERS, ConsentRules())
        facts, left = folded.facts, left | {ref_of(each): each for each in folded.settled}
    return found


def told(*events: Event) -> list[tuple[str, str]]:
    return [(each.type, each.about) for each in all_of(*events)]


ONCE = {
    "customer.signed_up",
    "ticket.opened",
    *(f"order.{state}" for state in ("placed", "paid", "shipped", "delivered", "cancelled", "returned", "refunded")),
}


@settings(SAME_EVERY_TIME, max_examples=40)
@given(st.sampled_from(([], A_LONG_LIFE)), a_life, st.randoms(use_true_random=False))
def test_whatever_the_order_the_same_orders_become_known_and_everything_of_them_once(
    past: list[Event], life: list[Event], chance: random.Random
):
    shuffled = chance.sample(past + life, len(past + life))

    one, other = (Counter(each for each in told(*events) if each[0] in ONCE) for events in (past + life, shuffled))

    assert one == other
    assert set(one.values()) <= {1}


def test_an_order_created_updated_and_paid_becomes_known_once():
    events = [placed(), an_order_event("paid"), placed(NOON, placed_at=NOON), an_order_event("paid", NOON + HOUR)]

    assert told(*events) == [("order.placed", "o-1"), ("order.paid", "o-1")]


def test_of_an_order_nobody_knows_yet_nothing_is_true_until_it_is_placed():
    assert told(an_order_event("paid"), an_order_event("delivered")) == []
    assert told(an_order_event("paid"), an_order_event("delivered"), placed()) == [
        ("order.placed", "o-1"),
        ("order.paid", "o-1"),
        ("order.delivered", "o-1"),
    ]


def test_a_thing_becomes_true_when_it_happened_not_when_it_was_heard():
    (happened,) = all_of(placed(NOON + DAY, placed_at=NOON - DAY))

    assert happened.at == NOON - DAY


@pytest.mark.parametrize(
    "events",
    [
        (parcel("customs_hold"), shipped(), placed()),
        (shipped(), parcel("customs_hold"), placed()),
        (parcel("customs_hold"), placed(), shipped()),
        (placed(), parcel("customs_hold"), shipped(), parcel("customs_hold", NOON + DAY)),
    ],
)
def test_a_parcel_reaches_a_state_once_whether_or_not_its_order_was_known(events: tuple[Event, ...]):
    reached = [each for each in all_of(*events) if each.type == "shipment.updated"]

    assert [each.fields["state"] for each in reached] == ["customs_hold"]
    assert reached[0].fields["tracking"] == "T-1"


def test_the_first_order_is_marked_and_the_second_is_not():
    first, second = all_of(placed(NOON, order="o-1"), placed(NOON + DAY, order="o-2"))

    assert first.fields["first"] is True
    assert "first" not in second.fields


def test_an_order_cancelled_before_it_was_heard_of_is_nobodys_first():
    happened = all_of(an_order_event("cancelled"), placed())

    assert [each.type for each in happened] == ["order.placed", "order.cancelled"]
    assert not any(each.fields.get("first") for each in happened)


def test_each_refund_is_a_happening_of_its_own_and_they_come_in_one_order_always():
    money = {"amount": "1", "currency": "USD"}
    refunds = [
        an_event("order.refunded", order={"id": "o-1"}, refund={"id": name, "total": money}) for name in "fabedc"
    ]

    assert told(*refunds, placed()) == [
        ("order.placed", "o-1"),
        *(("order.refunded", f"o-1/{name}") for name in "abcdef"),
    ]


@pytest.mark.parametrize(
    ("refunds", "happened"),
    [
        ([("all", 5), ("r-1", 5)], ["all"]),
        ([("r-1", 5), ("all", 5)], ["r-1"]),
        ([("all", 5), ("r-1", 5), ("r-2", 1)], ["all", "r-2"]),
        ([("all", 5), ("all", 9)], ["all"]),
        ([("r-1", 0), ("r-2", 0)], ["r-1", "r-2"]),
    ],
)
def test_money_that_is_told_as_a_sum_and_one_by_one_goes_back_once(
    refunds: list[tuple[str, int]], happened: list[str]
) -> None:
    def back(name: str, amount: int) -> Event:
        said = {"id": name, "total": {"amount": str(amount), "currency": "USD"}, "in_all": name == "all"}
        return an_event("order.refunded", NOON + amount * HOUR, order={"id": "o-1"}, refund=said)

    events = [back(name, amount) for name, amount in refunds]

    assert told(placed(), *events)[1:] == [("order.refunded", f"o-1/{name}") for name in happened]


def test_what_happens_to_an_order_that_left_the_record_still_happens():
    orders = [placed(NOON + day * DAY, order=f"o-{day}") for day in range(RECENT_ORDERS + 1)]

    assert told(*orders, an_order_event("returned", NOON + 90 * DAY, order="o-0"))[-1] == ("order.returned", "o-0")


def test_a_ticket_that_left_the_record_and_is_heard_of_again_was_not_opened_again():
    tickets = [a_ticket_event("opened", NOON + day * DAY, ticket=f"t-{day}") for day in range(RECENT_TICKETS + 1)]

    assert told(*tickets, a_ticket_event("resolved", NOON + 90 * DAY, ticket="t-0"))[-1:] == [
        ("ticket.resolved", "t-0")
    ]
    assert len(told(*tickets, a_ticket_event("resolved", NOON + 90 * DAY, ticket="t-0"))) == RECENT_TICKETS + 2


def test_a_ticket_is_resolved_each_time_it_is_and_reopened_each_time_it_is():
    states = ("opened", "resolved", "reopened", "resolved")
    events = [a_ticket_event(state, NOON + hour * HOUR) for hour, state in enumerate(states)]

    assert [kind for kind, _ in told(*events)] == [f"ticket.{state}" for state in states]


def test_a_resolution_heard_after_the_reopening_that_followed_it_is_no_news():
    events = [
        a_ticket_event("opened", NOON),
        a_ticket_event("reopened", NOON + 2 * HOUR),
        a_ticket_event("resolved", NOON + HOUR),
    ]

    assert [kind for kind, _ in told(*events)] == ["ticket.opened", "ticket.reopened"]


def test_a_cart_is_abandoned_anew_when_it_was_touched_since():
    assert told(a_cart(NOON), a_cart(NOON), a_cart(NOON - HOUR)) == [("cart.abandoned", "k-1")]
    assert told(a_cart(NOON), a_cart(NOON + HOUR)) == [("cart.abandoned", "k-1")] * 2


def test_how_late_an_order_arrived_is_told_with_it():
    events = [placed(promised_at=NOON + 3 * DAY), an_order_event("delivered", NOON + 4.5 * DAY)]

    assert all_of(*events)[-1].fields["days_late"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (an_event("survey.answered", survey="nps", score=9), {"survey": "nps", "score": 9.0}),
        (an_event("review.posted", id="v", rating=4), {"rating": 4.0}),
        (
            an_event("consent.changed", channel="sms", granted=False),
            {"channel": "sms", "granted": False, "purpose": "marketing", "unconfirmed": False,
             "consent": "marketing/sms", "said_at": "2026-06-15T12:00:00.000Z"},
        ),
        (an_event("product.viewed", product="p-1"), {"product": "p-1"}),
        (a_ticket_event("replied", intent="return"), {"ticket": "t-1", "intent": "return"}),
    ],
    ids=lambda value: getattr(value, "type", ""),
)  # fmt: skip
def test_what_leaves_no_fact_of_its_own_begins_with_its_event(event: Event, fields: dict[str, object]):
    assert all_of(event)[-1].fields == fields


@pytest.mark.parametrize(("rule", "unconfirmed"), [("opt_in", False), ("confirmed_opt_in", True)])
def test_a_consent_is_unconfirmed_where_its_rule_wants_it_confirmed(rule: str, unconfirmed: bool):
    event, rules = an_event("consent.changed", channel="email", granted=True), {"marketing": rule}
    folded = fold(Facts(), event, the_policy())
    by = ConsentRules.model_validate(rules)

    [found] = happenings(Facts(), folded, (), event, summary_of(folded.facts), TRIGGERS, by)

    assert found.fields["unconfirmed"] is unconfirmed
