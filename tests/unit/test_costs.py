"""What plays cost: coupons that were redeemed and points that were given, whatever was heard first."""

import random
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.domain.actions import coupon_mark
from perennial.domain.customer import RECENT_COUPONS, RECENT_ORDERS
from perennial.domain.events import Event, MessageSent, OrderPlaced, impersonal, parse_event
from tests.builders import DAY, HOUR, NOON, Life, a_policy, an_event, an_order_event, placed
from tests.properties.strategies import examples

CODE = "BCDFGHJKMN"


def sent(code: str = CODE, at: Any = NOON, play: str = "birthday", **data: Any) -> Event:
    """The outcome of a message that carried a code."""
    told = {"action": f"a-{code}", "channel": "email", "play": play, "coupon": coupon_mark(code), **data}
    return an_event("message.sent", at, **told)


def ordered(at: Any = NOON, order: str = "o-1", code: str = CODE, off: str | None = "6.00", **facts: Any) -> Event:
    """An order that was paid with a code."""
    return placed(at, order=order, coupons=[{"code": code, "off": off}], **facts)


def charged(events: Iterable[Event], **policy: Any) -> list[tuple[str, Decimal]]:
    """(play, amount) of every cost in the journal."""
    life = Life(a_policy(**policy))
    for event in events:
        life.hears(event, NOON + 60 * DAY)
    return [(cost.play, cost.amount) for each in life.decisions for cost in each.entry.costs]


def test_an_order_that_redeems_a_play_s_coupon_charges_the_play_with_what_it_took_off() -> None:
    life = Life()
    life.hears(sent())

    (cost,) = life.hears(ordered(NOON + DAY)).entry.costs

    assert (cost.play, cost.amount, cost.coupon, cost.order) == ("birthday", Decimal(6), coupon_mark(CODE), "o-1")


def test_an_order_that_was_heard_of_before_its_coupon_s_message_is_charged_when_that_is() -> None:
    life = Life()

    assert life.hears(ordered(NOON + DAY)).entry.costs == ()
    assert [cost.amount for cost in life.hears(sent()).entry.costs] == [Decimal(6)]


def test_a_cost_is_told_once_however_often_its_order_is() -> None:
    again = ordered(NOON + 2 * HOUR)
    paid = an_order_event("paid", NOON + HOUR)

    assert charged([sent(), ordered(), paid, again, an_order_event("delivered", NOON + DAY)]) == [("birthday", 6)]


def test_of_an_order_that_is_cancelled_the_cost_is_taken_back() -> None:
    events = [sent(), ordered(), an_order_event("cancelled", NOON + HOUR)]

    assert charged(events) == [("birthday", 6), ("birthday", -6)]


def test_what_an_edited_order_costs_more_or_less_is_told_as_the_difference() -> None:
    less = ordered(NOON + HOUR, off="4.00")
    without = placed(NOON + 2 * HOUR, order="o-1")

    assert charged([sent(), ordered(), less, without]) == [("birthday", 6), ("birthday", -2), ("birthday", -4)]


def test_whose_code_it_is_does_not_depend_on_how_it_is_typed() -> None:
    assert charged([sent(), ordered(code=f" {CODE.lower()}")]) == [("birthday", 6)]


def test_a_code_that_is_nobody_s_costs_no_play() -> None:
    assert charged([sent(), ordered(code="SUMMER26")]) == []


def test_a_code_that_somebody_else_redeems_is_charged_to_nobody_and_found_by_its_mark_in_both_journals() -> None:
    whose, somebody = Life(), Life()

    carried = whose.hears(sent()).entry
    paid = somebody.hears(ordered(NOON + DAY)).entry

    assert (carried.costs, paid.costs) == ((), ())
    assert isinstance(carried.event, MessageSent)
    assert isinstance(paid.event, OrderPlaced)
    [used] = paid.event.data.order.coupons
    assert (carried.event.data.coupon, carried.event.data.play) == (used.mark, "birthday")
    assert (used.code, used.off) == (None, Decimal(6))


