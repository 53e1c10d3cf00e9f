"""Money is exact: as it was told, as it was converted, as it was summed; and what is no amount of money is refused."""

import json
import random
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perennial.domain.customer import RECENT_ORDERS, Facts
from perennial.domain.events import Event, OrderCancelled, OrderPlaced, OrderRefunded, impersonal, parse_event
from perennial.domain.policy import Currencies
from perennial.domain.summary import value_of
from perennial.domain.values import Money
from perennial.ingest import SOURCES, Reading, read
from tests.builders import DAY, NOON, an_event, an_order_event, folded, placed, written
from tests.properties.strategies import examples

MOST = Decimal("999999999999.999999")
CENT = Decimal("0.01")
amounts = st.decimals(0, MOST, places=6, allow_nan=False, allow_infinity=False).map(Decimal.normalize)
prices = st.integers(0, 10**11).map(lambda cents: cents * CENT)
huge = st.integers(13, 10**18).map(lambda exponent: f"9e{exponent}")
no_amounts = st.one_of(
    st.sampled_from(
        ("NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "1e", "", "1,50", "0x1", "1.2.3", "$1", True, [1])
    ),
    huge,
    amounts.filter(bool).map(lambda amount: f"-{amount:f}"),
    st.integers(7, 400).map(lambda places: f"0.{'0' * places}1"),
    st.floats(allow_nan=False).filter(lambda number: number < 0 or number > 1e18),
    st.text(max_size=8).filter(lambda text: not any(each.isdigit() for each in text)),
)


def usd(amount: object) -> dict[str, object]:
    return {"amount": amount, "currency": "USD"}


# As told


@examples(150)
@given(amounts, amounts | st.none())
def test_money_comes_out_of_every_event_as_it_went_in(total: Decimal, base: Decimal | None) -> None:
    event = placed(total=usd(f"{total:f}"), base=None if base is None else f"{base:f}")

    again = parse_event(impersonal(parse_event(event.to_json())).to_json())

    assert isinstance(again, OrderPlaced)
    assert again.data.order.total == Money(amount=total, currency="USD")
    assert again.data.order.base == base


@examples(100)
@given(prices)
def test_an_amount_that_is_told_as_a_number_is_exact_to_the_cent(price: Decimal) -> None:
    event = placed(total=usd("0")).to_json().replace('"amount":"0"', f'"amount":{price:f}')

    again = parse_event(event)

    assert isinstance(again, OrderPlaced)
    assert again.data.order.total == Money(amount=price, currency="USD")


FIELDS: dict[str, Any] = {
    "total": lambda amount: {"order": {"id": "o", "total": usd(amount)}},
    "base": lambda amount: {"order": {"id": "o", "base": amount}},
    "price": lambda amount: {"order": {"id": "o", "items": [{"product": "p", "price": amount}]}},
    "refund": lambda amount: {"order": {"id": "o"}, "refund": {"id": "r", "total": usd(amount)}},
    "refund's base": lambda amount: {"order": {"id": "o"}, "refund": {"id": "r", "total": usd("1"), "base": amount}},
    "cart": lambda amount: {"cart": {"id": "k", "total": usd(amount)}},
}


@pytest.mark.parametrize("field", FIELDS)
@examples(40)
@given(no_amounts)
def test_what_is_no_amount_is_refused_wherever_money_is_told(field: str, amount: Any) -> None:
    kind = {"refund": "order.refunded", "refund's base": "order.refunded", "cart": "cart.abandoned"}
    with pytest.raises(ValidationError):
        an_event(kind.get(field, "order.placed"), **FIELDS[field](amount))


# As converted


@examples(200)
@given(amounts, st.decimals("0.000001", 1_000_000, places=6))
def test_an_amount_is_converted_exactly_and_rounded_once_to_the_cent(amount: Decimal, rate: Decimal) -> None:
    base = Currencies(base="USD", rates={"EUR": rate}).to_base(amount, "EUR")

    exact = Fraction(amount) * Fraction(rate)
    assert base is not None
    assert abs(Fraction(base) - exact) <= Fraction(1, 200)
    assert base == base.quantize(CENT)


@examples(50)
@given(amounts)
def test_the_base_currency_is_not_converted_and_an_unknown_one_not_guessed(amount: Decimal) -> None:
    currencies = Currencies(base="USD", rates={"EUR": Decimal("1.08")})

    assert currencies.to_base(amount, "USD") is amount
    assert currencies.to_base(amount, "XAF") is None


@examples(150)
@given(st.sampled_from(("0", str(MOST), "0.000001")), st.decimals() | huge | amounts)
def test_with_every_rate_that_a_policy_may_have_every_amount_can_be_converted(amount: str, rate: Any) -> None:
    try:
        currencies = Currencies.model_validate({"base": "USD", "rates": {"EUR": rate}})
    except ValidationError:
        return

    base = currencies.to_base(Money(amount=amount, currency="EUR").amount, "EUR")  # type: ignore[arg-type]

    assert base is not None
    assert base >= 0


# As summed


@st.composite
def purchases(draw: st.DrawFn) -> list[Event]:
    """More orders than the record holds, each with its refunds; one may be cancelled."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, RECENT_ORDERS + 3))):
        order, at = f"o-{number}", NOON + number * DAY
        events.append(placed(at, order=order, total=usd(f"{draw(amounts):f}")))
        for refund in draw(st.sets(st.sampled_from("ab"))):
            said = {"id": refund, "total": usd(f"{draw(amounts):f}")}
            events.append(an_event("order.refunded", at, order={"id": order}, refund=said))
        if draw(st.integers(0, 5)) == 5:
            events.append(an_order_event("cancelled", at, order=order))
    return events


def worth(events: Iterable[Event]) -> Fraction:
    """What the orders brought, in fractions: never rounded."""
    paid, back, cancelled = dict[str, Fraction](), dict[str, Fraction](), set[str]()
    for event in events:
        match event:
            case OrderPlaced(data=data) if data.order.total:
                paid[data.order.id] = Fraction(data.order.total.amount)
            case OrderRefunded(data=data):
                back[data.order.id] = back.get(data.order.id, Fraction(0)) + Fraction(data.refund.total.amount)
            case OrderCancelled(data=data):
                cancelled.add(data.order.id)
            case _:
                raise AssertionError(event.type)
    return sum((max(Fraction(0), paid[o] - back.get(o, Fraction(0))) for o in paid if o not in cancelled), Fraction(0))


@examples(60)
@given(purchases(), st.randoms(use_true_random=False))
def test_what_a_customer_is_worth_is_the_exact_sum_in_any_order(events: list[Event], chance: random.Random) -> None:
    facts = folded(chance.sample(events, len(events)))

    assert Fraction(value_of(facts)) == worth(events)
    assert value_of(Facts.model_validate_json(written(facts))) == value_of(facts)


@examples(30)
@given(st.sampled_from(("0", "0.0", "-0", "-0.00")), st.sampled_from(("0", "-0", "0.000")))
def test_nothing_is_nothing_however_it_is_written(one: str, other: str) -> None:
    refunds = [
        an_event("order.refunded", order={"id": "o-1"}, refund={"id": "r", "total": usd("1"), "base": base})
        for base in (one, other)
    ]

    assert written(folded([placed(base=one), *refunds])) == written(folded([placed(base=other), *refunds[::-1]]))


# As Shopify tells it


def shopify_refund(**told: Any) -> Reading:
    topic, body = {"x-shopify-topic": "refunds/create"}, json.dumps({"id": 7, "order_id": 9, **told}).encode()
    return read(SOURCES["shopify"], topic, body, "demo", NOON)


def paid_back(amount: str) -> dict[str, str]:
    return {"kind": "refund", "status": "success", "amount": amount, "currency": "EUR"}


cents = st.integers(1, 10**8).map(lambda number: number * CENT)
"""Amounts that can be: what has more digits than its currency is refused."""


@examples(60)
@given(st.lists(cents, min_size=1, max_size=8))
def test_several_payments_of_one_refund_are_summed_exactly(paid: list[Decimal]) -> None:
    (event,) = shopify_refund(transactions=[paid_back(f"{each:f}") for each in paid]).events

    assert isinstance(event, OrderRefunded)
    assert event.data.refund.total == Money(amount=sum(paid, Decimal(0)), currency="EUR")


def line(subtotal: object, tax: object) -> dict[str, object]:
    money = {"shop_money": {"amount": subtotal, "currency_code": "EUR"}}
    return {"subtotal": subtotal, "total_tax": tax, "subtotal_set": money}


numbers = huge | prices.map(str) | prices.map(float) | st.decimals().map(str) | st.floats()


@examples(150)
@given(st.lists(numbers, max_size=4), st.lists(st.tuples(numbers, numbers), max_size=3), numbers)
def test_whatever_numbers_a_refund_is_made_of_it_is_an_amount_or_not_understood(
    paid: list[Any], lines: list[tuple[Any, Any]], adjusted: Any
) -> None:
    transactions = [{**paid_back("0"), "amount": each} for each in paid]
    told = {"refund_line_items": [line(*each) for each in lines], "order_adjustments": [{"amount": adjusted}]}

    reading = shopify_refund(transactions=transactions, **told)

    assert len(reading.events) + len(reading.quarantined) + len(reading.ignored) == 1
    for event in reading.events:
        assert isinstance(event, OrderRefunded)
        assert 0 < event.data.refund.total.amount <= MOST