def test_what_was_taken_off_in_another_currency_is_told_in_the_base_currency() -> None:
    euros = ordered(total={"amount": "40", "currency": "EUR"})
    unknown = ordered(NOON + HOUR, order="o-2", total={"amount": "40", "currency": "XXX"})

    assert charged([sent(), euros, unknown]) == [("birthday", Decimal("6.48"))]


def test_a_message_that_may_have_left_has_given_its_coupon_too() -> None:
    unknown = sent().but({"type": "message.failed"}).to_json()
    failed = parse_event(unknown.replace("message.sent", "message.failed"))

    assert charged([failed, ordered()]) == [("birthday", 6)]


def test_an_order_that_has_left_the_record_is_not_charged_again() -> None:
    many = [placed(NOON + number * DAY, order=f"o-{number + 2}") for number in range(RECENT_ORDERS + 1)]
    late = an_order_event("returned", NOON + 30 * DAY)
    cancelled = an_order_event("cancelled", NOON + 31 * DAY)

    assert charged([sent(), ordered(), *many, late]) == [("birthday", 6)]
    assert charged([sent(), ordered(), *many, late, cancelled]) == [("birthday", 6), ("birthday", -6)]


def test_the_record_keeps_the_newest_few_coupons_only() -> None:
    life = Life()
    for number in range(RECENT_COUPONS + 3):
        life.hears(sent(f"CODE{number}", NOON + number * HOUR))

    newest = {coupon_mark(f"CODE{number}") for number in range(3, RECENT_COUPONS + 3)}
    assert life.customer.facts.coupons.keys() == newest


def test_no_code_is_kept() -> None:
    event = ordered()

    assert CODE not in impersonal(event).to_json()
    assert impersonal(impersonal(event)) == impersonal(event)
    assert CODE not in Life().hears(event).customer.model_dump_json()


# Points


@pytest.mark.parametrize(("worth", "told"), [("0.01", [("birthday", Decimal("0.50"))]), (None, [])])
def test_points_that_a_play_gave_cost_what_the_policy_says_they_are_worth(worth: str | None, told: Any) -> None:
    money = {"base": "USD", "rates": {}, "point": worth}
    given = an_event("points.earned", points=50, play="birthday")

    assert charged([given, an_event("points.earned", points=70)], currencies=money) == told


# In any order


def total(events: Iterable[Event]) -> dict[str, Decimal]:
    sums: Counter[str] = Counter()
    for play, amount in charged(events):
        sums[play] += amount  # type: ignore[assignment]  # Counter adds decimals as well
    return {play: Decimal(amount) for play, amount in sums.items() if amount}


def test_in_every_order_of_what_is_told_a_play_costs_the_same() -> None:
    events = [
        sent(), sent("OTHER", play="winback"), ordered(),
        ordered(NOON + HOUR, order="o-2", code="OTHER", off="3"), an_order_event("cancelled", NOON + DAY, order="o-2"),
        ordered(NOON + 2 * HOUR, off="5.00"),
    ]  # fmt: skip

    assert {str(total(shuffled)) for shuffled in permutations(events)} == {str({"birthday": Decimal("5.00")})}


codes = st.sampled_from(("ONE", "TWO", "THREE"))
moments = st.integers(0, 40).map(lambda hour: NOON + hour * HOUR)
tellings = st.lists(
    st.one_of(
        st.builds(lambda code, at: sent(code, at, play=f"play-{code}"), codes, moments),
        st.builds(
            lambda at, number, code, off: ordered(at, f"o-{number}", code, off),
            moments, st.integers(1, 4), codes, st.sampled_from(("1", "2.5")),
        ),
        st.builds(
            lambda at, number: an_order_event("cancelled", at, order=f"o-{number}"), moments, st.integers(1, 4)
        ),
    ),
    max_size=10,
)  # fmt: skip


@examples(150)
@given(tellings, st.randoms(use_true_random=False))
def test_the_sum_of_costs_does_not_depend_on_what_is_heard_first(told: list[Event], chance: random.Random) -> None:
    assert total(told) == total(chance.sample(told, len(told)))
